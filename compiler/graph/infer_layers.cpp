// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of layers with weights, of matrix products, and of tensors that are no results.
#include "compiler/graph/infer.h"

#include <algorithm>
#include <cassert>

namespace cnnc {

namespace {

bool check_groups(const InferCall &call, int64_t groups, int64_t out_channels) {
    const int64_t channels = call.shape()[1];
    if (channels % groups != 0) {
        call.note_operand(call.bad_argument<diag::input_channels_per_group>(
            "groups", call.name, groups, groups, channels));
        return false;
    }
    if (out_channels % groups != 0) {
        call.bad_argument<diag::output_channels_per_group>("groups", call.name, groups, groups,
                                                           out_channels);
        return false;
    }
    return true;
}

// PyTorch's rule; more would be elements that no window reaches.
bool check_output_padding(const InferCall &call, const ConvTranspose &c) {
    for (size_t i = 0; i < c.kernel.size(); ++i) {
        const int64_t limit = std::max(c.stride[i], c.dilation[i]);
        if (c.output_padding[i] >= limit) {
            call.bad_argument<diag::output_padding>("output_padding", call.name, limit,
                                                    c.output_padding[i]);
            return false;
        }
    }
    return true;
}

// [N, out_channels, spatial...], each product of which fits: operands have at most 2^36 elements
// and attributes are below 2^31, so an extent times a stride may not.
Type transposed_shape(const ConvTranspose &c, const InferCall &call) {
    Shape shape = {call.shape()[0], c.out_channels};
    for (size_t i = 0; i < c.kernel.size(); ++i) {
        const int64_t places = call.shape()[i + 2] - 1;
        if (places > max_elements / c.stride[i]) {
            call.bad_argument<diag::transposed_too_large>("stride", call.name, max_elements,
                                                          int(i + 2));
            return std::nullopt;
        }
        const int64_t extent = places * c.stride[i] - c.pad_lo[i] - c.pad_hi[i] +
                               c.dilation[i] * (c.kernel[i] - 1) + c.output_padding[i] + 1;
        if (extent <= 0) {
            call.note_operand(
                call.bad_argument<diag::nothing_left>("padding", call.name, extent, int(i + 2)));
            return std::nullopt;
        }
        shape.push_back(extent);
    }
    return call.f32(std::move(shape));
}

// Norms over channels: [N, C, ...] of f32.
bool check_norm(const InferCall &call, double eps, int64_t min_rank) {
    return check_class(call, 0, TypeClass::f32) && check_not_negative(call, "eps", eps) &&
           check_min_rank(call, min_rank);
}

// A list of one number, or one per channel.
bool check_per_channel(const InferCall &call, const char *argument,
                       const std::vector<double> &values) {
    const int64_t channels = call.rank() >= 2 ? call.shape()[1] : 1;
    if (values.size() != 1 && int64_t(values.size()) != channels) {
        call.note_operand(call.bad_argument<diag::entries_per_channel>(
            argument, argument, call.name, channels, values.size()));
        return false;
    }
    return std::all_of(values.begin(), values.end(),
                       [&](double value) { return check_finite(call, argument, value); });
}

} // namespace

// The type of a network input is declared, not inferred.
Type infer(const Input &, const InferCall &) {
    assert(false && "an input's type is declared, not inferred");
    return std::nullopt;
}

Type infer(const Constant &c, const InferCall &call) {
    if (!check_extents(call, "values", c.type.shape)) {
        return std::nullopt;
    }
    return c.type;
}

Type infer(const Parameter &p, const InferCall &call) {
    for (int64_t extent : p.shape) {
        if (extent <= 0) {
            call.bad_argument<diag::extent_not_positive>("shape", extent, shape_text(p.shape));
            return std::nullopt;
        }
    }
    return TensorType{p.dtype, p.shape};
}

Type infer(const Conv &c, const InferCall &call) {
    const Window window = {c.kernel, c.stride, c.pad_lo, c.pad_hi, c.dilation};
    if (!check_class(call, 0, TypeClass::f32) ||
        !check_positive(call, "out_channels", c.out_channels) || !check_window(call, window) ||
        !check_positive(call, "groups", c.groups) || !check_spatial_rank(call, c.kernel.size()) ||
        !check_groups(call, c.groups, c.out_channels)) {
        return std::nullopt;
    }
    std::optional<Shape> shape = window_shape(call, window, c.out_channels);
    return shape ? call.f32(*shape) : std::nullopt;
}

Type infer(const ConvTranspose &c, const InferCall &call) {
    const Window window = {c.kernel, c.stride, c.pad_lo, c.pad_hi, c.dilation};
    if (!check_class(call, 0, TypeClass::f32) ||
        !check_positive(call, "out_channels", c.out_channels) || !check_window(call, window) ||
        !check_not_negative(call, "output_padding", c.output_padding) ||
        !check_output_padding(call, c) || !check_positive(call, "groups", c.groups) ||
        !check_spatial_rank(call, c.kernel.size()) ||
        !check_groups(call, c.groups, c.out_channels)) {
        return std::nullopt;
    }
    return transposed_shape(c, call);
}

Type infer(const BatchNorm &b, const InferCall &call) {
    return check_norm(call, b.eps, 2) ? Type(call.operands[0]) : std::nullopt;
}

Type infer(const InstanceNorm &n, const InferCall &call) {
    const bool good = check_norm(call, n.eps, 0) && check_any_spatial_rank(call);
    return good ? Type(call.operands[0]) : std::nullopt;
}

Type infer(const GroupNorm &n, const InferCall &call) {
    if (!check_norm(call, n.eps, 2) || !check_positive(call, "num_groups", n.num_groups)) {
        return std::nullopt;
    }
    if (call.shape()[1] % n.num_groups != 0) {
        call.note_operand(call.bad_argument<diag::channels_per_group>(
            "num_groups", call.name, n.num_groups, call.shape()[1]));
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const LayerNorm &n, const InferCall &call) {
    if (!check_norm(call, n.eps, 1) || !check_positive(call, "dims", n.dims)) {
        return std::nullopt;
    }
    if (n.dims > call.rank()) {
        call.note_operand(
            call.bad_argument<diag::more_dims_than_rank>("dims", call.name, call.rank(), n.dims));
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const LocalResponseNorm &n, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_positive(call, "size", n.size) ||
        !check_finite(call, "alpha", n.alpha) || !check_finite(call, "beta", n.beta) ||
        !check_finite(call, "k", n.k) || !check_min_rank(call, 3)) {
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const Normalize &n, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_per_channel(call, "mean", n.mean) ||
        !check_per_channel(call, "std", n.std)) {
        return std::nullopt;
    }
    if (std::find(n.std.begin(), n.std.end(), 0) != n.std.end()) {
        call.bad_argument<diag::zero_std>("std");
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const Linear &l, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) ||
        !check_positive(call, "out_features", l.out_features) || !check_min_rank(call, 1)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    shape.back() = l.out_features;
    return call.f32(std::move(shape));
}

Type infer(const MatMul &, const InferCall &call) {
    for (size_t i = 0; i < 2; ++i) {
        if (!check_class(call, i, TypeClass::f32) || !check_min_rank(call, 2, i)) {
            return std::nullopt;
        }
    }
    const Shape &a = call.shape(0), &b = call.shape(1);
    if (a.back() != b[b.size() - 2]) {
        auto report =
            call.diags.report<diag::matmul_extents>(call.where.call, a.back(), b[b.size() - 2]);
        report.note<diag::operand_is>(call.where.operand(0), call.text(0));
        report.note<diag::operand_is>(call.where.operand(1), call.text(1));
        return std::nullopt;
    }
    std::optional<Shape> shape =
        broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    if (!shape) {
        auto report = call.diags.report<diag::no_broadcast>(call.where.call, call.name,
                                                            call.text(0), call.text(1));
        report.note<diag::operand_is>(call.where.operand(0), call.text(0));
        report.note<diag::operand_is>(call.where.operand(1), call.text(1));
        return std::nullopt;
    }
    shape->push_back(a[a.size() - 2]);
    shape->push_back(b.back());
    return call.f32(std::move(*shape));
}

} // namespace cnnc
