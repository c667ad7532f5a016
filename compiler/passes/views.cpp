// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See views.h. Only reshape_view is more than bookkeeping.
#include "compiler/passes/views.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace cnnc {
namespace {

bool same_places(const TensorView &a, const TensorView &b) {
    for (size_t d = 0; d < a.shape.size(); d++)
        if (a.shape[d] > 1 && a.strides[d] != b.strides[d])
            return false;
    return true;
}

// Dimensions from the innermost outwards as channels-last tensors have them: C, spatial, N.
std::vector<size_t> channels_last_order(size_t rank) {
    std::vector<size_t> order;
    if (rank < 3) {
        for (size_t d = rank; d-- > 0;)
            order.push_back(d);
        return order;
    }
    order.push_back(1);
    for (size_t d = rank; d-- > 2;)
        order.push_back(d);
    order.push_back(0);
    return order;
}

TensorView padded(const TensorView &view, size_t rank) {
    assert(view.shape.size() <= rank);
    const size_t missing = rank - view.shape.size();
    TensorView result = view;
    result.shape.insert(result.shape.begin(), missing, 1);
    result.strides.insert(result.strides.begin(), missing, 0);
    return result;
}

} // namespace

TensorView normalized(TensorView view) {
    for (const TensorView &dense :
         {channels_last(view.dtype, view.shape), row_major(view.dtype, view.shape)})
        if (same_places(view, dense))
            return dense;
    int64_t next = 1;
    for (size_t d : channels_last_order(view.shape.size())) {
        if (view.shape[d] == 1)
            view.strides[d] = next;
        next = view.strides[d] * view.shape[d];
    }
    return view;
}

// Both shapes are walked from the innermost dimension outwards. Runs of the old dimensions that
// are contiguous with one another form one block, which new dimensions may split at will; a new
// dimension that would have to span two blocks makes the reshape impossible.
std::optional<TensorView> reshape_view(const TensorView &view, const Shape &shape) {
    assert(element_count(view.shape) == element_count(shape));
    TensorView result{view.dtype, shape, std::vector<int64_t>(shape.size(), 0)};
    size_t d = shape.size();
    int64_t block = 1;  // elements of the old block so far
    int64_t stride = 0; // of the block's innermost dimension
    for (size_t old = view.shape.size(); old-- > 0;) {
        if (view.shape[old] == 1)
            continue;
        if (block == 1)
            stride = view.strides[old];
        block *= view.shape[old];
        size_t outer = old;
        while (outer > 0 && view.shape[outer - 1] == 1)
            outer--;
        if (outer > 0 && view.strides[outer - 1] == stride * block)
            continue; // the next dimension outwards continues this block
        int64_t taken = 1;
        for (; d > 0 && taken < block; d--) {
            result.strides[d - 1] = stride * taken;
            taken *= shape[d - 1];
        }
        if (taken != block)
            return std::nullopt;
        block = 1;
    }
    return normalized(result);
}

TensorView permute_view(const TensorView &view, const std::vector<int64_t> &dims) {
    TensorView result{view.dtype, {}, {}};
    for (int64_t dim : dims) {
        result.shape.push_back(view.shape[size_t(dim)]);
        result.strides.push_back(view.strides[size_t(dim)]);
    }
    return normalized(result);
}

bool lies_apart(const TensorView &view) {
    for (size_t d = 0; d < view.shape.size(); d++)
        if (view.shape[d] > 1 && view.strides[d] == 0)
            return false;
    return true;
}

TensorView dense_like(const TensorView &view, const Shape &shape) {
    assert(view.shape.size() == shape.size());
    std::vector<size_t> order(shape.size()); // outermost first
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return view.strides[a] > view.strides[b]; });
    TensorView result{view.dtype, shape, std::vector<int64_t>(shape.size())};
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
        result.strides[order[i]] = stride;
        stride *= shape[order[i]];
    }
    return normalized(result);
}

std::optional<ViewPart> view_through(const Op &op, const TensorView &operand, const Shape &result) {
    if (const auto *permute = std::get_if<Permute>(&op))
        return ViewPart{0, permute_view(operand, permute->dims)};
    if (std::holds_alternative<Expand>(op))
        return ViewPart{0, expanded(operand, result)};
    if (const auto *slice = std::get_if<Slice>(&op)) {
        ViewPart part{0, operand};
        part.view.shape = result;
        for (size_t d = 0; d < result.size(); d++) {
            part.offset += slice->starts[d] * operand.strides[d];
            part.view.strides[d] *= result[d] == 1 ? 1 : slice->steps[d];
        }
        return part;
    }
    auto view = reshape_view(operand, result);
    return view ? std::optional(ViewPart{0, *view}) : std::nullopt;
}

std::optional<TensorView> view_back(const Op &op, const TensorView &result, const Shape &operand) {
    if (const auto *permute = std::get_if<Permute>(&op)) {
        std::vector<int64_t> inverse(permute->dims.size());
        for (size_t d = 0; d < inverse.size(); d++)
            inverse[size_t(permute->dims[d])] = int64_t(d);
        return permute_view(result, inverse);
    }
    if (std::holds_alternative<Expand>(op) || std::holds_alternative<Slice>(op))
        return std::nullopt;
    return reshape_view(result, operand);
}

ViewPart slice_view(const TensorView &view, size_t dim, int64_t begin, int64_t extent) {
    ViewPart slice{begin * view.strides[dim], view};
    slice.view.shape[dim] = extent;
    return slice;
}

TensorView insert_dim(const TensorView &view, size_t at) {
    TensorView result = view;
    result.shape.insert(result.shape.begin() + std::ptrdiff_t(at), 1);
    result.strides.insert(result.strides.begin() + std::ptrdiff_t(at), 0);
    return normalized(result);
}

TensorView broadcast_operand(const TensorView &view, const Shape &shape) {
    TensorView result = padded(view, shape.size());
    if (result.shape == shape)
        return normalized(result);
    for (size_t d = 0; d < shape.size(); d++)
        if (result.shape[d] == 1)
            result.strides[d] = 0;
    return result;
}

TensorView expanded(const TensorView &view, const Shape &shape) {
    TensorView result = broadcast_operand(view, shape);
    result.shape = shape;
    return normalized(result);
}

} // namespace cnnc
