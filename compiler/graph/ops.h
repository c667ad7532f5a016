// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The closed set of operators. An operator is a struct of its attributes, in PyTorch's terms;
// `Op` is the variant of all of them, so that a stage which forgets one does not compile.
// docs/adding-an-operator.md is the walk through every place an operator touches.
//
// Rules of the graph that the attributes rely on:
// - Shapes are [N, C, spatial...]; "spatial rank" is the number of extents behind C, 1 to 3.
// - Vectors of a convolution or pooling hold one entry per spatial dimension, outermost first.
// - Element types: f32, u8, i8, i32, i64 and bool ("numbers": f32, i32, i64). Where nothing else
//   is said operands and results are f32.
// - Two levels: the compiler understands every operator, but computes only core operators: Conv,
//   Linear, MatMul, MaxPool, AvgPool, Unary, Binary, Where, Cast, Softmax, Reduce (not l2,
//   log_sum_exp; keepdim), ArgReduce (keepdim), TopK, Sample, and the ones that only move elements:
//   Concat, Slice (forwards), Permute, Reshape, Flatten, Expand. Passes rewrite the others.
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
// A tensor written in the text, or made by a pass. Rank 0 and f32 is what a plain number becomes.
// Integers (and bools, as 0 and 1) are exact up to 2^53.
struct Constant {
    TensorType type;
    std::vector<double> values; // row-major, element_count(type.shape) of them

