// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The least time a machine could take, of machines made up.
#include "compiler/execute/roofline.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

// 1 MiB of weights and 8 KiB of activations.
const char *const linear = "linear(512, bias=false) f32[1, 512] -> f32[1, 512]";

// 100 GB/s from blocks of 16 and 32 KiB, 50 up to 1 MiB, 10 beyond.
Ceilings ceilings() {
    Ceilings c{100, std::vector<double>(bandwidth_sizes, 10e9)};
    for (int i = 0; i < 6; ++i)
        c.bytes_per_second[size_t(i)] = i < 2 ? 100e9 : 50e9;
    return c;
}

TEST(Roofline, WeightsComeFromWhereTheNetworkLeavesThem) {
    const Workload w = parse_workload(linear).value();
    const double weights = 4.0 * 512 * 512, others = 4.0 * (512 + 512);
    // Alone, all of it lies in blocks of 1 MiB.
    EXPECT_DOUBLE_EQ(least_seconds(ceilings(), w, 0), (weights + others) / 10e9);
    EXPECT_DOUBLE_EQ(least_seconds(ceilings(), w, 64 << 20), weights / 10e9 + others / 10e9);
    const Workload small =
        parse_workload("linear(64, bias=false) f32[1, 64] -> f32[1, 64]").value();
    EXPECT_DOUBLE_EQ(least_seconds(ceilings(), small, 0), 4.0 * (64 * 64 + 128) / 100e9);
    EXPECT_DOUBLE_EQ(least_seconds(ceilings(), small, 64 << 20),
                     4.0 * 64 * 64 / 10e9 + 4.0 * 128 / 100e9);
}

TEST(Roofline, MultiplyAddsTakeTheirTime) {
    const Workload w = parse_workload("linear(64, bias=false) f32[64, 64] -> f32[64, 64]").value();
    EXPECT_DOUBLE_EQ(least_seconds(ceilings(), w, 0), 2.0 * 64 * 64 * 64 / 100e9);
    Ceilings unknown = ceilings();
    unknown.peak_gflops = 0;
    EXPECT_EQ(least_seconds(unknown, w, 0), 0);
    EXPECT_GT(least_seconds({100, {}}, w, 0), 0); // without bandwidths, what the products take
}

TEST(Roofline, TheBestRoundIsTheCeiling) {
    TimingResult result;
    result.peak_gflops = {90, 120, 110};
    EXPECT_EQ(ceilings_of(result).peak_gflops, 120);
    EXPECT_EQ(ceilings_of({}).peak_gflops, 0);
}

} // namespace
} // namespace cnnc
