// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic on views: the same elements under another shape, a part of them, or more dimensions.
#pragma once

#include "compiler/graph/workload.h"

#include <optional>

namespace cnnc {

// The stride of a dimension with one element means nothing. Gives it the value that continues the
// dimensions inside it (channels-last, or row-major if the view is that), so that views which
// address the same places are equal and print alike.
TensorView normalized(TensorView view);

// The same elements, in row-major order of both shapes, under another shape of as many elements;
// nothing where no strides say that.
std::optional<TensorView> reshape_view(const TensorView &view, const Shape &shape);

// [begin, begin + extent) of one dimension: the offset in elements, and the view behind it.
struct ViewPart {
    int64_t offset = 0;
    TensorView view;
};
ViewPart slice_view(const TensorView &view, size_t dim, int64_t begin, int64_t extent);

// A dimension of one element in front of dimension `at`.
TensorView insert_dim(const TensorView &view, size_t at);

// As the epilogue's operand for an output of `shape`: leading 1s, and stride 0 where it broadcasts.
// The view's shape must broadcast to `shape`.
TensorView broadcast_operand(const TensorView &view, const Shape &shape);

// All of `shape`, with stride 0 where the view was broadcast to it.
TensorView expanded(const TensorView &view, const Shape &shape);

} // namespace cnnc
