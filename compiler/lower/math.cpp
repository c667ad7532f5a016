// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/math.h"

#include <initializer_list>

namespace cnnc {

using Halide::cast;
using Halide::Expr;
using Halide::Float;
using Halide::Int;
using Halide::reinterpret;
using Halide::select;
using Halide::strict_float;
using Halide::UInt;

namespace {

constexpr uint32_t nan_bits = 0x7fc00000, infinity_bits = 0x7f800000;

// select() whose value is a NaN or an infinity, which no optimisation may reason away.
Expr select_bits(const Expr &condition, uint32_t bits, const Expr &otherwise) {
    return reinterpret(Float(32), select(condition, Expr(bits), reinterpret(UInt(32), otherwise)));
}

// coefficients[0] + coefficients[1] x + ...
Expr polynomial(const Expr &x, std::initializer_list<double> coefficients) {
    auto number = [&](double c) { return x.type() == Float(64) ? Expr(c) : Expr(float(c)); };
    const double *c = coefficients.end();
    Expr sum = number(*--c);
    while (c != coefficients.begin())
        sum = sum * x + number(*--c);
    return sum;
}

// 2^n as a double, -1022 <= n <= 1023.
Expr power_of_two(const Expr &n) {
    return reinterpret(Float(64), cast(UInt(64), cast(UInt(32), n + 1023)) << Expr(uint64_t(52)));
}

// x = 2^exponent mantissa with a mantissa between sqrt(1/2) and sqrt(2), for finite x > 0.
struct Parts {
    Expr exponent, mantissa;
};

Parts parts_of(const Expr &x) {
    Expr tiny = x < 1.17549435e-38f;
    Expr bits = reinterpret(Int(32), select(tiny, x * 4294967296.0f, x));
    Expr m = reinterpret(Float(32), (bits & 0x7fffff) | 0x3f800000);
    Expr large = m > 1.41421356f;
    return {(bits >> 23) - select(tiny, 159, 127) + select(large, 1, 0),
            select(large, m * 0.5f, m)};
}

// log2(x) as a double for finite x > 0. The logarithm of the mantissa m is the odd series in
// s = (m - 1) / (m + 1), |s| < 0.172, so that s^16 / 17 is below 1e-13.
Expr log2_exact(const Expr &x) {
    Parts p = parts_of(x);
    Expr m = cast(Float(64), p.mantissa);
    Expr s = (m - Expr(1.0)) / (m + Expr(1.0));
    Expr series =
        polynomial(s * s, {1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15});
    return cast(Float(64), p.exponent) + s * series * Expr(2.8853900817779268); // 2 / ln(2)
}

// 2^p of a double, as f32. The Taylor series of e^u up to u^9; u^10 / 10! is below 7e-12.
Expr exp2_exact(const Expr &p) {
    Expr within = Halide::clamp(p, Expr(-200.0), Expr(200.0));
    Expr n = cast(Int(32), within + select(within < Expr(0.0), Expr(-0.5), Expr(0.5)));
    Expr u = strict_float(within - cast(Float(64), n)) * Expr(0.69314718055994531);
    Expr series = polynomial(u, {1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
                                 1.0 / 40320, 1.0 / 362880});
    return cast(Float(32), series * power_of_two(n));
}

// sin(x + quarter * pi / 2). The multiple of pi / 2 is taken off in double precision, in two parts,
// of which the first has 30 bits.
Expr sine(const Expr &x, int quarter) {
    Expr wide = cast(Float(64), x);
    Expr turns = Halide::clamp(wide * Expr(0.63661977236758134), Expr(-2147483000.0),
                               Expr(2147483000.0)); // 2 / pi
    Expr n = cast(Int(32), turns + select(turns < Expr(0.0), Expr(-0.5), Expr(0.5)));
    Expr count = cast(Float(64), n);
    Expr rest = strict_float(wide - strict_float(count * Expr(1.570796325802803)));
    rest = strict_float(rest - strict_float(count * Expr(9.9209357968054043e-10)));
    Expr r = cast(Float(32), Halide::clamp(rest, Expr(-0.8), Expr(0.8)));
    Expr r2 = r * r;
    Expr s = r + r * r2 * polynomial(r2, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880});
    Expr c = polynomial(r2, {1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800});
    Expr q = n + quarter;
    Expr value = select((q & 1) == 0, s, c);
    return select((q & 2) == 0, value, -value);
}

} // namespace

