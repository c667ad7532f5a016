// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of padding, resizing, and the general form behind them.
#include "compiler/graph/infer.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// One side of a dimension: how far each mode can reach into the operand.
bool check_pad(const Pad &p, const InferCall &call, size_t d, int64_t amount) {
    const int64_t extent = call.shape()[d];
    if (amount > max_attribute) {
        call.bad_argument<diag::number_too_large>("padding", "padding", call.name, max_attribute,
                                                  amount);
        return false;
    }
    if (p.mode == PadMode::constant) {
        return true;
    }
    const int64_t limit = p.mode == PadMode::reflect    ? extent - 1
                          : p.mode == PadMode::circular ? extent
                                                        : max_attribute;
    if (amount < 0 || amount > limit) {
        call.note_operand(call.bad_argument<diag::pad_reach>("padding",
                                                             p.mode == PadMode::reflect ? "reflect"
                                                             : p.mode == PadMode::circular
                                                                 ? "circular"
                                                                 : "replicate",
                                                             limit, int(d), amount));
        return false;
    }
    return true;
}

bool check_resize(const Resize &r, const InferCall &call) {
    const size_t rank = r.size.size();
    if (!check_positive(call, "size", r.size) || !check_spatial_rank(call, rank)) {
        return false;
    }
    if (r.scales.size() != rank) {
        call.bad_argument<diag::argument_length>("scale_factor", "scale_factor", call.name, rank,
                                                 r.scales.size());
        return false;
    }
    for (double scale : r.scales) {
        if (!std::isfinite(scale) || scale <= 0) {
            call.bad_argument<diag::scale_not_positive>("scale_factor", number_text(scale));
            return false;
        }
    }
    if (r.antialias && r.mode == ResizeMode::nearest) {
        call.bad_argument<diag::antialias_of_nearest>("antialias");
        return false;
    }
    return check_finite(call, "cubic_a", r.cubic_a);
}

// The tables of one dimension, the first of which is operand `first`. The extent of the result, or
// nothing after reporting.
std::optional<int64_t> check_tables(const Sample &s, const InferCall &call, size_t first) {
    const TensorType &index = call.operands[first];
    const bool taps_of_one = s.kind == SampleKind::pick;
    if (index.dtype != DType::i32 || index.shape.size() != 2 ||
        (taps_of_one && index.shape[1] != 1)) {
        call.bad_operand<diag::sample_index>(first, taps_of_one ? "[extent, 1]" : "[extent, taps]",
                                             call.text(first));
        return std::nullopt;
    }
    if (s.kind == SampleKind::weighted_sum &&
        call.operands[first + 1] != TensorType{DType::f32, index.shape}) {
        call.note_operand(call.bad_operand<diag::sample_weight>(first + 1, shape_text(index.shape),
                                                                call.text(first + 1)),
                          first);
        return std::nullopt;
    }
    return index.shape[0];
}

// weighted_sum reads bytes as they come from a camera.
bool check_sample_operand(const Sample &s, const InferCall &call) {
    if (s.kind == SampleKind::weighted_sum && call.dtype() == DType::u8) {
        return true;
    }
    return check_class(call, 0, s.kind == SampleKind::pick ? TypeClass::any : TypeClass::f32);
}

} // namespace

Type infer(const Pad &p, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_entries(call, "padding", p.lo.size()) ||
        !check_entries(call, "padding", p.hi.size())) {
        return std::nullopt;
    }
    if (!can_hold(call.dtype(), p.value)) {
        call.note_operand(call.bad_argument<diag::value_of_type>(
            "value", "value", call.name, dtype_name(call.dtype()), number_text(p.value)));
        return std::nullopt;
    }
    Shape shape = call.shape();
    for (size_t d = 0; d < shape.size(); ++d) {
        if (!check_pad(p, call, d, p.lo[d]) || !check_pad(p, call, d, p.hi[d])) {
            return std::nullopt;
        }
        // What is cropped comes first, however much is added then.
        const int64_t extent = shape[d];
        const int64_t left = extent + std::clamp<int64_t>(p.lo[d], -extent, 0) +
                             std::clamp<int64_t>(p.hi[d], -extent, 0);
        if (left <= 0) {
            call.note_operand(
                call.bad_argument<diag::nothing_left>("padding", call.name, left, int(d)));
            return std::nullopt;
        }
        shape[d] += p.lo[d] + p.hi[d];
    }
    return call.same_dtype(std::move(shape));
}

Type infer(const Resize &r, const InferCall &call) {
    const TypeClass allowed = r.mode == ResizeMode::nearest ? TypeClass::any : TypeClass::f32;
    if (!check_class(call, 0, allowed) || !check_resize(r, call)) {
        return std::nullopt;
    }
    Shape shape = {call.shape()[0], call.shape()[1]};
    shape.insert(shape.end(), r.size.begin(), r.size.end());
    return call.same_dtype(std::move(shape));
}

Type infer(const Sample &s, const InferCall &call) {
    if (!check_sample_operand(s, call) || !check_dims(call, "dims", s.dims)) {
        return std::nullopt;
    }
    const size_t tables = s.kind == SampleKind::weighted_sum ? 2 : 1;
    if (s.dims.empty() || call.operands.size() != 1 + s.dims.size() * tables) {
        call.bad_argument<diag::sample_tables>("dims", s.dims.size(), s.dims.size() * tables,
                                               call.operands.size() - 1);
        return std::nullopt;
    }
    if (!can_hold(call.dtype(), s.fill)) {
        call.bad_argument<diag::value_of_type>("fill", "fill", call.name, dtype_name(call.dtype()),
                                               number_text(s.fill));
        return std::nullopt;
    }
    Shape shape = call.shape();
    for (size_t i = 0; i < s.dims.size(); ++i) {
        const std::optional<int64_t> extent = check_tables(s, call, 1 + i * tables);
        if (!extent) {
            return std::nullopt;
        }
        shape[size_t(s.dims[i])] = *extent;
    }
    const DType dtype = s.kind == SampleKind::weighted_sum ? DType::f32 : call.dtype();
    return TensorType{dtype, std::move(shape)};
}

} // namespace cnnc
