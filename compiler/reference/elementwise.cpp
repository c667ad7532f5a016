// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element by element: apply() of ops.h for floating-point numbers, whole numbers where both sides
// are, and changes of the element type.
#include "compiler/reference/call.h"

#include <algorithm>
#include <cmath>

namespace cnnc::reference {

TensorD evaluate(const Unary &u, const Call &call) {
    TensorD result = call.result();
    const DType type = call.result_type();
    std::transform(call.operand().values.begin(), call.operand().values.end(),
                   result.values.begin(), [&](double x) {
                       const double y = apply(u, x);
                       // A clamp's bound may have a fraction; the least i32 has no negative.
                       return is_integer(type) ? wrap(type, integer_bits(std::trunc(y))) : y;
                   });
    return result;
}

namespace {

int64_t integer_remainder(int64_t a, int64_t b, bool sign_of_divisor) {
    if (b == 0 || b == -1) { // the second so that the least i64 does not overflow
        return 0;
    }
    const int64_t r = a % b;
    return sign_of_divisor && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// Arithmetic on integers, exact where a product of two exceeds a double's 53 bits.
double apply_integers(BinaryKind kind, DType type, double a, double b) {
    const uint64_t x = integer_bits(a), y = integer_bits(b);
    switch (kind) {
    case BinaryKind::add:
        return wrap(type, x + y);
    case BinaryKind::sub:
        return wrap(type, x - y);
    case BinaryKind::mul:
        return wrap(type, x * y);
    case BinaryKind::remainder:
    case BinaryKind::fmod:
        return double(integer_remainder(int64_t(x), int64_t(y), kind == BinaryKind::remainder));
    default: // minimum, maximum and comparisons
        return apply(kind, a, b);
    }
}

} // namespace

TensorD evaluate(const Binary &b, const Call &call) {
    TensorD result = call.result();
    const TensorD &x = *call.operands[0], &y = *call.operands[1];
    const DType type = call.operand_type();
    auto to = result.values.begin();
    for_each_offset<2>(
        result.shape,
        {broadcast_strides(x.shape, result.shape), broadcast_strides(y.shape, result.shape)},
        [&](const Offsets<2> &at) {
            const double p = x.values[size_t(at[0])], q = y.values[size_t(at[1])];
            *to++ = is_integer(type) ? apply_integers(b.kind, type, p, q) : apply(b.kind, p, q);
        });
    return result;
}

TensorD evaluate(const Where &, const Call &call) {
    TensorD result = call.result();
    std::array<std::vector<int64_t>, 3> strides;
    for (size_t i = 0; i < 3; ++i) {
        strides[i] = broadcast_strides(call.operands[i]->shape, result.shape);
    }
    auto to = result.values.begin();
    for_each_offset<3>(result.shape, strides, [&](const Offsets<3> &at) {
        const size_t chosen = call.operands[0]->values[size_t(at[0])] != 0 ? 1 : 2;
        *to++ = call.operands[chosen]->values[size_t(at[chosen])];
    });
    return result;
}

TensorD evaluate(const PRelu &p, const Call &call) {
    const float *weight = call.param(0);
    TensorD result = call.same_elements();
    const Shape &shape = result.shape;
    const int64_t inner = p.num_parameters == 1 ? 1 : lines_along(shape, 1).inner;
    for (int64_t i = 0; i < int64_t(result.values.size()); ++i) {
        double &x = result.values[size_t(i)];
        x = x > 0 ? x : x * weight[i / inner % p.num_parameters];
    }
    return result;
}

TensorD evaluate(const Cast &c, const Call &call) {
    TensorD result = call.same_elements();
    for (double &x : result.values) {
        x = cast(call.operand_type(), c.dtype, x);
    }
    return result;
}

} // namespace cnnc::reference