Expr less(const Expr &a, const Expr &b) {
    return strict_float(a < b);
}
Expr equal_to(const Expr &a, const Expr &b) {
    return strict_float(a == b);
}
Expr less_equal(const Expr &a, const Expr &b) {
    return less(a, b) || equal_to(a, b); // Halide takes a <= b for !(b < a)
}
Expr quotient(const Expr &a, const Expr &b) {
    return strict_float(a / b);
}
Expr square_root(const Expr &x) {
    return strict_float(Halide::sqrt(x));
}

Expr is_nan_of(const Expr &x) {
    return (reinterpret(UInt(32), x) & Expr(uint32_t(0x7fffffff))) > Expr(infinity_bits);
}

// Beyond 2^23 every float is an integer.
Expr trunc_of(const Expr &x) {
    Expr within = Halide::clamp(x, -8388608.0f, 8388608.0f);
    return select(Halide::abs(x) < 8388608.0f, cast(Float(32), cast(Int(32), within)), x);
}
Expr floor_of(const Expr &x) {
    Expr t = trunc_of(x);
    return t - select(t > x, 1.0f, 0.0f);
}
Expr ceil_of(const Expr &x) {
    Expr t = trunc_of(x);
    return t + select(t < x, 1.0f, 0.0f);
}
Expr round_of(const Expr &x) {
    Expr within = Halide::clamp(x, -8388608.0f, 8388608.0f);
    Expr i = cast(Int(32), within);
    Expr rest = Halide::abs(within - cast(Float(32), i)); // exact
    Expr away = rest > 0.5f || (rest == 0.5f && (i & 1) != 0);
    Expr rounded = i + select(away, select(x < 0.0f, -1, 1), 0);
    return select(Halide::abs(x) < 8388608.0f, cast(Float(32), rounded), x);
}

// e^x = 2^n e^u with |u| <= ln(2) / 2, of which the Taylor series goes up to u^7 (u^8 / 8! is below
// 6e-9). ln(2) is taken off in two parts, of which the first has few bits: n times it is exact. 2^n
// is multiplied in two halves, as 2^128 and 2^-150 are no floats.
Expr exp_of(const Expr &x) {
    Expr within = Halide::clamp(x, -104.0f, 89.0f);
    Expr n = cast(Int(32), within * 1.44269504f + select(within < 0.0f, -0.5f, 0.5f));
    Expr count = cast(Float(32), n);
    Expr u = strict_float(within - count * 0.693359375f) + count * 2.12194440e-4f;
    Expr series =
        polynomial(u, {1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040});
    Expr half = n >> 1;
    auto power = [](const Expr &e) { return reinterpret(Float(32), (e + 127) << 23); };
    return strict_float(series * power(half)) * power(n - half);
}

// The series of log2_exact() up to s^9, and ln(2) in two parts as above.
Expr log_of(const Expr &x) {
    Parts p = parts_of(Halide::max(x, 1e-45f));
    Expr s = (p.mantissa - 1.0f) / (p.mantissa + 1.0f);
    Expr series = 2.0f * s * polynomial(s * s, {1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9});
    Expr e = cast(Float(32), p.exponent);
    Expr value = e * 0.693359375f + strict_float(series - e * 2.12194440e-4f);
    value = select_bits(x == 0.0f, infinity_bits | 0x80000000, value);
    value = select_bits(x > 3.40282347e38f, infinity_bits, value);
    return select_bits(x < 0.0f || is_nan_of(x), nan_bits, value);
}

// Near 0, where the difference would cancel, the Taylor series up to x^9.
Expr exp_minus_1(const Expr &x) {
    Expr near = x * polynomial(x, {1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
                                   1.0 / 40320, 1.0 / 362880});
    return select(Halide::abs(x) < 0.5f, near, exp_of(x) - 1.0f);
}

// 2 atanh(s), s = u / (2 + u) <= 1/3: the odd series up to s^15.
Expr log_1_plus(const Expr &u) {
    Expr s = u / (2.0f + u);
    return 2.0f * s *
           polynomial(s * s, {1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15});
}

