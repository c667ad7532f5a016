// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Comparing results: what passes, what does not, and what is said.
#include "compiler/driver/compare.h"

#include "compiler/driver/tensors.h"
#include "compiler/reference/interpret.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cnnc {
namespace {

Difference compared(DType dtype, const std::vector<double> &actual,
                    const std::vector<double> &expected) {
    return compare(to_tensor_data({{1, int64_t(actual.size())}, actual}, dtype), expected);
}

TEST(Compare, FloatsAreJudgedByTheLargestMagnitude) {
    const Difference difference = compared(DType::f32, {1, 2, -8}, {1, 2.5, -10});
    EXPECT_DOUBLE_EQ(difference.max, 0.2);
    EXPECT_DOUBLE_EQ(difference.scale, 10);
    EXPECT_DOUBLE_EQ(difference.rms, std::sqrt((0.25 + 4) / 3) / 10);
    EXPECT_TRUE(within(difference, {0.2, false}));
    EXPECT_FALSE(within(difference, {0.19, false}));
    EXPECT_EQ(verdict(difference, {0.2, false}), "ok");
    EXPECT_EQ(verdict(difference, {0.1, false}), "TOO FAR OFF");
}

TEST(Compare, WithoutMagnitudeErrorsCountAsTheyAre) {
    EXPECT_DOUBLE_EQ(compared(DType::f32, {0, 0.5}, {0, 0}).max, 0.5);
    EXPECT_EQ(compared(DType::f32, {0, 0}, {0, 0}).max, 0);
}

TEST(Compare, NaNAndInfinityNeverPass) {
    EXPECT_EQ(verdict(compared(DType::f32, {NAN}, {1}), {1e9, false}), "NOT FINITE");
    EXPECT_EQ(verdict(compared(DType::f32, {1}, {NAN}), {1e9, false}), "NOT FINITE");
    EXPECT_EQ(verdict(compared(DType::f32, {INFINITY}, {INFINITY}), {1e9, false}), "NOT FINITE");
}

TEST(Compare, IntegersHaveToBeEqual) {
    for (const DType dtype : {DType::u8, DType::i8, DType::i32, DType::i64}) {
        EXPECT_EQ(verdict(compared(dtype, {1, 2, 3}, {1, 2, 3}), {0, false}), "ok");
        const Difference difference = compared(dtype, {1, 9, 3, 4}, {1, 2, 3, 5});
        EXPECT_EQ(difference.unequal, 2);
        EXPECT_EQ(difference.max, 7);
        EXPECT_FALSE(within(difference, {1e9, false}));
        EXPECT_EQ(verdict(difference, {1e9, false}),
                  "2 of 4 DIFFER, the first at [0, 1]: 9, not 2");
    }
    const double large = 9007199254740992;
    EXPECT_EQ(compared(DType::i64, {large}, {large}).unequal, 0);
    EXPECT_EQ(compared(DType::i64, {large - 1}, {large}).unequal, 1);
    EXPECT_EQ(verdict(compared(DType::boolean, {1, 0}, {1, 1}), {1, true}),
              "1 of 2 DIFFER, the first at [0, 1]: 0, not 1");
}

TEST(Compare, RoundedIntegersMayBeNeighboursHereAndThere) {
    std::vector<double> expected(1000, 7), actual = expected;
    for (size_t i = 0; i < 10; ++i)
        actual[50 * i] = 8;
    EXPECT_EQ(verdict(compared(DType::u8, actual, expected), {0, true}),
              "ok (10 of 1000 rounded to a neighbour)");
    EXPECT_FALSE(within(compared(DType::u8, actual, expected), {0, false}));
    actual[1] = 6;
    EXPECT_FALSE(within(compared(DType::u8, actual, expected), {0, true})) << "too many";
    actual = expected;
    actual[3] = 9;
    EXPECT_FALSE(within(compared(DType::u8, actual, expected), {0, true})) << "no neighbour";
}

TEST(Compare, CastsOfFloatsRound) {
    TestGraph g;
    const NodeId x = g.input("x", {1, 4, 6});
    const NodeId n = g.input("n", {1, 4, 6}, Layout::nchw, DType::i32);
    const NodeId cast = g.add(Cast{DType::i32}, {x}, "cast");
    const NodeId moved = g.add(Permute{{0, 2, 1}}, {cast}, "moved");
    const NodeId narrow = g.add(Cast{DType::u8}, {moved}, "narrow");
    const NodeId sum = g.add(Binary{BinaryKind::add}, {cast, n}, "sum");
    const NodeId best = g.add(ArgReduce{true, 1, false}, {x}, "best");
    const NodeId integers = g.add(Cast{DType::u8}, {n}, "integers");
    const NodeId truth = g.add(Cast{DType::boolean}, {x}, "truth");
    for (const NodeId id : {cast, moved, narrow})
        EXPECT_TRUE(is_rounded(g.graph(), id)) << g.graph()[id].name;
    for (const NodeId id : {x, n, sum, best, integers, truth})
        EXPECT_FALSE(is_rounded(g.graph(), id)) << g.graph()[id].name;
}

} // namespace
} // namespace cnnc
