// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that work element by element, and conversions between element types.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cnnc {
namespace {

// One operand, no attributes.
template <UnaryKind kind>
void import_unary(OnnxNode &node) {
    const Tensor &x = node.input(0);
    Result result = node.unary(kind, node.widen(x), 0, 0, is_byte(x.type.dtype) ? "wide" : "");
    bool back = is_byte(x.type.dtype) && result && result->type.dtype == DType::i32;
    node.give(0, back ? node.cast(result, x.type.dtype, "") : result);
}

void import_elu(OnnxNode &node) {
    node.give(0, node.unary(UnaryKind::elu, node.input(0), node.number("alpha", 1)));
}
void import_celu(OnnxNode &node) {
    node.give(0, node.unary(UnaryKind::celu, node.input(0), node.number("alpha", 1)));
}
void import_leaky_relu(OnnxNode &node) {
    node.give(0, node.unary(UnaryKind::leaky_relu, node.input(0), node.number("alpha", 0.01)));
}
void import_selu(OnnxNode &node) {
    double alpha = node.number("alpha", 1.6732632423543772848170429916717);
    double gamma = node.number("gamma", 1.0507009873554804934193349852946);
    node.give(0, node.unary(UnaryKind::selu, node.input(0), alpha, gamma));
}
void import_hard_sigmoid(OnnxNode &node) {
    double alpha = node.number("alpha", 0.2), beta = node.number("beta", 0.5);
    node.give(0, node.unary(UnaryKind::hard_sigmoid, node.input(0), alpha, beta));
}
void import_softplus(OnnxNode &node) {
    node.give(0, node.unary(UnaryKind::softplus, node.input(0), 1, 20));
}
void import_thresholded_relu(OnnxNode &node) {
    node.give(0, node.unary(UnaryKind::threshold, node.input(0), node.number("alpha", 1), 0));
}

void import_gelu(OnnxNode &node) {
    std::string how = node.text("approximate", "none");
    if (how != "none" && how != "tanh") {
        node.fail<diag::onnx_attribute_value>("approximate", node.op_type(), brief(how));
        return;
    }
    node.give(0, node.unary(how == "tanh" ? UnaryKind::gelu_tanh : UnaryKind::gelu, node.input(0)));
}

void import_shrink(OnnxNode &node) {
    double lambd = node.number("lambd", 0.5), bias = node.number("bias", 0);
    if (bias == 0)
        node.give(0, node.unary(UnaryKind::hard_shrink, node.input(0), lambd));
    else if (bias == lambd)
        node.give(0, node.unary(UnaryKind::soft_shrink, node.input(0), lambd));
    else
        node.unsupported("with a bias beside 0 and lambd");
}

// tan, sinh, cosh and their like, by those that are there. Far from 0 they are accurate; near it
// they have the error that differences of f32 have.
void import_tan(OnnxNode &node) {
    Result sine = node.unary(UnaryKind::sin, node.input(0), 0, 0, "sin");
    Result cosine = node.unary(UnaryKind::cos, node.input(0), 0, 0, "cos");
    node.give(0, node.binary(BinaryKind::div, sine, cosine));
}

// (exp(x) + sign * exp(-x)) / 2
template <int sign>
void import_hyperbolic(OnnxNode &node) {
    Result up = node.unary(UnaryKind::exp, node.input(0), 0, 0, "up");
    Result down = node.unary(UnaryKind::reciprocal, up, 0, 0, "down");
    BinaryKind kind = sign > 0 ? BinaryKind::add : BinaryKind::sub;
    Result twice = node.binary(kind, up, down, "twice");
    node.give(0, node.binary(BinaryKind::mul, twice, node.scalar(0.5)));
}

// log(x + sqrt(x^2 + offset)), of |x| with x's sign where the offset is 1.
template <int offset>
void import_area(OnnxNode &node) {
    Result x = node.input(0), sign;
    if (offset > 0) {
        sign = node.unary(UnaryKind::sign, x, 0, 0, "sign");
        x = node.unary(UnaryKind::abs, x, 0, 0, "abs");
    }
    Result square = node.binary(BinaryKind::mul, x, x, "square");
    Result shifted = node.binary(BinaryKind::add, square, node.scalar(offset), "shifted");
    Result root = node.unary(UnaryKind::sqrt, shifted, 0, 0, "root");
    Result sum = node.binary(BinaryKind::add, x, root, "sum");
    Result result = node.unary(UnaryKind::log, sum, 0, 0, offset > 0 ? "log" : "");
    node.give(0, offset > 0 ? node.binary(BinaryKind::mul, result, sign) : result);
}

// log((1 + x) / (1 - x)) / 2
void import_atanh(OnnxNode &node) {
    Result above = node.binary(BinaryKind::add, node.scalar(1), node.input(0), "above");
    Result below = node.binary(BinaryKind::sub, node.scalar(1), node.input(0), "below");
    Result ratio = node.binary(BinaryKind::div, above, below, "ratio");
    Result twice = node.unary(UnaryKind::log, ratio, 0, 0, "log");
    node.give(0, node.binary(BinaryKind::mul, twice, node.scalar(0.5)));
}

// The bounds of Clip: attributes at first, operands from operator set 11 on.
struct Bounds {
    double min = -std::numeric_limits<double>::infinity();
    double max = std::numeric_limits<double>::infinity();
};

std::optional<Bounds> read_bounds(OnnxNode &node) {
    constexpr auto most = double(std::numeric_limits<float>::max());
    Bounds bounds;
    if (node.opset() < 11) {
        bounds.min = node.number("min", bounds.min);
        bounds.max = node.number("max", bounds.max);
    }
    for (size_t i : {1, 2}) {
        if (node.opset() < 11 || !node.has_input(i))
            continue;
        std::optional<double> bound = node.known_number(i, "bounds");
        if (!bound)
            return std::nullopt;
        bool f32 = node.input(i).type.dtype == DType::f32;
        (i == 1 ? bounds.min : bounds.max) = f32 ? short_number(float(*bound)) : *bound;
    }
    // How exporters write that there is no bound.
    if (bounds.min <= -most * 0.999)
        bounds.min = -std::numeric_limits<double>::infinity();
    if (bounds.max >= most * 0.999)
        bounds.max = std::numeric_limits<double>::infinity();
    return bounds;
}

// Bounds that are computed.
void clip_by_operands(OnnxNode &node) {
    DType dtype = node.input(0).type.dtype;
    Result x = node.widen(node.input(0));
    bool narrow = is_byte(dtype), upper = node.has_input(2);
    if (node.has_input(1))
        x = node.binary(BinaryKind::maximum, x, node.widen(node.input(1)),
                        narrow || upper ? "above" : "");
    if (upper)
        x = node.binary(BinaryKind::minimum, x, node.widen(node.input(2)), narrow ? "wide" : "");
    node.give(0, narrow ? node.cast(x, dtype, "") : x);
}

void import_clip(OnnxNode &node) {
    const Tensor &x = node.input(0);
    for (size_t i : {1, 2}) {
        if (node.opset() >= 11 && node.has_input(i) && !node.input(i).known()) {
            clip_by_operands(node);
            return;
        }
    }
    std::optional<Bounds> bounds = read_bounds(node);
    if (!bounds)
        return;
    // Where they cross, every element becomes the greater.
    bounds->min = std::min(bounds->min, bounds->max);
    bool narrow = is_byte(x.type.dtype);
    if (narrow) {
        bounds->min = std::max(bounds->min, -128.0);
        bounds->max = std::min(bounds->max, 255.0);
    }
    Result wide = node.widen(x), result = wide;
    if (bounds->min == 0 && bounds->max == 6 && x.type.dtype == DType::f32)
        result = node.unary(UnaryKind::relu6, x);
    else if (std::isfinite(bounds->min) || std::isfinite(bounds->max))
        result = node.unary(UnaryKind::clamp, wide, bounds->min, bounds->max, narrow ? "wide" : "");
    node.give(0, narrow ? node.cast(result, x.type.dtype, "") : result);
}

void import_prelu(OnnxNode &node) {
    const Tensor &x = node.input(0), &slope = node.input(1);
    // One slope per channel, or one: a layer with a weight.
    int64_t count = element_count(slope.shape());
    bool at_channel = x.rank() >= 2 && slope.rank() + 1 >= x.rank() && slope.rank() <= x.rank() &&
                      slope.shape()[slope.rank() - (x.rank() - 1)] == count &&
                      x.shape()[1] == count;
    if (slope.known() && slope.type.dtype == DType::f32 && (count == 1 || at_channel) &&
        slope.rank() <= x.rank()) {
        Tensor weight = known_tensor(reshaped(slope.data, {count}), slope.name);
        node.give(0, node.make_layer(PRelu{count}, x, {weight}));
        return;
    }
    node.give(0, node.binary(BinaryKind::prelu, x, slope));
}

// Beyond the greatest number there is.
void import_is_inf(OnnxNode &node) {
    constexpr auto most = double(std::numeric_limits<float>::max());
    bool negative = node.integer("detect_negative", 1) != 0;
    bool positive = node.integer("detect_positive", 1) != 0;
    Result x = node.input(0);
    if (negative && positive)
        x = node.unary(UnaryKind::abs, x, 0, 0, "abs");
    if (!negative && !positive)
        node.unsupported("of nothing");
    else if (positive)
        node.give(0, node.binary(BinaryKind::gt, x, node.scalar(most)));
    else
        node.give(0, node.binary(BinaryKind::lt, x, node.scalar(-most)));
}

// What a type in the model becomes; nothing if cnnc does not compute with it.
std::optional<DType> target_type(OnnxNode &node, int64_t number) {
    bool in_range = number >= 0 && number <= INT32_MAX;
    OnnxType type = onnx_type_of(in_range ? int(number) : 0);
    // Only known elements may be of these types: what is computed would wrap around differently.
    bool widened =
        type.name == "u16" || type.name == "i16" || type.name == "u32" || type.name == "u64";
    if (!type.computed || (widened && !node.input(0).known()))
        return node.unsupported(fmt::format("to {}", type.name));
    return type.computed;
}

void import_cast(OnnxNode &node) {
    if (std::optional<DType> dtype = target_type(node, node.integer("to")))
        node.give(0, node.cast(node.input(0), *dtype, ""));
}

void import_cast_like(OnnxNode &node) {
    node.give(0, node.cast(node.input(0), node.input(1).type.dtype, ""));
}

// At inference there is nothing to do.
void import_identity(OnnxNode &node) {
    node.give(0, node.input(0));
}

void import_dropout(OnnxNode &node) {
    bool training = node.has_input(2) &&
                    (!node.input(2).known() || node.known_number(2, "training_mode") != 0.0);
    if (training) {
        node.unsupported("in training");
        return;
    }
    const Tensor &x = node.input(0);
    node.give(0, x);
    if (node.is_used(1)) { // what is kept: everything
        Result kept = node.scalar(1, node.opset() < 10 ? DType::f32 : DType::boolean);
        node.give(1, x.rank() == 0 ? kept : node.make(Expand{x.shape()}, {kept}, "mask"));
    }
}

} // namespace

