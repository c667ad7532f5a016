// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element-by-element operators as the kernels compute them, over the whole range of their operand,
// compared with apply() in double precision; and conversions between element types.
#include "compiler/lower/epilogue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace cnnc {
namespace {

using Halide::Expr;

constexpr int lanes = 8;
constexpr float infinity = std::numeric_limits<float>::infinity();

// f of every number, by vectors.
template <class To, class From>
std::vector<To> evaluate(const std::vector<From> &x, const std::function<Expr(Expr)> &f) {
    std::vector<From> padded = x;
    padded.resize((x.size() + lanes - 1) / lanes * lanes, x[0]);
    Halide::Buffer<From> in(padded.data(), int(padded.size()));
    Halide::Var i("i");
    Halide::Func func("func");
    func(i) = f(in(i));
    func.vectorize(i, lanes);
    Halide::Buffer<To> out = func.realize({int(padded.size())});
    return std::vector<To>(out.data(), out.data() + x.size());
}

// Both signs, all magnitudes that floats have between `low` and `high`.
std::vector<float> sweep(float low, float high) {
    std::vector<float> x = {0.0f};
    for (float v = low; v <= high; v *= 1.003f) {
        x.push_back(v);
        x.push_back(-v);
    }
    return x;
}

struct Accuracy {
    double ulps = 0;     // of the result
    double absolute = 0; // error that is allowed anyway
    float low = 1e-30f, high = 1e4f;
};

double ulp_of(double v) {
    return std::max(std::ldexp(1.0, -149), std::ldexp(std::fabs(v), -23));
}

bool agrees(double expected, float actual, const Accuracy &a) {
    float rounded = float(expected);
    if (std::isnan(expected))
        return std::isnan(actual);
    if (!std::isfinite(rounded) || !std::isfinite(actual)) {
        // At the end of the range either neighbour will do.
        return rounded == actual ||
               (std::fabs(expected) > 3.4028e38 && std::fabs(double(actual)) > 3.4028e38);
    }
    return std::fabs(expected - double(actual)) <= a.absolute + a.ulps * ulp_of(expected);
}

void expect_unary(const Unary &u, const Accuracy &a, const std::vector<float> &x) {
    std::vector<float> y = evaluate<float, float>(x, [&](Expr e) { return apply_unary(u, e); });
    int wrong = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        double expected = apply(u, double(x[i]));
        if (!agrees(expected, y[i], a) && ++wrong <= 3)
            ADD_FAILURE() << fmt::format("kind {} (a = {}): f({}) is {}, not {}", int(u.kind), u.a,
                                         x[i], y[i], expected);
    }
    EXPECT_EQ(wrong, 0) << "kind " << int(u.kind);
}

TEST(Math, ActivationsAreAccurate) {
    using K = UnaryKind;
    constexpr double f32_ulp = 1.2e-7;
    // Products and sums of what is itself accurate: errors near a zero count by the operand.
    const std::pair<Unary, Accuracy> cases[] = {
        {{K::relu}, {}},
        {{K::relu6}, {}},
        {{K::leaky_relu, 0.01}, {2}},
        {{K::sigmoid}, {8, 1e-38}},
        {{K::tanh}, {6}},
        {{K::silu}, {8, 2e-36}},
        {{K::hard_swish}, {6, 2e-7}},
        {{K::elu, 0.7}, {6}},
        {{K::selu, 1.6732632423543772, 1.0507009873554805}, {6}},
        {{K::celu, 1.3}, {8, f32_ulp}},
        {{K::gelu}, {6, 2e-6}},
        {{K::gelu_tanh}, {6, 2e-6}},
        {{K::mish}, {8, 1e-36}},
        {{K::softplus, 1, 20}, {8, 1e-38}},
        {{K::softplus, 2.5, 5}, {8, 1e-6}},
        {{K::softsign}, {4}},
        {{K::hard_sigmoid, 0.2, 0.5}, {4, f32_ulp}},
        {{K::log_sigmoid}, {8, 1e-38}},
        {{K::hard_shrink, 0.5}, {}},
        {{K::soft_shrink, 0.25}, {1, f32_ulp}},
        {{K::threshold, 0.5, -2}, {}},
        {{K::exp}, {6, 1e-38}},
        {{K::log}, {6}},
        {{K::sqrt}, {1}},
        {{K::rsqrt}, {2}},
        {{K::reciprocal}, {1}},
        {{K::erf}, {8}},
        {{K::sin}, {4, f32_ulp}},
        {{K::cos}, {4, f32_ulp}},
        {{K::abs}, {}},
        {{K::neg}, {}},
        {{K::sign}, {}},
        {{K::floor}, {}},
        {{K::ceil}, {}},
        {{K::round}, {}},
    };
    for (const auto &[unary, accuracy] : cases)
        expect_unary(unary, accuracy, sweep(accuracy.low, accuracy.high));
}

