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

// Dimension d of the result is dimension dims[d].
TensorView permute_view(const TensorView &view, const std::vector<int64_t> &dims);

// Whether no two elements share a place, as they do where a view was expanded.
bool lies_apart(const TensorView &view);
// Dense strides that order the dimensions of a shape as those of a view with as many dimensions.
TensorView dense_like(const TensorView &view, const Shape &shape);

// [begin, begin + extent) of one dimension: the offset in elements, and the view behind it.
struct ViewPart {
    int64_t offset = 0;
    TensorView view;
};
ViewPart slice_view(const TensorView &view, size_t dim, int64_t begin, int64_t extent);

// What a view operator (is_view) makes of an operand; nothing where no strides say that.
std::optional<ViewPart> view_through(const Op &op, const TensorView &operand, const Shape &result);
// Where the operand of a view operator has to lie for the result to lie like this; nothing where no
// strides say that, or the result is but a part of the operand.
std::optional<TensorView> view_back(const Op &op, const TensorView &result, const Shape &operand);

// A dimension of one element in front of dimension `at`.
TensorView insert_dim(const TensorView &view, size_t at);

// As the epilogue's operand for an output of `shape`: leading 1s, and stride 0 where it broadcasts.
// The view's shape must broadcast to `shape`.
TensorView broadcast_operand(const TensorView &view, const Shape &shape);

// All of `shape`, with stride 0 where the view was broadcast to it.
TensorView expanded(const TensorView &view, const Shape &shape);

} // namespace cnnc
