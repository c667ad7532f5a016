// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the cost model says of schedules whose order is known: from measurements, or because one
// does strictly more work than the other.
#include "schedules/cost.h"

#include "tests/lower/random_workload.h"
#include "tests/schedules/random_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace cnnc {
namespace {

Machine avx512_machine() {
    Machine m;
    m.vector_bytes = 64;
    m.vector_registers = 32;
    m.fma = m.masked_stores = m.memory_broadcast = true;
    m.l2_bytes = 1 << 20;
    m.l3_bytes = 2 << 20;
    m.cores = 4;
    return m;
}

Workload conv(int64_t c, int64_t k, int64_t size) {
    return parse_workload(
               fmt::format("conv2d({1}, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
                           "dilation=[1, 1], groups=1, bias=true) f32[1, {0}, {2}, {2}] -> "
                           "f32[1, {1}, {2}, {2}]",
                           c, k, size))
        .value();
}

Cost cost(const Workload &w, const char *changes, int threads = 1) {
    const Machine m = avx512_machine();
    const Schedule start = default_schedule(w, m);
    std::string problem;
    const auto schedule = parse_schedule(changes, &start, &problem);
    EXPECT_TRUE(schedule) << problem;
    EXPECT_EQ(schedule_problem(w, m, *schedule), "") << changes;
    return estimate_cost(w, m, *schedule, threads);
}

TEST(Cost, CountsRegistersAndSpills) {
    const Workload w = conv(64, 64, 56);
    const Cost fits = cost(w, "direct(tile_x=14, tile_c=32)");
    EXPECT_EQ(fits.registers, 14 * 2 + 2 + 1);
    EXPECT_EQ(fits.spilled, 0);
    const Cost spills = cost(w, "direct(tile_x=7, tile_c=64)"); // 28 accumulators, 4 weights
    EXPECT_EQ(spills.registers, 33);
    EXPECT_EQ(spills.spilled, 1);
    EXPECT_GT(spills.cycles, 1.1 * fits.cycles);
}

// Seven pixels by three vectors: seven broadcasts and three loads a step, or seven vectors of
// pixels and twelve of weights for four steps. The core starts one load or one FMA at a time.
TEST(Cost, LanesSaveLoadsOnArm) {
    Target a53 = parse_target("arm64", nullptr).value();
    a53.cpu = "cortex-a53";
    const Machine m = machine_for(a53);
    const Workload w = parse_workload("conv2d(96, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], "
                                      "[0, 0]], dilation=[1, 1], groups=1, bias=true) "
                                      "f32[1, 64, 14, 14]@[12544, 1, 896, 64] -> "
                                      "f32[1, 96, 14, 14]@[18816, 1, 1344, 96]")
                           .value();
    const Schedule start = default_schedule(w, m);
    auto cost_of = [&](int unroll) {
        const Schedule s =
            parse_schedule(fmt::format("gemm(tile_m=7, tile_n=12, vector=4, unroll={})", unroll),
                           &start, nullptr)
                .value();
        EXPECT_EQ(schedule_problem(w, m, s), "");
        return estimate_cost(w, m, s, 1);
    };
    EXPECT_LT(cost_of(4).cycles, 0.85 * cost_of(2).cycles);
    EXPECT_EQ(cost_of(4).registers, 7 * 3 + 7 + 3 + 1);
    EXPECT_EQ(cost_of(4).spilled, 0);
}

TEST(Cost, ReachesThePeakOnlyWithEnoughAccumulators) {
    const Workload w = conv(64, 64, 56);
    const double peak_cycles = double(workload_macs(w)) / (2 * 16);
    EXPECT_LT(cost(w, "direct(tile_x=14, tile_c=32)").cycles, 1.3 * peak_cycles);
    // Two accumulators wait for each other: four cycles a step for one of work.
    EXPECT_GT(cost(w, "direct(tile_x=2, tile_c=16)").cycles, 3 * peak_cycles);
    // Half vectors, half the speed.
    EXPECT_GT(cost(w, "direct(tile_x=14, tile_c=16, vector=8)").cycles, 1.8 * peak_cycles);
}

TEST(Cost, CountsRaggedTilesWhole) {
    const Workload w = conv(64, 64, 28);
    // 28 = 2 * 14 = 2 * 13 + 2: three tiles for two.
    EXPECT_GT(cost(w, "direct(tile_x=13)").compute, 1.3 * cost(w, "direct(tile_x=14)").compute);
}

// Seven tiles share a block of 590 kB: what the first would wait for comes while the others work.
TEST(Cost, WeightsOfTheNextBlockComeMeanwhile) {
    Machine m = avx512_machine();
    m.l2_bytes = 2 << 20;
    const Workload w = conv(512, 512, 7);
    const Schedule preloading = default_schedule(w, m);
    EXPECT_EQ(preloading.choice("preload"), "block");
    Schedule waiting = *parse_schedule("direct(preload=none, prefetch=2048)", &preloading, nullptr);
    EXPECT_GT(estimate_cost(w, m, waiting, 1).cycles,
              1.2 * estimate_cost(w, m, preloading, 1).cycles);
    // Two blocks have to fit the second cache.
    m.l2_bytes = 1 << 20;
    EXPECT_EQ(default_schedule(w, m).choice("preload"), "none");
    EXPECT_GT(estimate_cost(w, m, preloading, 1).waiting, 0);
}

TEST(Cost, WeightsComeFromFurtherAway) {
    // 9.4 MB of weights: rows outside would fetch them all for every row.
    const Workload w = conv(512, 512, 14);
    EXPECT_GT(cost(w, "direct(tile_x=14, tile_c=32, rows=14, order=y)").traffic,
              3 * cost(w, "direct(tile_x=14, tile_c=32, rows=14, order=c)").traffic);
    EXPECT_GT(cost(w, "direct(tile_x=14, tile_c=32, rows=2)").traffic,
              2 * cost(w, "direct(tile_x=14, tile_c=32, rows=14)").traffic);
}

TEST(Cost, WaitsForWeightsThatNobodyAskedFor) {
    const Workload w = conv(512, 512, 7);
    const double in_time = cost(w, "direct(tile_x=7, tile_c=32, prefetch=4096)").cycles;
    const double late = cost(w, "direct(tile_x=7, tile_c=32, prefetch=512)").cycles;
    EXPECT_LT(in_time, late);
    // A tenth to a fifth slower, when measured.
    EXPECT_GT(cost(w, "direct(tile_x=7, tile_c=32, prefetch=0)").cycles, 1.1 * in_time);
    EXPECT_GT(cost(w, "direct(tile_x=7, tile_c=32, prefetch=0)").cycles, late);
    // Where it does not help, it does not cost much either.
    const Workload small = conv(16, 32, 56);
    EXPECT_NEAR(cost(small, "direct(tile_x=14, tile_c=32, prefetch=2048)").cycles /
                    cost(small, "direct(tile_x=14, tile_c=32, prefetch=0)").cycles,
                1, 0.02);
}

TEST(Cost, SharedInputsTakeRegisters) {
    const Workload w = parse_workload("conv2d(32, kernel=[3, 3], stride=[1, 1], "
                                      "padding=[[1, 1], [1, 1]], dilation=[1, 1], groups=1, "
                                      "bias=true) f32[1, 3, 56, 56] -> f32[1, 32, 56, 56]")
                           .value();
    EXPECT_EQ(cost(w, "small(tile_x=14, tile_c=32, unroll=1)").spilled, 0);
    EXPECT_EQ(cost(w, "small(tile_x=14, tile_c=32, unroll=3)").registers, 14 * 2 + 2 + 13 * 2 + 1);
}

TEST(Cost, VectorsOfChannelsHaveWeightsOfTheirOwn) {
    const Workload w = parse_workload("conv2d(96, kernel=[3, 3], stride=[1, 1], "
                                      "padding=[[1, 1], [1, 1]], dilation=[1, 1], groups=96, "
                                      "bias=true) f32[1, 96, 28, 28] -> f32[1, 96, 28, 28]")
                           .value();
    EXPECT_EQ(cost(w, "depthwise(tile_x=4, tile_c=16)").spilled, 0);
    EXPECT_EQ(cost(w, "depthwise(tile_x=4, tile_c=96)").registers, 6 * (4 + 9 + 1) + 1);
}

TEST(Cost, ImagesAreBestReadAsTheyLie) {
    const Workload w = parse_workload("max_pool2d(kernel=[3, 3], stride=[2, 2], "
                                      "padding=[[1, 1], [1, 1]], dilation=[1, 1], ceil_mode=false) "
                                      "f32[1, 64, 112, 112] -> f32[1, 64, 56, 56]")
                           .value();
    EXPECT_GT(cost(w, "pool(tile_x=8, tile_c=16)").cycles,
              1.2 * cost(w, "pool(tile_x=4, tile_c=64)").cycles);
}

TEST(Cost, StagesHalosOfEveryBlock) {
    const Workload w = conv(64, 64, 56);
    const double whole = cost(w, "direct(rows=56)").staging;
    EXPECT_NEAR(cost(w, "direct(rows=1)").staging / whole, 3.0 * 56 / 58, 1e-9);
}

TEST(Cost, ThreadsWaitForTheBusiest) {
    const Workload w = conv(64, 64, 56);
    EXPECT_EQ(cost(w, "direct(rows=14, parallel=y)", 4).imbalance, 1);
    EXPECT_EQ(cost(w, "direct(rows=19, parallel=y)", 2).imbalance, 4.0 / 3);
    EXPECT_EQ(cost(w, "direct(parallel=none)", 4).imbalance, 4);
    EXPECT_LT(cost(w, "direct(rows=14, parallel=y)", 4).cycles,
              0.3 * cost(w, "direct(rows=14, parallel=none)", 4).cycles);
}

Machine gpu_machine() {
    Machine m = avx512_machine();
    m.gpu = Gpu();
    return m;
}

// Of every family: finite, positive, and no less for one thread than for four.
TEST(Cost, JudgesEverySchedule) {
    for (uint64_t seed = 0; seed < 400; ++seed) {
        const Machine m = seed % 2 == 0 ? avx512_machine() : gpu_machine();
        const Workload w = random_workload(seed);
        for (const Family &family : families()) {
            if (!family_fits(family, w, m))
                continue;
            const Schedule s = random_schedule(family, w, m, seed);
            const Cost one = estimate_cost(w, m, s, 1), four = estimate_cost(w, m, s, 4);
            EXPECT_TRUE(std::isfinite(one.cycles) && one.cycles > 0)
                << workload_text(w) << " " << schedule_text(s);
            EXPECT_LE(four.cycles, one.cycles + 12000 + 1e-6 * one.cycles);
        }
    }
}

Cost gpu_cost(const Workload &w, const char *changes) {
    const Machine m = gpu_machine();
    std::string problem;
    const auto schedule = parse_schedule(changes, nullptr, &problem);
    EXPECT_TRUE(schedule) << problem;
    EXPECT_EQ(schedule_problem(w, m, *schedule), "") << changes;
    return estimate_cost(w, m, *schedule, 1);
}

TEST(Cost, OfAGpuCountsReuseOccupancyAndCoalescing) {
    const Workload w = conv(64, 64, 56);
    const char *good = "gpu_direct(tile_x=4, tile_c=8, threads_c=8, threads_x=14, threads_y=2, "
                       "chunk=8, unroll=1, lanes=c, weights=shared)";
    // One sum a thread: each multiply-add reads two operands.
    EXPECT_GT(gpu_cost(w, "gpu_direct(tile_x=1, tile_c=1, threads_c=8, threads_x=14, threads_y=2, "
                          "chunk=8, unroll=1, lanes=c, weights=shared)")
                  .cycles,
              2 * gpu_cost(w, good).cycles);
    // Few threads: nothing to do while memory answers.
    EXPECT_GT(gpu_cost(w, "gpu_direct(tile_x=4, tile_c=8, threads_c=2, threads_x=2, threads_y=1, "
                          "chunk=8, unroll=1, lanes=c, weights=shared)")
                  .cycles,
              2 * gpu_cost(w, good).cycles);
    EXPECT_GT(gpu_cost(w, "gpu_direct(tile_x=4, tile_c=8, threads_c=8, threads_x=14, threads_y=2, "
                          "chunk=8, unroll=1, lanes=x, weights=shared)")
                  .cycles,
              gpu_cost(w, good).cycles);
}

double default_cycles(const char *family, const Workload &w) {
    const Machine m = gpu_machine();
    return estimate_cost(w, m, find_family(family)->model(w, m), 1).cycles;
}

// Families of one layer are measured with one measure.
TEST(Cost, OfAGpuTellsWhenSumsAreToBeShared) {
    const Workload image = conv(64, 64, 56);
    EXPECT_GT(default_cycles("gpu_split", image), 2 * default_cycles("gpu_direct", image));
    const Workload row =
        parse_workload("linear(1000, bias=true) f32[1, 2048] -> f32[1, 1000]").value();
    EXPECT_LT(default_cycles("gpu_split", row), default_cycles("gpu_direct", row));
    const auto split = [&](const char *schedule) { return gpu_cost(row, schedule).cycles; };
    // One thread a sum: hardly any threads.
    EXPECT_GT(split("gpu_split(threads_c=32, split=1)"),
              3 * split("gpu_split(threads_c=32, split=16)"));
    // Weights of neighbouring channels lie side by side.
    EXPECT_GT(split("gpu_split(threads_c=2, split=256)"),
              1.5 * split("gpu_split(threads_c=32, split=16)"));
}

TEST(Cost, OfAGpuTellsHowReductionsRead) {
    const Workload rows = parse_workload("sum(dims=[1]) f32[4000, 4000] -> f32[4000, 1]").value();
    EXPECT_GT(gpu_cost(rows, "gpu_reduce(lanes=1, rows=256, inner=kept)").cycles,
              2 * gpu_cost(rows, "gpu_reduce(lanes=32, rows=8, inner=reduced)").cycles);
    const Workload columns =
        parse_workload("sum(dims=[0]) f32[4000, 4000] -> f32[1, 4000]").value();
    EXPECT_GT(gpu_cost(columns, "gpu_reduce(lanes=32, rows=8, inner=reduced)").cycles,
              2 * gpu_cost(columns, "gpu_reduce(lanes=8, rows=32, inner=kept)").cycles);
    // Few rows: sharing their work makes threads enough.
    const Workload few = parse_workload("sum(dims=[1]) f32[8, 100000] -> f32[8, 1]").value();
    EXPECT_GT(gpu_cost(few, "gpu_reduce(lanes=1, rows=8, inner=kept)").cycles,
              10 * gpu_cost(few, "gpu_reduce(lanes=256, rows=1, inner=reduced)").cycles);
}

} // namespace
} // namespace cnnc