TEST(Math, FunctionsHoldAtTheEnds) {
    using K = UnaryKind;
    for (K kind : {K::sigmoid, K::tanh, K::softsign, K::erf, K::relu, K::relu6, K::exp, K::softplus,
                   K::log_sigmoid, K::silu, K::gelu, K::mish, K::elu})
        expect_unary({kind, 1, 20}, {8, 1e-30}, {100, -100, 1e6f, -1e6f, 1e30f, -1e30f});
    expect_unary({K::log}, {6}, {0.0f, -1.0f, infinity, 1e-45f, 1e-39f, 3.4e38f, 1.0f});
    expect_unary({K::sqrt}, {1}, {0.0f, -1.0f, 1e-45f, 3.4e38f, 4.0f});
    expect_unary({K::rsqrt}, {2}, {0.0f, -1.0f, 1e-37f, 3.4e38f, 4.0f});
    expect_unary({K::reciprocal}, {2}, {0.0f, 1e30f, -1e-30f});
    expect_unary({K::exp}, {8, 2e-45}, {88.72f, 88.8f, 200, -87.4f, -100, -103.5f, -200, infinity});
    expect_unary({K::sin}, {4, 1e-6}, {1e6f, 1e8f, -5e8f, 3.14159274f, 1.57079637f});
    expect_unary({K::cos}, {4, 1e-6}, {1e6f, 1e8f, -5e8f, 3.14159274f, 1.57079637f});
    const std::vector<float> ties = {0.5f,       1.5f,        2.5f,        -0.5f,
                                     -1.5f,      -2.5f,       0.49999997f, 8388607.5f,
                                     8388609.0f, -8388607.5f, 3e9f,        -3e30f};
    for (K kind : {K::round, K::floor, K::ceil})
        expect_unary({kind}, {}, ties);
}

TEST(Math, TellsNotANumber) {
    const std::vector<float> x = {0, 1, NAN, -NAN, infinity, -infinity, 1e-45f};
    auto y = evaluate<uint8_t, float>(
        x, [](Expr e) { return Halide::cast<uint8_t>(apply_unary({UnaryKind::is_nan}, e)); });
    EXPECT_EQ(y, (std::vector<uint8_t>{0, 0, 1, 1, 0, 0, 0}));
}

// ---- binary ----

void expect_binary(BinaryKind kind, const Accuracy &a, const std::vector<float> &x, float y,
                   bool is_bool = false) {
    auto z = evaluate<float, float>(x, [&](Expr e) {
        // Loaded, so that no constant is known.
        Expr v = apply_binary(
            kind, e,
            Halide::Internal::Call::make(Halide::Float(32), Halide::Internal::Call::likely,
                                         {Expr(y)}, Halide::Internal::Call::PureIntrinsic));
        return is_bool ? Halide::cast<float>(v) : v;
    });
    int wrong = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        double expected = apply(kind, double(x[i]), double(y));
        if (!agrees(expected, z[i], a) && ++wrong <= 3)
            ADD_FAILURE() << fmt::format("kind {}: f({}, {}) is {}, not {}", int(kind), x[i], y,
                                         z[i], expected);
    }
    EXPECT_EQ(wrong, 0) << "kind " << int(kind) << " with " << y;
}

TEST(Math, PowersAreAccurate) {
    const std::vector<float> x = sweep(1e-30f, 1e30f);
    for (float y : {0.0f, 1.0f, 2.0f, 3.0f, 0.5f, -0.5f, -1.0f, -2.0f, 0.75f, 1.1f, -3.3f, 17.0f,
                    0.3333333f, 1e-6f, 100.0f})
        expect_binary(BinaryKind::pow, {3, 2e-45}, x, y);
    expect_binary(BinaryKind::pow, {3}, {0, 1, -1, 2, -2, 1e-40f, infinity}, 2.5f);
    expect_binary(BinaryKind::pow, {3}, {0, 1, 2, 1e-40f, infinity}, -2.5f);
    expect_binary(BinaryKind::pow, {3}, {-3, -2, -1.5f, -1}, 5.0f);
}

TEST(Math, RestsHaveTheRightSign) {
    for (BinaryKind kind : {BinaryKind::remainder, BinaryKind::fmod})
        for (float y : {0.75f, -0.75f, 3.0f, -1e-3f})
            expect_binary(kind, {1, 1e-7}, sweep(1e-3f, 1e3f), y);
}

TEST(Math, ComparisonsAreIeee) {
    const std::vector<float> x = {1, 2, 3, -2, 0, NAN, infinity, -infinity};
    using B = BinaryKind;
    for (B kind : {B::eq, B::ne, B::lt, B::le, B::gt, B::ge})
        for (float y : {2.0f, 0.0f, infinity})
            expect_binary(kind, {}, x, y, true);
    expect_binary(B::div, {1}, x, 0.0f);
    expect_binary(B::div, {1}, x, 3.0f);
}

