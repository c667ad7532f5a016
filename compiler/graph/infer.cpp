// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The type of every operator's result, and with it every rule about its attributes and operands:
// the checks they share, and the sizes in the end.
#include "compiler/graph/infer.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

std::string_view class_text(TypeClass allowed) {
    switch (allowed) {
    case TypeClass::f32:
        return "f32";
    case TypeClass::numbers:
        return "f32, i32 or i64";
    case TypeClass::boolean:
        return "bool";
    case TypeClass::any:
        return "f32, u8, i8, i32, i64 or bool";
    }
    return "";
}

bool is_in(DType dtype, TypeClass allowed) {
    switch (allowed) {
    case TypeClass::f32:
        return dtype == DType::f32;
    case TypeClass::numbers:
        return dtype == DType::f32 || dtype == DType::i32 || dtype == DType::i64;
    case TypeClass::boolean:
        return dtype == DType::boolean;
    case TypeClass::any:
        return is_computed(dtype);
    }
    return false;
}

bool check_sizes(const Op &op, const TensorType &result, const InferCall &call) {
    if (!checked_elements(result.shape)) {
        call.diags.report<diag::result_too_large>(call.where.call, call.name, type_text(result),
                                                  max_elements);
        return false;
    }
    for (const ParamSpec &param : param_types(op, call.operands)) {
        if (!checked_elements(param.type.shape)) {
            call.diags.report<diag::weight_too_large>(call.where.call, call.name,
                                                      type_text(param.type), max_elements);
            return false;
        }
    }
    return true;
}

// Operators that pick or blend positions of a dimension are compiled to tables of them. This is
// more than any picture or recording has, and keeps the tables in memory.
constexpr int64_t max_positions = int64_t(1) << 24;

// Of operators that may become tables, whether dimension d does.
bool needs_table(const Op &op, const TensorType &result, const Shape &in, size_t d) {
    const bool changes = result.shape[d] != in[d];
    return match(
        op, [&](const Pad &) { return changes; }, [&](const Tile &) { return changes; },
        [&](const AdaptiveAvgPool &) { return changes; },
        [&](const AdaptiveMaxPool &) { return changes; },
        [&](const Slice &s) { return s.steps[d] < 0; }, [](const Resize &) { return true; },
        [&](const ConvTranspose &c) { return d >= 2 && c.stride[d - 2] > 1; },
        [](const auto &) { return false; });
}

bool check_positions(const Op &op, const TensorType &result, const InferCall &call) {
    if (call.operands.empty() || call.rank() != int64_t(result.shape.size())) {
        return true;
    }
    for (size_t d = 0; d < result.shape.size(); ++d) {
        const int64_t positions = std::max(result.shape[d], call.shape()[d]);
        if (positions > max_positions && needs_table(op, result, call.shape(), d)) {
            call.diags.report<diag::too_many_positions>(call.where.call, call.name, positions,
                                                        int(d), max_positions);
            return false;
        }
    }
    return true;
}

} // namespace

void InferCall::note_operand(DiagnosticBuilder builder, size_t i) const {
    builder.note<diag::operand_is>(where.operand(i), text(i));
}

bool check_positive(const InferCall &call, const char *argument, int64_t value) {
    if (value <= 0) {
        call.bad_argument<diag::not_positive>(argument, argument, call.name, value);
    } else if (value > max_attribute) {
        call.bad_argument<diag::number_too_large>(argument, argument, call.name, max_attribute,
                                                  value);
    } else {
        return true;
    }
    return false;
}

bool check_positive(const InferCall &call, const char *argument, const Extents &values) {
    for (int64_t value : values) {
        if (!check_positive(call, argument, value)) {
            return false;
        }
    }
    return true;
}

bool check_not_negative(const InferCall &call, const char *argument, const Extents &values) {
    for (int64_t value : values) {
        if (value < 0) {
            call.bad_argument<diag::negative>(argument, argument, call.name, value);
            return false;
        }
        if (value > max_attribute) {
            call.bad_argument<diag::number_too_large>(argument, argument, call.name, max_attribute,
                                                      value);
            return false;
        }
    }
    return true;
}

bool check_finite(const InferCall &call, const char *argument, double value) {
    if (!std::isfinite(value)) {
        call.bad_argument<diag::not_finite>(argument, argument, call.name, number_text(value));
        return false;
    }
    return true;
}

bool check_not_negative(const InferCall &call, const char *argument, double value) {
    if (!check_finite(call, argument, value)) {
        return false;
    }
    if (value < 0) {
        call.bad_argument<diag::negative>(argument, argument, call.name, value);
    }
    return value >= 0;
}