const std::vector<OnnxRule> &elementwise_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Abs", 1, 1, import_unary<UnaryKind::abs>},
        {"Acosh", 1, 1, import_area<-1>},
        {"Asinh", 1, 1, import_area<1>},
        {"Atanh", 1, 1, import_atanh},
        {"Cast", 1, 1, import_cast},
        {"CastLike", 2, 2, import_cast_like},
        {"Ceil", 1, 1, import_unary<UnaryKind::ceil>},
        {"Celu", 1, 1, import_celu},
        {"Clip", 1, 3, import_clip},
        {"Cos", 1, 1, import_unary<UnaryKind::cos>},
        {"Cosh", 1, 1, import_hyperbolic<1>},
        {"Dropout", 1, 3, import_dropout},
        {"Elu", 1, 1, import_elu},
        {"Erf", 1, 1, import_unary<UnaryKind::erf>},
        {"Exp", 1, 1, import_unary<UnaryKind::exp>},
        {"Floor", 1, 1, import_unary<UnaryKind::floor>},
        {"Gelu", 1, 1, import_gelu},
        {"HardSigmoid", 1, 1, import_hard_sigmoid},
        {"HardSwish", 1, 1, import_unary<UnaryKind::hard_swish>},
        {"Identity", 1, 1, import_identity},
        {"IsInf", 1, 1, import_is_inf},
        {"IsNaN", 1, 1, import_unary<UnaryKind::is_nan>},
        {"LeakyRelu", 1, 1, import_leaky_relu},
        {"Log", 1, 1, import_unary<UnaryKind::log>},
        {"Mish", 1, 1, import_unary<UnaryKind::mish>},
        {"Neg", 1, 1, import_unary<UnaryKind::neg>},
        {"Not", 1, 1, import_unary<UnaryKind::logical_not>},
        {"PRelu", 2, 2, import_prelu},
        {"Reciprocal", 1, 1, import_unary<UnaryKind::reciprocal>},
        {"Relu", 1, 1, import_unary<UnaryKind::relu>},
        {"Round", 1, 1, import_unary<UnaryKind::round>},
        {"Selu", 1, 1, import_selu},
        {"Shrink", 1, 1, import_shrink},
        {"Sigmoid", 1, 1, import_unary<UnaryKind::sigmoid>},
        {"Sign", 1, 1, import_unary<UnaryKind::sign>},
        {"Sin", 1, 1, import_unary<UnaryKind::sin>},
        {"Sinh", 1, 1, import_hyperbolic<-1>},
        {"Softplus", 1, 1, import_softplus},
        {"Softsign", 1, 1, import_unary<UnaryKind::softsign>},
        {"Sqrt", 1, 1, import_unary<UnaryKind::sqrt>},
        {"Tan", 1, 1, import_tan},
        {"Tanh", 1, 1, import_unary<UnaryKind::tanh>},
        {"ThresholdedRelu", 1, 1, import_thresholded_relu},
    };
    return rules;
}

} // namespace cnnc
