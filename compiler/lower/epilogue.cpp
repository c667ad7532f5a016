// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/epilogue.h"

#include "compiler/lower/math.h"

#include <cassert>
#include <cmath>

namespace cnnc {

using Halide::cast;
using Halide::Expr;
using Halide::Float;
using Halide::Int;
using Halide::reinterpret;
using Halide::select;
using Halide::Type;
using Halide::UInt;

namespace {

bool is_wrapping(const Expr &x) {
    return x.type().is_int() && x.type().bits() >= 32;
}

// Signed overflow is undefined in Halide and LLVM; ours wraps around.
template <class F>
Expr wrapping(const Expr &a, const Expr &b, const F &f) {
    if (!is_wrapping(a))
        return f(a, b);
    Type bits = UInt(a.type().bits());
    return reinterpret(a.type(), f(reinterpret(bits, a), reinterpret(bits, b)));
}

Expr difference(const Expr &a, const Expr &b) {
    return wrapping(a, b, [](const Expr &x, const Expr &y) { return x - y; });
}

Expr negative(const Expr &x) {
    return difference(constant(x.type(), 0), x);
}

Expr number(double value) {
    return Expr(float(value));
}

// ---- operators that integers have too ----

Expr clamp(const Expr &x, double low, double high) {
    Expr y = x;
    if (!std::isinf(low))
        y = Halide::max(y, constant(x.type(), low));
    return std::isinf(high) ? y : Halide::min(y, constant(x.type(), high));
}

Expr sign_of(const Expr &x) {
    Expr zero = constant(x.type(), 0);
    return select(x > zero, constant(x.type(), 1), x < zero, constant(x.type(), -1), zero);
}

// Halide's integer % is never negative, 0 by convention where b is; -1 would overflow.
Expr integer_rest(const Expr &a, const Expr &b, bool sign_of_divisor) {
    Expr zero = constant(a.type(), 0), one = constant(a.type(), 1);
    Expr divisor = select(b == zero || b == constant(a.type(), -1), one, b);
    Expr size = select(divisor < zero, negative(divisor), divisor);
    Expr rest = a % divisor;
    Expr adjust = rest != zero && (sign_of_divisor ? b < zero : a < zero);
    return select(adjust, difference(rest, size), rest);
}

Expr remainder_of(const Expr &a, const Expr &b) {
    if (!a.type().is_float())
        return integer_rest(a, b, true);
    Expr rest = fmod_of(a, b);
    return select(rest != 0.0f && (rest < 0.0f) != (b < 0.0f), rest + b, rest);
}

// ---- activations ----

Expr elu(const Expr &x, double alpha) {
    return select(x > 0.0f, x, exp_minus_1(Halide::min(x, 0.0f)) * number(alpha));
}

Expr celu(const Expr &x, double alpha) {
    return Halide::max(x, 0.0f) +
           Halide::min(0.0f, exp_minus_1(x * number(1 / alpha)) * number(alpha));
}

// x times the normal distribution's integral, of which the smaller half is computed.
Expr gelu(const Expr &x) {
    Expr half = 0.5f * erfc_of(Halide::abs(x) * 0.70710678f);
    return select(x > 0.0f, x - x * half, x * half);
}

// 1 + tanh(u) = 2 / (1 + exp(-2 u)).
Expr gelu_tanh(const Expr &x) {
    Expr u = 0.79788456f * (x + 0.044715f * x * x * x);
    return x / (1.0f + exp_of(Halide::clamp(-2.0f * u, -88.0f, 88.0f)));
}

// tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) with e = exp(x).
Expr mish(const Expr &x) {
    Expr e = exp_of(Halide::min(x, 20.0f));
    Expr n = e * (e + 2.0f);
    return select(x > 20.0f, x, x * (n / (n + 2.0f)));
}

Expr softplus(const Expr &x, double beta, double threshold) {
    Expr scaled = x * number(beta);
    return select(scaled > number(threshold), x, log_1_plus_exp(scaled) * number(1 / beta));
}

Expr soft_shrink(const Expr &x, double lambda) {
    return select(x > number(lambda), x - number(lambda), x < number(-lambda), x + number(lambda),
                  0.0f);
}

Expr apply_activation(const Unary &u, const Expr &x) {
    switch (u.kind) {
    case UnaryKind::relu6:
        return Halide::clamp(x, 0.0f, 6.0f);
    case UnaryKind::leaky_relu:
        return select(x > 0.0f, x, x * number(u.a));
    case UnaryKind::sigmoid:
        return sigmoid_of(x);
    case UnaryKind::tanh:
        return tanh_of(x);
    case UnaryKind::silu:
        return x * sigmoid_of(x);
    case UnaryKind::hard_swish:
        return x * Halide::clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
    case UnaryKind::elu:
        return elu(x, u.a);
    case UnaryKind::selu:
        return elu(x, u.a) * number(u.b);
    case UnaryKind::celu:
        return celu(x, u.a);
    case UnaryKind::gelu:
        return gelu(x);
    case UnaryKind::gelu_tanh:
        return gelu_tanh(x);
    case UnaryKind::mish:
        return mish(x);
    case UnaryKind::softplus:
        return softplus(x, u.a, u.b);
    case UnaryKind::softsign:
        return x / (1.0f + Halide::abs(x));
    case UnaryKind::hard_sigmoid:
        return Halide::clamp(x * number(u.a) + number(u.b), 0.0f, 1.0f);
    case UnaryKind::log_sigmoid:
        return -log_1_plus_exp(-x);
    case UnaryKind::hard_shrink:
        return select(Halide::abs(x) > number(u.a), x, 0.0f);
    case UnaryKind::soft_shrink:
        return soft_shrink(x, u.a);
    case UnaryKind::threshold:
        return select(x > number(u.a), x, number(u.b));
    default:
        assert(false);
        return x;
    }
}

Expr apply_function(UnaryKind kind, const Expr &x) {
    switch (kind) {
    case UnaryKind::exp:
        return exp_of(x);
    case UnaryKind::log:
        return log_of(x);
    case UnaryKind::sqrt:
        return square_root(x);
    case UnaryKind::rsqrt:
        return quotient(1.0f, square_root(x));
    case UnaryKind::reciprocal:
        return quotient(1.0f, x);
    case UnaryKind::erf:
        return erf_of(x);
    case UnaryKind::sin:
        return sin_of(x);
    case UnaryKind::cos:
        return cos_of(x);
    case UnaryKind::floor:
        return floor_of(x);
    case UnaryKind::ceil:
        return ceil_of(x);
    case UnaryKind::round:
        return round_of(x);
    case UnaryKind::is_nan:
        return is_nan_of(x);
    default:
        return Expr();
    }
}

// ---- binary ----

// Exponents that formulas are full of need no logarithm.
Expr power(const Expr &x, const Expr &y) {
    if (auto exponent = Halide::Internal::as_const_float(y)) {
        if (*exponent == 1)
            return x;
        if (*exponent == 2)
            return x * x;
        if (*exponent == 3)
            return x * x * x;
        if (*exponent == 0.5)
            return square_root(x);
        if (*exponent == -1)
            return quotient(1.0f, x);
    }
    return pow_of(x, y);
}

Expr compare(BinaryKind kind, Expr a, Expr b) {
    if (a.type().is_bool()) {
        a = cast(UInt(8), a);
        b = cast(UInt(8), b);
    }
    bool strict = a.type().is_float();
    switch (kind) {
    case BinaryKind::eq:
        return strict ? equal_to(a, b) : a == b;
    case BinaryKind::ne: // true of NaN
        return strict ? !equal_to(a, b) : a != b;
    case BinaryKind::lt:
        return strict ? less(a, b) : a < b;
    case BinaryKind::le:
        return strict ? less_equal(a, b) : a <= b;
    case BinaryKind::gt:
        return strict ? less(b, a) : a > b;
    default:
        return strict ? less_equal(b, a) : a >= b;
    }
}

} // namespace

Type value_type(DType dtype) {
    switch (dtype) {
    case DType::u8:
        return UInt(8);
    case DType::i8:
        return Int(8);
    case DType::i32:
        return Int(32);
    case DType::i64:
        return Int(64);
    case DType::boolean:
        return UInt(1);
    default:
        assert(dtype == DType::f32);
        return Float(32);
    }
}

Expr constant(Type type, double value) {
    if (type.is_float())
        return number(value);
    if (type.is_bool())
        return Halide::Internal::make_bool(value != 0);
    // Whole powers of two, so that a double says exactly what is in range.
    double high = std::ldexp(1.0, type.is_uint() ? type.bits() : type.bits() - 1);
    double low = type.is_uint() ? 0 : -high;
    if (!(value > low)) // NaN too
        return std::isnan(value) ? Halide::Internal::make_zero(type) : type.min();
    return value >= high ? type.max() : Halide::Internal::make_const(type, int64_t(value));
}

// Numbers beyond the range are no number's to convert: they are replaced before and after.
Expr convert(Type to, const Expr &x) {
    Type from = x.type();
    if (from == to)
        return x;
    if (to.is_bool())
        return from.is_float() ? !equal_to(x, 0.0f) : x != constant(from, 0);
    if (to.is_float() || from.is_bool() || (!from.is_float() && to.bits() > from.bits()))
        return cast(to, x);
    if (!from.is_float()) // keeps the low bits
        return reinterpret(to, cast(UInt(to.bits()), reinterpret(UInt(from.bits()), x)));
    Expr finite = select(is_nan_of(x), 0.0f, x);
    if (to.bits() < 32)
        return cast(to, cast(Int(32), Halide::clamp(finite, to.is_uint() ? 0.0f : -128.0f,
                                                    to.is_uint() ? 255.0f : 127.0f)));
    // The largest floats below 2^31 and 2^63.
    float high = to.bits() == 32 ? 2147483520.0f : 9223371487098961920.0f;
    float bound = to.bits() == 32 ? 2147483648.0f : 9223372036854775808.0f;
    Expr inside = cast(to, Halide::clamp(finite, -bound, high));
    return select(finite >= bound, to.max(), inside);
}

Expr apply_unary(const Unary &u, const Expr &x) {
    switch (u.kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return x;
    case UnaryKind::relu:
        return Halide::max(x, constant(x.type(), 0));
    case UnaryKind::clamp:
        return clamp(x, u.a, u.b);
    case UnaryKind::abs:
        return x.type().is_float() ? Halide::abs(x)
                                   : select(x < constant(x.type(), 0), negative(x), x);
    case UnaryKind::neg:
        return x.type().is_float() ? -x : negative(x);
    case UnaryKind::sign:
        return sign_of(x);
    case UnaryKind::logical_not:
        return !x;
    default:
        break;
    }
    Expr value = apply_function(u.kind, x);
    return value.defined() ? value : apply_activation(u, x);
}

Expr apply_binary(BinaryKind kind, const Expr &a, const Expr &b) {
    switch (kind) {
    case BinaryKind::add:
        return wrapping(a, b, [](const Expr &x, const Expr &y) { return x + y; });
    case BinaryKind::sub:
        return difference(a, b);
    case BinaryKind::mul:
        return wrapping(a, b, [](const Expr &x, const Expr &y) { return x * y; });
    case BinaryKind::div:
        return quotient(a, b);
    case BinaryKind::pow:
        return power(a, b);
    case BinaryKind::maximum:
        return Halide::max(a, b);
    case BinaryKind::minimum:
        return Halide::min(a, b);
    case BinaryKind::remainder:
        return remainder_of(a, b);
    case BinaryKind::fmod:
        return a.type().is_float() ? fmod_of(a, b) : integer_rest(a, b, false);
    case BinaryKind::prelu:
        return select(a > 0.0f, a, a * b);
    case BinaryKind::logical_and:
        return a && b;
    case BinaryKind::logical_or:
        return a || b;
    case BinaryKind::logical_xor:
        return cast(UInt(8), a) != cast(UInt(8), b);
    default:
        return compare(kind, a, b);
    }
}

Expr apply_epilogue(const Workload &w, Expr value, const OperandAt &operand) {
    DType dtype = anchor_dtype(w);
    size_t first = anchor_operands(w.anchor);
    for (const EpilogueStep &step : w.epilogue) {
        std::vector<Expr> operands;
        for (size_t i = 0; i < step.operands.size(); ++i) {
            const StepOperand &o = step.operands[i];
            Type type = value_type(step_operand_dtype(step, i, w, dtype));
            operands.push_back(o.input < 0 ? constant(type, o.scalar)
                                           : operand(size_t(o.input) - first));
        }
        operands.insert(operands.begin() + step.position, value);
        value = match(
            step.op, [&](const Unary &u) { return apply_unary(u, value); },
            [&](const Binary &b) { return apply_binary(b.kind, operands[0], operands[1]); },
            [&](const Where &) { return select(operands[0], operands[1], operands[2]); },
            [&](const Cast &c) { return convert(value_type(c.dtype), value); });
        dtype = step_dtype(step, w, dtype).value();
    }
    return value;
}

} // namespace cnnc
