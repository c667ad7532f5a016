// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shapes, broadcasting, element types, data.
#include "compiler/graph/tensor.h"

#include <gtest/gtest.h>

using namespace cnnc;

namespace {

TEST(Shape, CountsElementsWithoutOverflow) {
    EXPECT_EQ(checked_elements({}), 1);
    EXPECT_EQ(checked_elements({2, 3, 4}), 24);
    EXPECT_EQ(checked_elements({max_elements}), max_elements);
    EXPECT_EQ(checked_elements({1 << 18, 1 << 18}), max_elements);
    EXPECT_EQ(checked_elements({1 << 18, (1 << 18) + 1}), std::nullopt);
    EXPECT_EQ(checked_elements({int64_t(1) << 62, int64_t(1) << 62, 16}), std::nullopt);
    EXPECT_EQ(checked_elements({3, -1}), std::nullopt);
    EXPECT_EQ(checked_elements({int64_t(1) << 62, 0}), 0);
}

TEST(Shape, BroadcastsAsNumPyDoes) {
    EXPECT_EQ(broadcast({1, 64, 56, 56}, {64, 1, 1}), (Shape{1, 64, 56, 56}));
    EXPECT_EQ(broadcast({3, 1}, {2, 1, 4}), (Shape{2, 3, 4}));
    EXPECT_EQ(broadcast({}, {5, 2}), (Shape{5, 2}));
    EXPECT_EQ(broadcast({1}, {1}), (Shape{1}));
    EXPECT_EQ(broadcast({2, 3}, {3, 2}), std::nullopt);
    EXPECT_EQ(broadcast({1, 64, 56, 56}, {64}), std::nullopt);
}

TEST(DType, NamesAreReadBack) {
    for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::u8, DType::i8,
                        DType::i16, DType::i32, DType::i64, DType::boolean}) {
        EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
    }
    EXPECT_EQ(dtype_from_name("float"), std::nullopt);
    EXPECT_EQ(dtype_bytes(DType::bf16), 2u);
    EXPECT_EQ(dtype_bytes(DType::boolean), 1u);
    EXPECT_EQ(dtype_bytes(DType::i64), 8u);
    EXPECT_EQ(type_text({DType::boolean, {1, 2}}), "bool[1, 2]");
}

TEST(TensorData, SharesItsBytes) {
    TensorData copy;
    EXPECT_FALSE(copy.defined());
    {
        const TensorData data = TensorData::from_floats({1, 3}, {1, 2, 3});
        copy = data;
        EXPECT_EQ(copy.bytes, data.bytes);
    }
    EXPECT_TRUE(copy.defined());
    EXPECT_EQ(copy.byte_count(), 12u);
    EXPECT_EQ(copy.floats()[2], 3);
}

} // namespace
