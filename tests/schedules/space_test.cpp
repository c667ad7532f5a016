// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The space a search walks in: what belongs to it, and that walking stays within the legal.
#include "schedules/space.h"

#include "schedules/families.h"
#include "tests/lower/random_workload.h"

#include <gtest/gtest.h>

#include <set>

namespace cnnc {
namespace {

Machine avx2_machine() {
    Machine m;
    m.vector_bytes = 32;
    m.vector_registers = 16;
    m.fma = true;
    m.cores = 4;
    return m;
}

const char *const conv =
    "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 56, 56] -> relu -> f32[1, 64, 56, 56]";

SearchSpace conv_space(const std::vector<std::string_view> &fixed = {}) {
    return search_space(*find_family("direct"), parse_workload(conv).value(), avx2_machine(),
                        fixed);
}

Values integers(const SearchSpace &space, std::string_view name) {
    Values found;
    for (size_t i = 0; i < space.values.size(); ++i)
        if (space.family->params[i].name == name)
            for (const ScheduleValue &value : space.values[i])
                found.push_back(std::get<int64_t>(value));
    return found;
}

TEST(Space, SplitsExtentsEvenly) {
    auto sorted = [](Values v) {
        std::sort(v.begin(), v.end());
        v.erase(std::unique(v.begin(), v.end()), v.end());
        return v;
    };
    EXPECT_EQ(sorted(even_splits(14, 100)), (Values{1, 2, 3, 4, 5, 7, 14}));
    EXPECT_EQ(sorted(even_splits(14, 6)), (Values{1, 2, 3, 4, 5}));
    EXPECT_EQ(sorted(even_splits(1, 8)), (Values{1}));
    for (int64_t extent = 1; extent < 200; ++extent) {
        const Values values = even_splits(extent, extent);
        for (int64_t parts = 1; parts <= extent; ++parts) // no split is missing
            EXPECT_NE(std::find(values.begin(), values.end(), ceil_div(extent, parts)),
                      values.end());
    }
    EXPECT_EQ(round_numbers(12), (Values{1, 2, 3, 4, 6, 8, 12}));
}

TEST(Space, HoldsWhatFitsTheWorkload) {
    const SearchSpace space = conv_space();
    EXPECT_EQ(integers(space, "rows"), (Values{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 19, 28, 56}));
    EXPECT_EQ(integers(space, "tile_c"), (Values{4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64}));
    EXPECT_EQ(integers(space, "unroll"), (Values{1, 2, 3, 4, 6, 8}));
    EXPECT_TRUE(space.legal(space.start));
    EXPECT_GT(space.size(), 1e4);
}

TEST(Space, FixedParametersKeepTheModelsValue) {
    const SearchSpace space = conv_space({"parallel"});
    std::mt19937_64 random(1);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(random_schedule(space, random).choice("parallel"),
                  space.start.choice("parallel"));
}

// Of every family, for random workloads: all ways to walk end in the legal, and mostly somewhere
// else than where they began.
TEST(Space, WalksStayLegal) {
    const Machine machine = avx2_machine();
    std::set<std::string_view> met;
    int steps = 0, moved = 0;
    for (uint64_t seed = 0; seed < 150; ++seed) {
        const Workload w = random_workload(seed);
        for (const Family &family : families()) {
            if (!family_fits(family, w, machine))
                continue;
            met.insert(family.name);
            const SearchSpace space = search_space(family, w, machine);
            std::mt19937_64 random(seed);
            Schedule other = random_schedule(space, random);
            for (int i = 0; i < 8; ++i, ++steps) {
                const Schedule next = mutated(space, other, random);
                moved += !(next == other);
                const Schedule child = crossed(space, next, space.start, random);
                for (const Schedule &s : {other, next, child})
                    ASSERT_EQ(schedule_problem(w, machine, s), "") << schedule_text(s);
                other = next;
            }
        }
    }
    size_t for_cpus = 0;
    for (const Family &family : families())
        for_cpus += !family.gpu;
    EXPECT_EQ(met.size(), for_cpus);
    EXPECT_GT(moved, steps * 8 / 10);
}

TEST(Space, WalksOnGpusStayLegal) {
    Machine machine = avx2_machine();
    machine.gpu = Gpu();
    std::set<std::string_view> met;
    for (uint64_t seed = 0; seed < 80; ++seed) {
        const Workload w = random_workload(seed);
        for (const Family &family : families()) {
            if (!family_fits(family, w, machine))
                continue;
            met.insert(family.name);
            const SearchSpace space = search_space(family, w, machine);
            std::mt19937_64 random(seed);
            Schedule other = random_schedule(space, random);
            for (int i = 0; i < 4; ++i) {
                ASSERT_EQ(schedule_problem(w, machine, other), "") << schedule_text(other);
                other = mutated(space, other, random);
            }
        }
    }
    EXPECT_GE(met.size(), 6u);
}

TEST(Space, EqualRandomNumbersGiveEqualWalks) {
    const SearchSpace space = conv_space();
    std::mt19937_64 a(7), b(7);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(random_schedule(space, a), random_schedule(space, b));
}

TEST(Space, SchedulesOfOtherShapesAreMadeToFit) {
    const SearchSpace space = conv_space();
    // Made for a row of 14 and 512 channels.
    const auto foreign = parse_schedule("direct(tile_x=13, tile_y=3, tile_c=512, vector=8, "
                                        "rows=100, unroll=16, prefetch=2000, parallel=c)",
                                        nullptr, nullptr);
    const auto near = nearest_legal(space, foreign.value());
    ASSERT_TRUE(near);
    EXPECT_TRUE(space.legal(*near));
    EXPECT_EQ(near->choice("parallel"), "c");
    EXPECT_EQ(near->integer("prefetch"), 2048);
    EXPECT_EQ(near->integer("unroll"), 8);
    EXPECT_EQ(nearest_legal(space, space.start), space.start);
}

} // namespace
} // namespace cnnc
