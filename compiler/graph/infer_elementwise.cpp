// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of operators that work element by element.
#include "compiler/graph/infer.h"

#include "compiler/graph/registry_rows.h"

#include <cmath>

namespace cnnc {

namespace {

TypeClass operand_class(UnaryKind kind) {
    switch (kind) {
    case UnaryKind::identity:
        return TypeClass::any;
    case UnaryKind::relu:
    case UnaryKind::clamp:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
        return TypeClass::numbers;
    case UnaryKind::logical_not:
        return TypeClass::boolean;
    default:
        return TypeClass::f32;
    }
}

TypeClass operand_class(BinaryKind kind) {
    switch (kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
    case BinaryKind::mul:
    case BinaryKind::maximum:
    case BinaryKind::minimum:
    case BinaryKind::remainder:
    case BinaryKind::fmod:
        return TypeClass::numbers;
    case BinaryKind::div:
    case BinaryKind::pow:
    case BinaryKind::prelu:
        return TypeClass::f32;
    case BinaryKind::eq:
    case BinaryKind::ne:
    case BinaryKind::lt:
    case BinaryKind::le:
    case BinaryKind::gt:
    case BinaryKind::ge:
        return TypeClass::any;
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor:
        return TypeClass::boolean;
    }
    return TypeClass::f32;
}

bool gives_boolean(BinaryKind kind) {
    return kind >= BinaryKind::eq && kind <= BinaryKind::ge;
}

// Bounds of integers are integers, so that clamping keeps the type exactly.
bool check_bound(const InferCall &call, const char *argument, double bound) {
    if (std::isfinite(bound) && !can_hold(call.dtype(), bound)) {
        call.note_operand(call.bad_argument<diag::value_of_type>(
            argument, argument, call.name, dtype_name(call.dtype()), number_text(bound)));
        return false;
    }
    return true;
}

bool check_clamp(const Unary &u, const InferCall &call) {
    if (!(u.a <= u.b)) {
        call.bad_argument<diag::clamp_order>("min", number_text(u.a), number_text(u.b));
        return false;
    }
    return check_bound(call, "min", u.a) && check_bound(call, "max", u.b);
}

bool check_unary_arguments(const Unary &u, const InferCall &call) {
    if (u.kind == UnaryKind::dropout && !(u.a >= 0 && u.a <= 1)) {
        call.bad_argument<diag::not_probability>("p", number_text(u.a));
        return false;
    }
    if (u.kind == UnaryKind::clamp) {
        return check_clamp(u, call);
    }
    const double values[] = {u.a, u.b};
    const std::vector<ArgSpec> &args = unary_rows()[size_t(u.kind)].args;
    for (size_t i = 0; i < args.size(); ++i) {
        if (!check_finite(call, args[i].name.data(), values[i])) {
            return false;
        }
    }
    const bool divides = u.kind == UnaryKind::celu || u.kind == UnaryKind::softplus;
    if (divides && u.a == 0) {
        call.bad_argument<diag::zero_argument>(args[0].name, args[0].name, call.name);
        return false;
    }
    return true;
}

} // namespace

Type infer(const Unary &u, const InferCall &call) {
    if (!check_class(call, 0, operand_class(u.kind)) || !check_unary_arguments(u, call)) {
        return std::nullopt;
    }
    const DType dtype = u.kind == UnaryKind::is_nan ? DType::boolean : call.dtype();
    return TensorType{dtype, call.shape()};
}

Type infer(const Binary &b, const InferCall &call) {
    const TypeClass allowed = operand_class(b.kind);
    if (!check_class(call, 0, allowed) || !check_same_dtype(call)) {
        return std::nullopt;
    }
    std::optional<Shape> shape = broadcast_all(call);
    if (!shape) {
        return std::nullopt;
    }
    const DType dtype = gives_boolean(b.kind) ? DType::boolean : call.dtype();
    return TensorType{dtype, std::move(*shape)};
}

Type infer(const Where &, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::boolean) || !check_class(call, 1, TypeClass::any) ||
        !check_same_dtype(call, 1)) {
        return std::nullopt;
    }
    std::optional<Shape> shape = broadcast_all(call);
    return shape ? Type({call.dtype(1), std::move(*shape)}) : std::nullopt;
}

Type infer(const PRelu &p, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) ||
        !check_positive(call, "num_parameters", p.num_parameters)) {
        return std::nullopt;
    }
    const int64_t channels = call.rank() >= 2 ? call.shape()[1] : 1;
    if (p.num_parameters != 1 && p.num_parameters != channels) {
        call.note_operand(call.bad_argument<diag::entries_per_channel>(
            "num_parameters", "num_parameters", call.name, channels, p.num_parameters));
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const Cast &c, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any)) {
        return std::nullopt;
    }
    return TensorType{c.dtype, call.shape()};
}

} // namespace cnnc