    Constant() : values{0} {}
    explicit Constant(double value) : values{value} {}
    Constant(TensorType type, std::vector<double> values)
        : type(std::move(type)), values(std::move(values)) {}
    // A single number of any dtype that stands inline in flat text.
    bool is_scalar() const { return type.shape.empty(); }
    double value() const { return values[0]; }
};
// A tensor from the weights file, under the instance's own name (PyTorch's nn.Parameter).
// params: "" (the path itself).
struct Parameter {
    Shape shape;
    DType dtype = DType::f32;
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
// The gradient of a convolution with respect to its input (PyTorch's nn.ConvTranspose). weight
// [C, out_channels / groups, kernel...], bias [out_channels] where `bias`. Output extent:
// (H - 1) * stride - pad_lo - pad_hi + dilation * (kernel - 1) + output_padding + 1. Element i of
// the input adds x * weight[k] to output position i * stride - pad_lo + k * dilation.
// Core: none (a pass makes it a Conv behind which positions are interleaved).
struct ConvTranspose {
    int64_t out_channels = 0;
    std::vector<int64_t> kernel, stride, pad_lo, pad_hi, output_padding, dilation;
    int64_t groups = 1;
    bool bias = true;
};
// Inference form: (x - running_mean) / sqrt(running_var + eps) * weight + bias, per channel.
// params: weight, bias (only if affine), running_mean, running_var, each [C].
struct BatchNorm {
    double eps = 1e-5;
    bool affine = true;
};
// (x - mean) / sqrt(var + eps), mean and (biased) variance over the spatial dimensions of each
// image and channel; times weight plus bias, each [C], where `affine`.
struct InstanceNorm {
    double eps = 1e-5;
    bool affine = false;
};
// The same over each of num_groups groups of channels with their spatial dimensions.
struct GroupNorm {
    int64_t num_groups = 1;
    double eps = 1e-5;
    bool affine = true;
};
// The same over the last `dims` dimensions; weight and bias have these dimensions' extents.
struct LayerNorm {
    int64_t dims = 1;
    double eps = 1e-5;
    bool affine = true; // weight
    bool bias = true;   // only with a weight
};
// x / (k + alpha / size * sum of x^2 over `size` neighbouring channels)^beta; the window begins
// size / 2 channels before its own, channels beyond the ends count as 0. (PyTorch's.)
struct LocalResponseNorm {
    int64_t size = 5;
    double alpha = 1e-4, beta = 0.75, k = 1;
};
// (x - mean[c]) / std[c] (torchvision's). One entry, or one per channel (dimension 1).
struct Normalize {
    std::vector<double> mean, std;
};
// y = x W^T + b over the last dimension. weight [out_features, in_features], bias [out_features].
struct Linear {
    int64_t out_features = 0;
    bool bias = true;
};

// NumPy's: [batch..., m, k] x [batch..., k, n], batch dimensions broadcast; operands of rank 2 or
// more. No weights: both are computed (or Parameters).
struct MatMul {};

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
// Mean, and maximum, over every spatial dimension, which stay as extents of 1.
struct GlobalAvgPool {};
struct GlobalMaxPool {};
// Window i of a dimension is [floor(i * H / out), ceil((i + 1) * H / out)).
struct AdaptiveAvgPool {
    std::vector<int64_t> output_size;
};
struct AdaptiveMaxPool {
    std::vector<int64_t> output_size;
};

// Element by element. `a` and `b` are the kind's arguments, in the order of its OpSpec. Operands
// are f32 except where the comment says more; the result has the operand's type but where it says
// so.
enum class UnaryKind : uint8_t {
    identity, // any type
    dropout,  // nothing at inference; a = p
    relu,     // numbers
    relu6,
    clamp,      // numbers; a = min, b = max (either may be infinite)
    leaky_relu, // a = negative_slope
    sigmoid,
    tanh,
    silu,
    hard_swish,   // x * relu6(x + 3) / 6
    elu,          // x > 0 ? x : a (exp(x) - 1), a = alpha
    selu,         // b (x > 0 ? x : a (exp(x) - 1)), a = alpha, b = gamma
    celu,         // max(0, x) + min(0, a (exp(x / a) - 1)), a = alpha
    gelu,         // x (1 + erf(x / sqrt(2))) / 2
    gelu_tanh,    // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    mish,         // x tanh(log(1 + exp(x)))
    softplus,     // log(1 + exp(a x)) / a, x itself where a x > b; a = beta, b = threshold
    softsign,     // x / (1 + |x|)
    hard_sigmoid, // clamp(a x + b, 0, 1), a = alpha, b = beta
    log_sigmoid,  // -log(1 + exp(-x))
    hard_shrink,  // |x| > a ? x : 0, a = lambd
    soft_shrink,  // x > a ? x - a : x < -a ? x + a : 0, a = lambd
    threshold,    // x > a ? x : b, a = threshold, b = value
    exp,
    log,
    sqrt,
    rsqrt,
    reciprocal,
    erf,
    sin,
    cos,
    abs,  // numbers
    neg,  // numbers
    sign, // numbers
    floor,
    ceil,
    round,       // to the nearest, halves to even
    logical_not, // bool
    is_nan,      // f32 -> bool
};
struct Unary {
    UnaryKind kind = UnaryKind::identity;
    double a = 0, b = 0;
};

// The kind's function of one number.
double apply(const Unary &unary, double x);

// Both operands have one dtype ("numbers": f32, i32 or i64). Integers wrap around; remainder and
// fmod of an integer by 0 give 0.
enum class BinaryKind : uint8_t {
    add,       // numbers
    sub,       // numbers
    mul,       // numbers
    div,       // f32
    pow,       // f32
    maximum,   // numbers
    minimum,   // numbers
    remainder, // numbers; has the sign of the divisor (Python's %)
    fmod,      // numbers; has the sign of the dividend (C's fmod)
    prelu,     // f32: a > 0 ? a : a * b
    eq,        // any -> bool, as the next five
    ne,
    lt,
    le,
    gt,
    ge,
    logical_and, // bool, as the next two
    logical_or,
    logical_xor,
};
// With NumPy's broadcasting.
struct Binary {
    BinaryKind kind = BinaryKind::add;
};
double apply(BinaryKind kind, double a, double b);

// where(condition, a, b): bool, then two of one dtype; NumPy's broadcasting of all three.
struct Where {};
// prelu(x, weight) with a learned weight [num_parameters]: one, or one per channel (dimension 1).
struct PRelu {
    int64_t num_parameters = 1;
};
// To another element type. Float to integer truncates towards zero, beyond the range it takes the
// nearest bound, NaN gives 0; integer to a narrower integer keeps the low bits; to bool: x != 0.
struct Cast {
    DType dtype = DType::f32;
};

struct Softmax {
    int64_t dim = 1; // never negative in a graph
    bool log = false;
};
// Numbers in, the same dtype out (mean, l1, l2, log_sum_exp: f32).
enum class ReduceKind : uint8_t { sum, mean, amax, amin, prod, l1, l2, sum_square, log_sum_exp };
struct Reduce {
    ReduceKind kind = ReduceKind::sum;
    std::vector<int64_t> dims; // ascending, never negative; at least one
    bool keepdim = false;
};
// The position of the greatest (least) element along `dim`, the first of equals. Result i64.
struct ArgReduce {
    bool max = true;
    int64_t dim = 0;
    bool keepdim = false;
};
// The k greatest (or least) along `dim`, sorted, the first of equals first; or where they are, i64.
struct TopK {
    int64_t k = 1;
    int64_t dim = 0;
    bool largest = true;
    bool indices = false;
};

struct Concat {
    int64_t dim = 1;
};
// Of every dimension d: elements start, start + step, ... extents[d] of them. step is not 0; all
// that is touched lies inside.
struct Slice {
    std::vector<int64_t> starts, extents, steps;
};
enum class PadMode : uint8_t { constant, reflect, replicate, circular };
// One entry per dimension of the operand; negative entries crop (constant mode only).
struct Pad {
    std::vector<int64_t> lo, hi;
    PadMode mode = PadMode::constant;
    double value = 0;
};
// Dimension d of the result is dimension dims[d] of the operand.
struct Permute {
    std::vector<int64_t> dims;
};
// Joins dimensions start_dim..end_dim (both included, never negative in a graph).
struct Flatten {
    int64_t start_dim = 1, end_dim = 1;
};
// Row-major order of [N, C, spatial...] is kept. No -1 in a graph.
struct Reshape {
    Shape shape;
};
// Broadcasting to a shape (NumPy's broadcast_to). No -1 in a graph.
struct Expand {
    Shape shape;
};
// repeats[d] copies along dimension d; one entry per dimension of the operand.
struct Tile {
    std::vector<int64_t> repeats;
};
// Element i along `dim` of the result is element index[i] of the operand's (0 <= index < extent).
struct IndexSelect {
    int64_t dim = 0;
    std::vector<int64_t> index;
};
enum class ResizeMode : uint8_t { nearest, linear, cubic };
// Where output position o lies in the input, per dimension with scale = output / input extents:
//   half_pixel          (o + 0.5) / scale - 0.5
//   pytorch_half_pixel  the same, 0 where the output extent is 1
//   align_corners       o (in - 1) / (out - 1), 0 where the output extent is 1
//   asymmetric          o / scale
enum class ResizeCoordinates : uint8_t {
    half_pixel,
    pytorch_half_pixel,
    align_corners,
    asymmetric
};
// How nearest rounds that position.
enum class ResizeRounding : uint8_t { floor, ceil, round_prefer_floor, round_prefer_ceil };
double rounded(double x, ResizeRounding rounding);
// Of the spatial dimensions. Positions beyond the border take the border's value, but with
// antialias they are left out and the other weights scaled to a sum of 1 (PyTorch's). cubic: Keys'
// kernel with coefficient cubic_a. Positions are exact: where scales[d] is the extents' ratio, o /
// scale means o * in / out, so that a tie is a tie.
struct Resize {
    std::vector<int64_t> size;  // output extents, one per spatial dimension
    std::vector<double> scales; // for the formulas above; one per spatial dimension
    ResizeMode mode = ResizeMode::nearest;
    ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
    ResizeRounding rounding = ResizeRounding::floor;
    double cubic_a = -0.75;
    bool antialias = false; // linear and cubic, when shrinking: the kernel is widened by 1 / scale
};
// [N, C r r, H, W] -> [N, C, H r, W r] (PyTorch's channel order) and back.
struct PixelShuffle {
    int64_t upscale_factor = 2;
};
struct PixelUnshuffle {
    int64_t downscale_factor = 2;
};
// [N, groups * C', ...]: channel c' of group g moves to c' * groups + g.
struct ChannelShuffle {
    int64_t groups = 2;
};
// Core form of everything that picks or blends elements dimension by dimension (resize, pad, tile,
// index_select, backward slices, uneven adaptive pooling). Operands: x, then per entry of `dims` an
// index table i32 [extent, taps] and, for a weighted sum, a weight table f32 [extent, taps]. With
// one dimension:
//   pick:         out[o] = x[index[o, 0]], taps is 1; any dtype
//   weighted_sum: out[o] = sum over t of weight[o, t] * x[index[o, t]]; x f32 or u8, result f32
//   max:          out[o] = maximum over t of x[index[o, t]]; f32
// and separably with several. An index of -1 stands for `fill` (pick only). All tables are
// Constant nodes.
enum class SampleKind : uint8_t { pick, weighted_sum, max };
struct Sample {
    SampleKind kind = SampleKind::pick;
    std::vector<int64_t> dims; // ascending
    double fill = 0;
};

using Op = std::variant<Input, Constant, Parameter, Conv, ConvTranspose, BatchNorm, InstanceNorm,
                        GroupNorm, LayerNorm, LocalResponseNorm, Normalize, Linear, MatMul, MaxPool,
                        AvgPool, GlobalAvgPool, GlobalMaxPool, AdaptiveAvgPool, AdaptiveMaxPool,
                        Unary, Binary, Where, PRelu, Cast, Softmax, Reduce, ArgReduce, TopK, Concat,
                        Slice, Pad, Permute, Flatten, Reshape, Expand, Tile, IndexSelect, Resize,
                        PixelShuffle, PixelUnshuffle, ChannelShuffle, Sample>;

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
