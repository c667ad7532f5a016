// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See normal_forms.h.
#include "compiler/passes/normal_forms.h"

#include "compiler/passes/layouts.h"
#include "compiler/passes/views.h"

#include <cassert>

namespace cnnc {
namespace {

void prepend(std::vector<int64_t> &values, int64_t value) {
    values.insert(values.begin(), value);
}

std::optional<TensorView> joined_rows(const TensorView &view, size_t split, int64_t rows) {
    const int64_t features = element_count(view.shape) / rows;
    if (auto flat = reshape_view(view, {rows, features}))
        return flat;
    Shape shape(view.shape.begin() + std::ptrdiff_t(split), view.shape.end());
    shape.insert(shape.begin(), rows);
    return reshape_view(view, shape);
}

// Whether the features lie in runs.
bool has_features(const TensorView &view) {
    bool found = false, any = false;
    for (size_t d = 1; d < view.shape.size(); d++) {
        any = any || view.shape[d] > 1;
        found = found || (view.shape[d] > 1 && view.strides[d] == 1);
    }
    return (found || !any) && lies_apart(view);
}

} // namespace

bool is_spatial(const Op &op) {
    return std::holds_alternative<Conv>(op) || std::holds_alternative<MaxPool>(op) ||
           std::holds_alternative<AvgPool>(op);
}

Op as_2d(Op op) {
    auto window = [](auto &o) {
        prepend(o.kernel, 1);
        prepend(o.stride, 1);
        prepend(o.pad_lo, 0);
        prepend(o.pad_hi, 0);
    };
    match(
        op,
        [&](Conv &o) {
            window(o);
            prepend(o.dilation, 1);
        },
        [&](MaxPool &o) {
            window(o);
            prepend(o.dilation, 1);
        },
        [&](AvgPool &o) { window(o); }, [](auto &) {});
    return op;
}

decltype(EpilogueStep::op) step_op(const Op &op) {
    using Step = decltype(EpilogueStep::op);
    return match(
        op, [](const Unary &o) -> Step { return o; }, [](const Binary &o) -> Step { return o; },
        [](const Where &o) -> Step { return o; }, [](const Cast &o) -> Step { return o; },
        [](const auto &) -> Step {
            assert(false && "not elementwise");
            return Unary{};
        });
}

bool commutes(const Op &op) {
    const auto *binary = std::get_if<Binary>(&op);
    if (!binary)
        return false;
    switch (binary->kind) {
    case BinaryKind::add:
    case BinaryKind::mul:
    case BinaryKind::maximum:
    case BinaryKind::minimum:
    case BinaryKind::eq:
    case BinaryKind::ne:
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor:
        return true;
    default:
        return false;
    }
}

bool is_image(const TensorView &view) {
    const Shape &shape = view.shape;
    if (!lies_apart(view))
        return false;
    const bool channels = shape[1] > 1 && view.strides[1] == 1;
    const bool pixels = shape.back() > 1 && view.strides.back() == 1;
    if (channels || (shape[1] == 1 && shape.back() == 1))
        return true;
    const bool few =
        shape.size() < 4 || shape[1] < few_channels || element_count(shape) == shape[0] * shape[1];
    return few && pixels;
}

std::optional<TensorView> split_rows(const TensorView &view, int64_t rows) {
    std::optional<TensorView> best; // the one with the fewest dimensions
    int64_t leading = 1;
    for (size_t split = 0; split <= view.shape.size(); split++) {
        if (leading == rows)
            if (auto joined = joined_rows(view, split, rows); joined && has_features(*joined))
                best = joined;
        if (split < view.shape.size())
            leading *= view.shape[split];
    }
    return best;
}

} // namespace cnnc
