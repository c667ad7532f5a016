// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The peak measurement gives a number on every kind of vector this machine has. How large it is,
// no test may depend on.
#include "compiler/driver/peak.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

TEST(Peak, IsMeasuredForEveryTargetThatRunsHere) {
    int measured = 0;
    for (const KnownTarget &known : known_targets()) {
        std::string problem;
        const auto target = parse_target(known.name, &problem);
        ASSERT_TRUE(target) << problem;
        if (!runs_here(*target))
            continue;
        EXPECT_GT(measure_peak_gflops(*target, 1, 0.001), 0.01) << known.name;
        EXPECT_GT(measure_read_bandwidth(*target, 20000, 0.001), 1e6) << known.name;
        ++measured;
    }
    EXPECT_GT(measured, 0);
}

TEST(Peak, TakesAnyBlockAndThreads) {
    EXPECT_GT(measure_read_bandwidth(host_target(), 1, 0.001), 1e6);
    EXPECT_GT(measure_peak_gflops(host_target(), 3, 0.001), 0.01);
}

} // namespace
} // namespace cnnc
