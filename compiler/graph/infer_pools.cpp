// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of poolings, and the window that convolutions have too.
#include "compiler/graph/infer.h"

#include <algorithm>
#include <cassert>

namespace cnnc {

namespace {

// A pooling window must not lie in the padding alone.
bool check_pool_padding(const InferCall &call, const Window &w) {
    for (size_t i = 0; i < w.kernel.size(); ++i) {
        const int64_t padding = std::max(w.pad_lo[i], w.pad_hi[i]);
        if (padding > w.kernel[i] / 2) {
            call.bad_argument<diag::pool_padding>("padding", call.name, w.kernel[i], padding);
            return false;
        }
    }
    return true;
}

// How many places the window has in dimension i, or nothing after reporting that it has none.
std::optional<int64_t> window_places(const InferCall &call, const Window &w, size_t i) {
    const int64_t extent = call.shape()[i + 2];
    const int64_t padded = extent + w.pad_lo[i] + w.pad_hi[i];
    const int64_t span = w.dilation[i] * (w.kernel[i] - 1) + 1;
    // Rounded up, the last window may reach past the padding, by less than a step, ...
    const int64_t rest = padded - span + (w.ceil_mode ? w.stride[i] - 1 : 0);
    if (rest < 0) {
        call.note_operand(call.bad_argument<diag::window_too_large>("kernel", call.name, span,
                                                                    int(i + 2), padded));
        return std::nullopt;
    }
    const int64_t places = rest / w.stride[i] + 1;
    // ... but must not start in the right padding.
    const bool starts_in_padding = (places - 1) * w.stride[i] >= extent + w.pad_lo[i];
    return w.ceil_mode && starts_in_padding ? places - 1 : places;
}

Type infer_pool(const Window &window, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_window(call, window) ||
        !check_pool_padding(call, window) || !check_spatial_rank(call, window.kernel.size())) {
        return std::nullopt;
    }
    std::optional<Shape> shape = window_shape(call, window, call.shape()[1]);
    return shape ? call.f32(*shape) : std::nullopt;
}

// [N, C, 1...].
Type infer_global_pool(const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_any_spatial_rank(call)) {
        return std::nullopt;
    }
    Shape shape(call.shape().size(), 1);
    shape[0] = call.shape()[0];
    shape[1] = call.shape()[1];
    return call.f32(std::move(shape));
}

Type infer_adaptive_pool(const Extents &output_size, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) ||
        !check_positive(call, "output_size", output_size) ||
        !check_spatial_rank(call, output_size.size())) {
        return std::nullopt;
    }
    Shape shape = {call.shape()[0], call.shape()[1]};
    shape.insert(shape.end(), output_size.begin(), output_size.end());
    return call.f32(std::move(shape));
}

} // namespace

bool check_window(const InferCall &call, const Window &w) {
    const size_t rank = w.kernel.size();
    assert(w.stride.size() == rank && w.dilation.size() == rank);
    assert(w.pad_lo.size() == rank && w.pad_hi.size() == rank);
    (void)rank;
    return check_positive(call, "kernel", w.kernel) && check_positive(call, "stride", w.stride) &&
           check_positive(call, "dilation", w.dilation) &&
           check_not_negative(call, "padding", w.pad_lo) &&
           check_not_negative(call, "padding", w.pad_hi);
}

std::optional<Shape> window_shape(const InferCall &call, const Window &w, int64_t channels) {
    Shape shape = {call.shape()[0], channels};
    for (size_t i = 0; i < w.kernel.size(); ++i) {
        std::optional<int64_t> places = window_places(call, w, i);
        if (!places) {
            return std::nullopt;
        }
        shape.push_back(*places);
    }
    return shape;
}

Type infer(const MaxPool &p, const InferCall &call) {
    return infer_pool({p.kernel, p.stride, p.pad_lo, p.pad_hi, p.dilation, p.ceil_mode}, call);
}

Type infer(const AvgPool &p, const InferCall &call) {
    const Extents no_dilation(p.kernel.size(), 1);
    return infer_pool({p.kernel, p.stride, p.pad_lo, p.pad_hi, no_dilation, p.ceil_mode}, call);
}

Type infer(const GlobalAvgPool &, const InferCall &call) {
    return infer_global_pool(call);
}

Type infer(const GlobalMaxPool &, const InferCall &call) {
    return infer_global_pool(call);
}

Type infer(const AdaptiveAvgPool &p, const InferCall &call) {
    return infer_adaptive_pool(p.output_size, call);
}

Type infer(const AdaptiveMaxPool &p, const InferCall &call) {
    return infer_adaptive_pool(p.output_size, call);
}

} // namespace cnnc