Expr log_1_plus_exp(const Expr &x) {
    return Halide::max(x, 0.0f) + log_1_plus(exp_of(-Halide::abs(x)));
}

// exp overflows to infinity for x < -88, which gives 0 as it should.
Expr sigmoid_of(const Expr &x) {
    return 1.0f / (1.0f + exp_of(-x));
}

// From exp(-2|x|), which never overflows. Below 2^-4 the quotient would cancel; the odd Taylor
// polynomial up to x^7 is exact to f32 there (next term 62/2835 x^9 < 1.6e-12 relative 2.5e-11).
Expr tanh_of(const Expr &x) {
    Expr a = Halide::abs(x);
    Expr e = exp_of(-2.0f * a);
    Expr large = (1.0f - e) / (1.0f + e);
    Expr x2 = x * x;
    Expr small = x + x * x2 * (-0.333333333f + x2 * (0.133333333f + x2 * -0.0539682540f));
    return select(a < 0.0625f, small, select(x < 0.0f, -large, large));
}

// erfc(x) = t exp(-x^2) P(t), t = 1 / (1 + p x): the form of 7.1.26 in Abramowitz and Stegun's
// Handbook of Mathematical Functions, with p = 1/2 and a polynomial of higher degree, fitted at
// Chebyshev nodes of 0.1 <= t <= 1: relative error 6e-8. Beyond x = 10 it is below any f32.
Expr erfc_of(const Expr &x) {
    Expr within = Halide::min(x, 10.5f);
    Expr t = 1.0f / (1.0f + 0.5f * within);
    Expr p = polynomial(t, {0.28208693861961365, 0.2823478877544403, 0.24348606169223785,
                            0.20018057525157928, -0.017372338101267815, 0.2573629319667816,
                            -0.458528608083725, 0.26055070757865906, -0.04790700227022171,
                            -0.0022071923594921827});
    return t * p * exp_of(-within * within);
}

// Near 0 the Taylor series 2 / sqrt(pi) (x - x^3 / 3 + x^5 / 10 - ...).
Expr erf_of(const Expr &x) {
    Expr rest = erfc_of(Halide::abs(x));
    Expr large = select(x < 0.0f, rest - 1.0f, 1.0f - rest);
    Expr small = x * 1.12837917f *
                 polynomial(x * x, {1, -1.0 / 3, 1.0 / 10, -1.0 / 42, 1.0 / 216, -1.0 / 1320});
    return select(Halide::abs(x) < 0.5f, small, large);
}

Expr sin_of(const Expr &x) {
    return sine(x, 0);
}
Expr cos_of(const Expr &x) {
    return sine(x, 1);
}

Expr pow_of(const Expr &x, const Expr &y) {
    Expr a = Halide::abs(x);
    Expr power = exp2_exact(cast(Float(64), y) * log2_exact(a));
    Expr one = equal_to(y, 0.0f) || equal_to(x, 1.0f);
    Expr at_end = a == 0.0f || a > 3.40282347e38f; // 0 or infinity
    Expr up = (a == 0.0f) == (y < 0.0f);           // to infinity
    power = select(at_end && !up, 0.0f, power);
    power = select_bits(at_end && up, infinity_bits, power);
    Expr whole = trunc_of(y) == y;
    Expr odd = whole && Halide::abs(y) < 16777216.0f &&
               (cast(Int(32), Halide::clamp(y, -16777216.0f, 16777216.0f)) & 1) != 0;
    power = select(x < 0.0f && odd, -power, power);
    power = select_bits((x < 0.0f && !whole) || is_nan_of(x) || is_nan_of(y), nan_bits, power);
    return select(one, 1.0f, power);
}

// In double precision quotient and product are exact.
Expr fmod_of(const Expr &a, const Expr &b) {
    Expr x = cast(Float(64), a), y = cast(Float(64), b);
    Expr q = strict_float(x / y);
    Expr within = Halide::clamp(q, Expr(-2147483000.0), Expr(2147483000.0));
    Expr whole = cast(Float(64), cast(Int(32), within));
    return cast(Float(32), strict_float(x - strict_float(whole * y)));
}

} // namespace cnnc