bool check_dim(const InferCall &call, const char *argument, int64_t dim) {
    const int rank = int(call.rank());
    if (rank == 0) {
        call.bad_argument<diag::dim_of_scalar>(argument, argument, call.name, dim);
    } else if (dim < 0 || dim >= rank) {
        call.bad_argument<diag::dim_out_of_range>(argument, argument, call.name, -rank, rank - 1,
                                                  rank, dim);
    }
    return dim >= 0 && dim < rank;
}

bool check_dims(const InferCall &call, const char *argument, const Extents &dims) {
    for (size_t i = 0; i < dims.size(); ++i) {
        if (!check_dim(call, argument, dims[i])) {
            return false;
        }
        if (i > 0 && dims[i] <= dims[i - 1]) {
            call.bad_argument<diag::dims_order>(argument, argument, call.name, shape_text(dims));
            return false;
        }
    }
    return true;
}

bool check_min_rank(const InferCall &call, int64_t rank, size_t operand) {
    if (call.rank(operand) < rank) {
        call.bad_operand<diag::operand_min_rank>(operand, call.name, rank, call.text(operand));
        return false;
    }
    return true;
}

bool check_spatial_rank(const InferCall &call, size_t spatial_rank) {
    if (call.shape().size() != spatial_rank + 2) {
        report_rank(call.name, spatial_rank, call.operands[0], call.where, call.diags);
        return false;
    }
    return true;
}

bool check_any_spatial_rank(const InferCall &call) {
    if (call.rank() < 3 || call.rank() > 5) {
        report_rank(call.name, 2, call.operands[0], call.where, call.diags);
        return false;
    }
    return true;
}

bool check_extents(const InferCall &call, const char *argument, const Shape &shape) {
    for (int64_t extent : shape) {
        if (extent <= 0) {
            call.bad_argument<diag::extent_not_positive>(argument, extent, shape_text(shape));
            return false;
        }
    }
    if (!checked_elements(shape)) {
        call.bad_argument<diag::tensor_too_large>(argument, max_elements, shape_text(shape));
        return false;
    }
    return true;
}

bool check_entries(const InferCall &call, const char *argument, size_t entries) {
    if (entries != call.shape().size()) {
        call.bad_argument<diag::entries_per_dimension>(argument, argument, call.name, call.rank(),
                                                       entries);
        return false;
    }
    return true;
}

bool check_class(const InferCall &call, size_t operand, TypeClass allowed) {
    if (!is_in(call.dtype(operand), allowed)) {
        call.bad_operand<diag::operand_type>(operand, call.name, class_text(allowed),
                                             call.text(operand));
        return false;
    }
    return true;
}

bool check_same_dtype(const InferCall &call, size_t first) {
    for (size_t i = first + 1; i < call.operands.size(); ++i) {
        if (call.dtype(i) != call.dtype(first)) {
            call.note_operand(call.bad_operand<diag::operand_types_differ>(
                                  i, call.name, call.text(first), call.text(i)),
                              first);
            return false;
        }
    }
    return true;
}

std::optional<Shape> broadcast_all(const InferCall &call) {
    Shape shape = call.shape();
    for (size_t i = 1; i < call.operands.size(); ++i) {
        std::optional<Shape> common = broadcast(shape, call.shape(i));
        if (!common) {
            auto report = call.diags.report<diag::no_broadcast>(
                call.where.call, call.name, type_text({call.dtype(i), shape}), call.text(i));
            for (size_t k = 0; k < call.operands.size(); ++k) {
                report.note<diag::operand_is>(call.where.operand(k), call.text(k));
            }
            return std::nullopt;
        }
        shape = std::move(*common);
    }
    return shape;
}

Span CallSpans::argument(std::string_view name) const {
    for (const auto &[argument, span] : arguments) {
        if (argument == name) {
            return span;
        }
    }
    return call;
}

bool check_type(const TensorType &type, Span where, Diagnostics &diags) {
    for (int64_t extent : type.shape) {
        if (extent <= 0) {
            diags.report<diag::extent_not_positive>(where, extent, shape_text(type.shape));
            return false;
        }
    }
    if (!checked_elements(type.shape)) {
        diags.report<diag::tensor_too_large>(where, max_elements, shape_text(type.shape));
        return false;
    }
    return true;
}

std::optional<TensorType> infer_type(const Op &op, const std::vector<TensorType> &operands,
                                     const CallSpans &where, Diagnostics &diags) {
    const InferCall call = {op_name(op, operands), operands, where, diags};
    Type type = std::visit([&](const auto &o) { return infer(o, call); }, op);
    if (type && (!check_sizes(op, *type, call) || !check_positions(op, *type, call))) {
        return std::nullopt;
    }
    return type;
}

} // namespace cnnc