template <class T>
void expect_integers(BinaryKind kind, const std::vector<T> &x, T y,
                     const std::vector<T> &expected) {
    auto z = evaluate<T, T>(x, [&](Expr e) {
        return apply_binary(kind, e, Halide::Internal::make_const(e.type(), int64_t(y)));
    });
    EXPECT_EQ(z, expected) << int(kind) << " with " << int64_t(y);
}

TEST(Math, IntegersWrapAround) {
    using B = BinaryKind;
    constexpr int32_t least = std::numeric_limits<int32_t>::min(), most = -(least + 1);
    expect_integers<int32_t>(B::add, {most, 1}, 1, {least, 2});
    expect_integers<int32_t>(B::sub, {least, 1}, 1, {most, 0});
    expect_integers<int32_t>(B::mul, {1 << 20, 3}, 1 << 15, {0, 3 << 15});
    expect_integers<int64_t>(B::mul, {int64_t(1) << 40, 3}, int64_t(1) << 30,
                             {0, int64_t(3) << 30});
    expect_integers<int32_t>(B::remainder, {7, -7, 6, least}, 3, {1, 2, 0, 1});
    expect_integers<int32_t>(B::remainder, {7, -7, 6}, -3, {-2, -1, 0});
    expect_integers<int32_t>(B::fmod, {7, -7, 6}, 3, {1, -1, 0});
    expect_integers<int32_t>(B::fmod, {7, -7, 6}, -3, {1, -1, 0});
    expect_integers<int32_t>(B::fmod, {7, least}, -1, {0, 0});
    expect_integers<int32_t>(B::remainder, {7, least}, 0, {0, 0});
    expect_integers<int64_t>(B::remainder, {-7, 7}, 4, {1, 3});
    auto negated = evaluate<int32_t, int32_t>(
        {5, least}, [](Expr e) { return apply_unary({UnaryKind::neg}, e); });
    EXPECT_EQ(negated, (std::vector<int32_t>{-5, least}));
}

// ---- conversions ----

template <class To, class From>
std::vector<To> converted(const std::vector<From> &x) {
    return evaluate<To, From>(x, [](Expr e) { return convert(Halide::type_of<To>(), e); });
}

TEST(Math, FloatsSaturateAsIntegers) {
    const std::vector<float> x = {0,
                                  1.9f,
                                  -1.9f,
                                  127.9f,
                                  128,
                                  -129,
                                  300,
                                  2147483520.0f,
                                  2147483648.0f,
                                  -2147483648.0f,
                                  -1e20f,
                                  1e20f,
                                  NAN,
                                  infinity,
                                  -infinity,
                                  9223371487098961920.0f};
    auto saturated = [&](auto zero) {
        using T = decltype(zero);
        std::vector<T> result;
        for (float v : x) {
            long double low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
            result.push_back(std::isnan(v)              ? T(0)
                             : (long double)(v) <= low  ? std::numeric_limits<T>::min()
                             : (long double)(v) >= high ? std::numeric_limits<T>::max()
                                                        : T(v));
        }
        return result;
    };
    EXPECT_EQ((converted<uint8_t, float>(x)), saturated(uint8_t(0)));
    EXPECT_EQ((converted<int8_t, float>(x)), saturated(int8_t(0)));
    EXPECT_EQ((converted<int32_t, float>(x)), saturated(int32_t(0)));
    EXPECT_EQ((converted<int64_t, float>(x)), saturated(int64_t(0)));
}

TEST(Math, IntegersKeepTheirLowBits) {
    const std::vector<int64_t> x = {0, 1, -1, 255, 256, -129, int64_t(1) << 33, 4294967295};
    EXPECT_EQ((converted<uint8_t, int64_t>(x)),
              (std::vector<uint8_t>{0, 1, 255, 255, 0, 127, 0, 255}));
    EXPECT_EQ((converted<int8_t, int64_t>(x)), (std::vector<int8_t>{0, 1, -1, -1, 0, 127, 0, -1}));
    EXPECT_EQ((converted<int32_t, int64_t>(x)),
              (std::vector<int32_t>{0, 1, -1, 255, 256, -129, 0, -1}));
    EXPECT_EQ((converted<float, int64_t>(x)),
              (std::vector<float>{0, 1, -1, 255, 256, -129, 8589934592.0f, 4294967296.0f}));
    EXPECT_EQ((converted<int64_t, int8_t>({-128, 127})), (std::vector<int64_t>{-128, 127}));
    EXPECT_EQ((converted<int64_t, uint8_t>({255, 1})), (std::vector<int64_t>{255, 1}));
}

} // namespace
} // namespace cnnc
