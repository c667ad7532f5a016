// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The closed set of operators. An operator is a struct of its attributes, in PyTorch's terms;
// `Op` is the variant of all of them, so that a stage which forgets one does not compile.
// docs/adding-an-operator.md is the walk through every place an operator touches.
//
// Rules of the graph that the attributes rely on:
// - Shapes are [N, C, spatial...]; "spatial rank" is the number of extents behind C, 1 to 3.
// - Vectors of a convolution or pooling hold one entry per spatial dimension, outermost first.
// - A node has one result. Weights are the node's `params`, in the order of param_types().
#pragma once

#include "compiler/graph/tensor.h"

#include <string_view>
#include <variant>
#include <vector>

namespace cnnc {

// How a user lays an input or output out in memory; shapes stay in PyTorch's order.
enum class Layout : uint8_t { nchw, nhwc };

// An input of the network.
struct Input {
    Layout layout = Layout::nchw;
};
// A scalar written in the text, f32, rank 0.
struct Constant {
    double value = 0;
};
// A tensor from the weights file, under the instance's own name (PyTorch's nn.Parameter).
// params: "" (the path itself).
struct Parameter {
    Shape shape;
};

// Convolution of any spatial rank (cross-correlation, as everywhere in deep learning).
// weight [out_channels, C / groups, kernel...], bias [out_channels] where `bias`.
// Output extent: floor((H + pad_lo + pad_hi - dilation * (kernel - 1) - 1) / stride) + 1.
struct Conv {
    int64_t out_channels = 0;
    std::vector<int64_t> kernel;
    std::vector<int64_t> stride;
    std::vector<int64_t> pad_lo, pad_hi;
    std::vector<int64_t> dilation;
    int64_t groups = 1;
    bool bias = true;
};
// Inference form: (x - running_mean) / sqrt(running_var + eps) * weight + bias, per channel.
// params: weight, bias (only if affine), running_mean, running_var, each [C].
struct BatchNorm {
    double eps = 1e-5;
    bool affine = true;
};
// y = x W^T + b over the last dimension. weight [out_features, in_features], bias [out_features].
struct Linear {
    int64_t out_features = 0;
    bool bias = true;
};

// Padding counts as minus infinity. With ceil_mode the output extent rounds up, but no window may
// start in the right padding (PyTorch's rule).
struct MaxPool {
    std::vector<int64_t> kernel, stride, pad_lo, pad_hi, dilation;
    bool ceil_mode = false;
};
struct AvgPool {
    std::vector<int64_t> kernel, stride, pad_lo, pad_hi;
    bool ceil_mode = false;
    bool count_include_pad = true;
};
// Mean over every spatial dimension, which stay as extents of 1.
struct GlobalAvgPool {};

// Element by element. `a` and `b` are the kind's arguments, in the order of its OpSpec.
enum class UnaryKind : uint8_t {
    identity,
    dropout, // nothing at inference; a = p
    relu,
    relu6,
    clamp,      // a = min, b = max (either may be infinite)
    leaky_relu, // a = negative_slope
    sigmoid,
    tanh,
    silu,
    hard_swish, // x * relu6(x + 3) / 6
};
struct Unary {
    UnaryKind kind = UnaryKind::identity;
    double a = 0, b = 0;
};

// The kind's function of one number.
double apply(const Unary &unary, double x);

enum class BinaryKind : uint8_t { add, sub, mul };
// With NumPy's broadcasting.
struct Binary {
    BinaryKind kind = BinaryKind::add;
};

struct Softmax {
    int64_t dim = 1; // never negative in a graph
};
struct Concat {
    int64_t dim = 1;
};
// Joins dimensions start_dim..end_dim (both included, never negative in a graph).
struct Flatten {
    int64_t start_dim = 1, end_dim = 1;
};
// Row-major order of [N, C, spatial...] is kept. No -1 in a graph.
struct Reshape {
    Shape shape;
};

using Op = std::variant<Input, Constant, Parameter, Conv, BatchNorm, Linear, MaxPool, AvgPool,
                        GlobalAvgPool, Unary, Binary, Softmax, Concat, Flatten, Reshape>;

// Visits with a lambda per operator: match(op, [](const Conv &c) {...}, [](const auto &) {...}).
template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;
template <class V, class... F>
decltype(auto) match(V &&variant, F &&...f) {
    return std::visit(Overloaded{std::forward<F>(f)...}, std::forward<V>(variant));
}

} // namespace cnnc
