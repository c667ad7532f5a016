// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/tensors.h"

#include <cassert>
#include <cmath>

namespace cnnc {

using Halide::cast;
using Halide::Expr;
using Halide::Float;

namespace {

void fix_dimension(Halide::Internal::Dimension dim, int64_t extent, int64_t stride) {
    dim.set_bounds(0, int32_t(extent));
    dim.set_stride(int32_t(stride));
}

Expr number(double value) {
    return Expr(float(value));
}

// 1 / (1 + exp(-x)). exp overflows to infinity for x < -88, which gives 0 as it should.
Expr sigmoid(const Expr &x) {
    return 1.0f / (1.0f + Halide::exp(-x));
}

// From exp(-2|x|), which never overflows. Below 2^-4 the quotient would cancel; the odd Taylor
// polynomial up to x^7 is exact to f32 there (next term 62/2835 x^9 < 1.6e-12 relative 2.5e-11).
Expr tanh_of(const Expr &x) {
    Expr a = Halide::abs(x);
    Expr e = Halide::exp(-2.0f * a);
    Expr large = (1.0f - e) / (1.0f + e);
    Expr x2 = x * x;
    Expr small = x + x * x2 * (-0.333333333f + x2 * (0.133333333f + x2 * -0.0539682540f));
    return Halide::select(a < 0.0625f, small, Halide::select(x < 0.0f, -large, large));
}

Expr apply_unary(const Unary &u, const Expr &x) {
    switch (u.kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return x;
    case UnaryKind::relu:
        return Halide::max(x, 0.0f);
    case UnaryKind::relu6:
        return Halide::clamp(x, 0.0f, 6.0f);
    case UnaryKind::clamp: {
        Expr y = x;
        if (!std::isinf(u.a))
            y = Halide::max(y, number(u.a));
        return std::isinf(u.b) ? y : Halide::min(y, number(u.b));
    }
    case UnaryKind::leaky_relu:
        return Halide::select(x > 0.0f, x, x * number(u.a));
    case UnaryKind::sigmoid:
        return sigmoid(x);
    case UnaryKind::tanh:
        return tanh_of(x);
    case UnaryKind::silu:
        return x * sigmoid(x);
    case UnaryKind::hard_swish:
        return x * Halide::clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
    }
    assert(false);
    return x;
}

Expr apply_binary(const Binary &b, const Expr &l, const Expr &r) {
    switch (b.kind) {
    case BinaryKind::add:
        return l + r;
    case BinaryKind::sub:
        return l - r;
    case BinaryKind::mul:
        return l * r;
    }
    assert(false);
    return l;
}

} // namespace

Halide::ImageParam image(const std::string &name, const std::vector<int64_t> &extents,
                         const std::vector<int64_t> &strides) {
    Halide::ImageParam param(Float(32), int(extents.size()), name);
    for (size_t i = 0; i < extents.size(); ++i)
        fix_dimension(param.dim(int(i)), extents[i], strides[i]);
    return param;
}

Halide::ImageParam packed_image(const std::string &name, const std::vector<int64_t> &extents) {
    std::vector<int64_t> strides;
    int64_t stride = 1;
    for (int64_t e : extents) {
        strides.push_back(stride);
        stride *= e;
    }
    Halide::ImageParam param = image(name, extents, strides);
    param.set_host_alignment(64);
    return param;
}

void fix_output(Halide::Func output, const std::vector<Halide::Var> &vars,
                const std::vector<int64_t> &extents, const std::vector<int64_t> &strides) {
    for (size_t i = 0; i < vars.size(); ++i) {
        fix_dimension(output.output_buffer().dim(int(i)), extents[i], strides[i]);
        output.bound(vars[i], 0, int32_t(extents[i]));
    }
}

Expr apply_epilogue(const Workload &workload, Expr value, const OperandAt &operand) {
    for (const EpilogueStep &step : workload.epilogue) {
        if (auto *unary = std::get_if<Unary>(&step.op)) {
            value = apply_unary(*unary, value);
            continue;
        }
        Expr other = step.input < 0 ? number(step.scalar) : operand(size_t(step.input) - 1);
        const Binary &binary = std::get<Binary>(step.op);
        value =
            step.swapped ? apply_binary(binary, other, value) : apply_binary(binary, value, other);
    }
    return value;
}

} // namespace cnnc
