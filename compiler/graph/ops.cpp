// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the element-by-element operators compute.
#include "compiler/graph/ops.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

// log(1 + exp(x)), which neither overflows nor loses small values.
double log_one_plus_exp(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

double gelu(double x) {
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
}

double gelu_tanh(double x) {
    const double pi = std::acos(-1.0);
    return x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x))) / 2;
}

double soft_shrink(double x, double lambda) {
    return x > lambda ? x - lambda : x < -lambda ? x + lambda : 0;
}

// NaN stays NaN, and the signs of zeros do not matter.
double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

// Whatever the rounding mode.
double round_half_to_even(double x) {
    return x - std::remainder(x, 1.0);
}

double hard_sigmoid(double x, double alpha, double beta) {
    return std::min(std::max(alpha * x + beta, 0.0), 1.0);
}

// max and min that pass NaN on, from either side, as PyTorch's do.
double maximum(double a, double b) {
    return std::isnan(a) ? a : std::isnan(b) ? b : std::max(a, b);
}
double minimum(double a, double b) {
    return std::isnan(a) ? a : std::isnan(b) ? b : std::min(a, b);
}

double remainder_of_division(double a, double b) {
    const double rest = std::fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

} // namespace

double apply(const Unary &unary, double x) {
    const double a = unary.a, b = unary.b;
    switch (unary.kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return x;
    case UnaryKind::relu:
        return std::max(x, 0.0);
    case UnaryKind::relu6:
        return std::clamp(x, 0.0, 6.0);
    case UnaryKind::clamp:
        return std::min(std::max(x, a), b);
    case UnaryKind::leaky_relu:
        return x >= 0 ? x : x * a;
    case UnaryKind::sigmoid:
        return sigmoid(x);
    case UnaryKind::tanh:
        return std::tanh(x);
    case UnaryKind::silu:
        return x / (1 + std::exp(-x));
    case UnaryKind::hard_swish:
        return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    case UnaryKind::elu:
        return x > 0 ? x : a * std::expm1(x);
    case UnaryKind::selu:
        return b * (x > 0 ? x : a * std::expm1(x));
    case UnaryKind::celu:
        return std::max(x, 0.0) + std::min(0.0, a * std::expm1(x / a));
    case UnaryKind::gelu:
        return gelu(x);
    case UnaryKind::gelu_tanh:
        return gelu_tanh(x);
    case UnaryKind::mish:
        return x * std::tanh(log_one_plus_exp(x));
    case UnaryKind::softplus:
        return a * x > b ? x : log_one_plus_exp(a * x) / a;
    case UnaryKind::softsign:
        return x / (1 + std::abs(x));
    case UnaryKind::hard_sigmoid:
        return hard_sigmoid(x, a, b);
    case UnaryKind::log_sigmoid:
        return -log_one_plus_exp(-x);
    case UnaryKind::hard_shrink:
        return std::abs(x) > a ? x : 0;
    case UnaryKind::soft_shrink:
        return soft_shrink(x, a);
    case UnaryKind::threshold:
        return x > a ? x : b;
    case UnaryKind::exp:
        return std::exp(x);
    case UnaryKind::log:
        return std::log(x);
    case UnaryKind::sqrt:
        return std::sqrt(x);
    case UnaryKind::rsqrt:
        return 1 / std::sqrt(x);
    case UnaryKind::reciprocal:
        return 1 / x;
    case UnaryKind::erf:
        return std::erf(x);
    case UnaryKind::sin:
        return std::sin(x);
    case UnaryKind::cos:
        return std::cos(x);
    case UnaryKind::abs:
        return std::abs(x);
    case UnaryKind::neg:
        return -x;
    case UnaryKind::sign:
        return sign(x);
    case UnaryKind::floor:
        return std::floor(x);
    case UnaryKind::ceil:
        return std::ceil(x);
    case UnaryKind::round:
        return round_half_to_even(x);
    case UnaryKind::logical_not:
        return x == 0;
    case UnaryKind::is_nan:
        return std::isnan(x);
    }
    return x;
}

double apply(BinaryKind kind, double a, double b) {
    switch (kind) {
    case BinaryKind::add:
        return a + b;
    case BinaryKind::sub:
        return a - b;
    case BinaryKind::mul:
        return a * b;
    case BinaryKind::div:
        return a / b;
    case BinaryKind::pow:
        return std::pow(a, b);
    case BinaryKind::maximum:
        return maximum(a, b);
    case BinaryKind::minimum:
        return minimum(a, b);
    case BinaryKind::remainder:
        return remainder_of_division(a, b);
    case BinaryKind::fmod:
        return std::fmod(a, b);
    case BinaryKind::prelu:
        return a > 0 ? a : a * b;
    case BinaryKind::eq:
        return a == b;
    case BinaryKind::ne:
        return a != b;
    case BinaryKind::lt:
        return a < b;
    case BinaryKind::le:
        return a <= b;
    case BinaryKind::gt:
        return a > b;
    case BinaryKind::ge:
        return a >= b;
    case BinaryKind::logical_and:
        return a != 0 && b != 0;
    case BinaryKind::logical_or:
        return a != 0 || b != 0;
    case BinaryKind::logical_xor:
        return (a != 0) != (b != 0);
    }
    return 0;
}

double rounded(double x, ResizeRounding rounding) {
    switch (rounding) {
    case ResizeRounding::floor:
        return std::floor(x);
    case ResizeRounding::ceil:
        return std::ceil(x);
    case ResizeRounding::round_prefer_floor:
        return std::ceil(x - 0.5);
    case ResizeRounding::round_prefer_ceil:
        return std::floor(x + 0.5);
    }
    return x;
}

} // namespace cnnc
