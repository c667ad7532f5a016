// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the element-by-element operators compute.
#include "compiler/graph/ops.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

double apply(const Unary &unary, double x) {
    switch (unary.kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return x;
    case UnaryKind::relu:
        return std::max(x, 0.0);
    case UnaryKind::relu6:
        return std::clamp(x, 0.0, 6.0);
    case UnaryKind::clamp:
        return std::min(std::max(x, unary.a), unary.b);
    case UnaryKind::leaky_relu:
        return x >= 0 ? x : x * unary.a;
    case UnaryKind::sigmoid:
        return 1 / (1 + std::exp(-x));
    case UnaryKind::tanh:
        return std::tanh(x);
    case UnaryKind::silu:
        return x / (1 + std::exp(-x));
    case UnaryKind::hard_swish:
        return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    default: // MISSING
        return x;
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
    default: // MISSING
        return 0;
    }
    return 0;
}

} // namespace cnnc
