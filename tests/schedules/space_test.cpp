// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The space a search walks in: what belongs to it, and that walking stays within the legal.
#include "schedules/space.h"

#include "schedules/families.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/machines.h"

#include <gtest/gtest.h>

#include <set>

namespace cnnc {
namespace {

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

struct Walks {
    std::set<std::string_view> families; // that fit a workload
    int steps = 0, moved = 0;            // moved: ended somewhere else
};

// Walks in the space of every family that fits, for random workloads: all ways end in the legal.
Walks walk_everywhere(const Machine &machine, uint64_t workloads) {
    Walks walks;
    for (uint64_t seed = 0; seed < workloads; ++seed) {
        const Workload w = random_workload(seed);
        for (const Family &family : families()) {
            if (!family_fits(family, w, machine))
                continue;
            walks.families.insert(family.name);
            const SearchSpace space = search_space(family, w, machine);
            std::mt19937_64 random(seed);
            Schedule other = random_schedule(space, random);
            for (int i = 0; i < 8; ++i, ++walks.steps) {
                const Schedule next = mutated(space, other, random);
                walks.moved += !(next == other);
                const Schedule child = crossed(space, next, space.start, random);
                for (const Schedule &s : {other, next, child})
                    EXPECT_EQ(schedule_problem(w, machine, s), "") << schedule_text(s);
                other = next;
            }
        }
    }
    return walks;
}

TEST(Space, WalksStayLegal) {
    const Walks walks = walk_everywhere(avx2_machine(), 150);
    size_t for_cpus = 0;
    for (const Family &family : families())
        for_cpus += !family.gpu;
    EXPECT_EQ(walks.families.size(), for_cpus);
    EXPECT_GT(walks.moved, walks.steps * 8 / 10);
}

TEST(Space, WalksOnGpusStayLegal) {
    Machine machine = avx2_machine();
    machine.gpu = Gpu();
    const Walks walks = walk_everywhere(machine, 80);
    EXPECT_GE(walks.families.size(), 6u);
    EXPECT_GT(walks.moved, walks.steps / 2);
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
