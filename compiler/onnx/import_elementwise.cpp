// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that work element by element, and conversions between element types.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cnnc {
namespace {

using Dtypes = std::initializer_list<DType>;

bool is_narrow(DType dtype) {
    return dtype == DType::u8 || dtype == DType::i8;
}

// Bytes are computed in a wider type and cut down again, which is how their arithmetic is defined.
Result widen(OnnxNode &node, const Result &value, DType wide = DType::i32) {
    return value && is_narrow(value->type.dtype) ? node.cast(value, wide, "wide") : value;
}

// One operand, no attributes.
template <UnaryKind kind>
void import_unary(OnnxNode &node) {
    const Tensor &x = node.input(0);
    Result result = node.unary(kind, widen(node, x), 0, 0, is_narrow(x.type.dtype) ? "wide" : "");
    bool back = is_narrow(x.type.dtype) && result && result->type.dtype == DType::i32;
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

// tan, sinh, cosh and their like, by those that are there.
void import_tan(OnnxNode &node) {
    Result sine = node.unary(UnaryKind::sin, node.input(0), 0, 0, "sin");
    Result cosine = node.unary(UnaryKind::cos, node.input(0), 0, 0, "cos");
    node.give(0, node.binary(BinaryKind::div, sine, cosine));
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
    Result x = widen(node, node.input(0));
    bool narrow = is_narrow(dtype), upper = node.has_input(2);
    if (node.has_input(1))
        x = node.binary(BinaryKind::maximum, x, widen(node, node.input(1)),
                        narrow || upper ? "above" : "");
    if (upper)
        x = node.binary(BinaryKind::minimum, x, widen(node, node.input(2)), narrow ? "wide" : "");
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
    bool narrow = is_narrow(x.type.dtype);
    if (narrow) {
        bounds->min = std::max(bounds->min, -128.0);
        bounds->max = std::min(bounds->max, 255.0);
    }
    Result wide = widen(node, x), result = wide;
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

// A known number of as many dimensions as the other operand or fewer reads better without them.
Result as_number(const Result &value, const Result &other) {
    if (value && other && value->known() && !other->known() && element_count(value->shape()) == 1 &&
        value->rank() <= other->rank())
        return known_tensor(reshaped(value->data, {}));
    return value;
}

Result binary(OnnxNode &node, BinaryKind kind, const Result &a, const Result &b,
              std::string_view step = "") {
    return node.binary(kind, as_number(a, b), as_number(b, a), step);
}

// A sum with what is known as a layer's bias.
bool became_bias(OnnxNode &node, const Tensor &value, size_t operand) {
    const Tensor &bias = node.input(1 - operand);
    if (!bias.known() || node.scope().uses_of(node.input_name(operand)) != 1 ||
        !node.state().builder.add_bias(value, bias.data))
        return false;
    node.give(0, value);
    return true;
}

bool all_given(OnnxNode &node) {
    for (size_t i = 1; i < node.input_count(); ++i) {
        if (!node.has_input(i)) {
            node.fail<diag::onnx_input_missing>(node.op_type(), i);
            return false;
        }
    }
    return true;
}

// The step `f` on operands that are wide enough, and its result in their own type again.
template <typename F>
void through_wide(OnnxNode &node, DType wide, F &&f) {
    DType dtype = node.input(0).type.dtype;
    bool narrow = is_narrow(dtype);
    Result result =
        f(widen(node, node.input(0), wide), widen(node, node.input(1), wide), narrow ? "wide" : "");
    bool back = narrow && result && result->type.dtype == wide;
    if (back && wide == DType::f32) // bytes wrap around as integers do
        result = node.cast(result, DType::i32, "integer");
    node.give(0, back ? node.cast(result, dtype, "") : result);
}

template <BinaryKind kind>
void import_binary(OnnxNode &node) {
    if (kind == BinaryKind::add &&
        (became_bias(node, node.input(0), 0) || became_bias(node, node.input(1), 1)))
        return;
    through_wide(node, DType::i32, [&](const Result &a, const Result &b, std::string_view step) {
        return binary(node, kind, a, b, step);
    });
}

// Integers are divided towards zero. Known ones exactly; bytes by way of f32, which is exact too.
void import_div(OnnxNode &node) {
    const Tensor &a = node.input(0), &b = node.input(1);
    if (a.type.dtype == DType::f32 || is_narrow(a.type.dtype)) {
        through_wide(node, DType::f32,
                     [&](const Result &x, const Result &y, std::string_view step) {
                         return binary(node, BinaryKind::div, x, y, step);
                     });
        return;
    }
    std::optional<Shape> shape = broadcast(a.shape(), b.shape());
    if (!a.known() || !b.known() || !shape || a.type.dtype != b.type.dtype) {
        node.unsupported("of integers");
        return;
    }
    // Where each element's operands lie, by the operator that moves elements.
    Result x = a.shape() == *shape ? Result(a) : node.make(Expand{*shape}, {a});
    Result y = b.shape() == *shape ? Result(b) : node.make(Expand{*shape}, {b});
    if (!x || !y || !x->known() || !y->known()) {
        node.unsupported("of integers");
        return;
    }
    std::vector<int64_t> dividends = integers_of(x->data), divisors = integers_of(y->data);
    for (size_t i = 0; i < dividends.size(); ++i) {
        if (divisors[i] == 0) {
            node.fail<diag::onnx_input_value>(size_t(1), "Div", "0");
            return;
        }
        bool overflows = divisors[i] == -1 && dividends[i] == INT64_MIN;
        dividends[i] = overflows ? INT64_MIN : dividends[i] / divisors[i];
    }
    TensorData quotients = reshaped(content_of(dividends), *shape);
    node.give(0, node.cast(known_tensor(quotients), a.type.dtype));
}

void import_pow(OnnxNode &node) {
    const Tensor &x = node.input(0);
    DType dtype = x.type.dtype;
    Result base = node.cast(x, DType::f32, "base");
    Result exponent = node.cast(node.input(1), DType::f32, "exponent");
    bool square = exponent && exponent->known() && element_count(exponent->shape()) == 1 &&
                  numbers_of(exponent->data)[0] == 2 && exponent->rank() <= x.rank() &&
                  dtype == DType::f32 && !x.known();
    if (square) {
        node.give(0, node.binary(BinaryKind::mul, x, x));
        return;
    }
    bool convert = dtype != DType::f32;
    Result power = binary(node, BinaryKind::pow, base, exponent, convert ? "power" : "");
    node.give(0, convert ? node.cast(power, dtype, "") : power);
}

void import_mod(OnnxNode &node) {
    bool fmod = node.integer("fmod", 0) != 0;
    BinaryKind kind = fmod ? BinaryKind::fmod : BinaryKind::remainder;
    through_wide(node, DType::i32, [&](const Result &a, const Result &b, std::string_view step) {
        return binary(node, kind, a, b, step);
    });
}

// Max, Min, Sum and Mean of any number of operands.
Result combined(OnnxNode &node, BinaryKind kind, bool more) {
    DType dtype = node.input(0).type.dtype;
    bool narrow = is_narrow(dtype);
    if (!all_given(node))
        return std::nullopt;
    Result result = widen(node, node.input(0));
    for (size_t i = 1; i < node.input_count(); ++i) {
        bool last = i + 1 == node.input_count() && !narrow && !more;
        result = binary(node, kind, result, widen(node, node.input(i)), last ? "" : "part");
    }
    return narrow ? node.cast(result, dtype, "") : result;
}

template <BinaryKind kind>
void import_variadic(OnnxNode &node) {
    node.give(0, combined(node, kind, false));
}

void import_mean(OnnxNode &node) {
    Result sum = combined(node, BinaryKind::add, node.input_count() > 1);
    if (node.input_count() > 1)
        sum = node.binary(BinaryKind::div, sum, node.scalar(double(node.input_count())));
    node.give(0, sum);
}

template <BinaryKind kind>
void import_comparison(OnnxNode &node) {
    Result a = node.input(0), b = node.input(1);
    node.give(0, binary(node, kind, a, b));
}

void import_where(OnnxNode &node) {
    Result a = node.input(1), b = node.input(2);
    Result first = as_number(a, b), second = as_number(b, a);
    node.give(0, node.make(Where(), {node.input(0), first, second}));
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
    if (training)
        node.unsupported("in training");
    else
        node.give(0, node.input(0));
}

} // namespace

const std::vector<OnnxRule> &elementwise_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Abs", 1, 1, import_unary<UnaryKind::abs>},
        {"Add", 2, 2, import_binary<BinaryKind::add>},
        {"And", 2, 2, import_comparison<BinaryKind::logical_and>},
        {"Cast", 1, 1, import_cast},
        {"CastLike", 2, 2, import_cast_like},
        {"Ceil", 1, 1, import_unary<UnaryKind::ceil>},
        {"Celu", 1, 1, import_celu},
        {"Clip", 1, 3, import_clip},
        {"Cos", 1, 1, import_unary<UnaryKind::cos>},
        {"Div", 2, 2, import_div},
        {"Dropout", 1, 3, import_dropout},
        {"Elu", 1, 1, import_elu},
        {"Equal", 2, 2, import_comparison<BinaryKind::eq>},
        {"Erf", 1, 1, import_unary<UnaryKind::erf>},
        {"Exp", 1, 1, import_unary<UnaryKind::exp>},
        {"Floor", 1, 1, import_unary<UnaryKind::floor>},
        {"Gelu", 1, 1, import_gelu},
        {"Greater", 2, 2, import_comparison<BinaryKind::gt>},
        {"GreaterOrEqual", 2, 2, import_comparison<BinaryKind::ge>},
        {"HardSigmoid", 1, 1, import_hard_sigmoid},
        {"HardSwish", 1, 1, import_unary<UnaryKind::hard_swish>},
        {"Identity", 1, 1, import_identity},
        {"IsNaN", 1, 1, import_unary<UnaryKind::is_nan>},
        {"LeakyRelu", 1, 1, import_leaky_relu},
        {"Less", 2, 2, import_comparison<BinaryKind::lt>},
        {"LessOrEqual", 2, 2, import_comparison<BinaryKind::le>},
        {"Log", 1, 1, import_unary<UnaryKind::log>},
        {"Max", 1, -1, import_variadic<BinaryKind::maximum>},
        {"Mean", 1, -1, import_mean},
        {"Min", 1, -1, import_variadic<BinaryKind::minimum>},
        {"Mish", 1, 1, import_unary<UnaryKind::mish>},
        {"Mod", 2, 2, import_mod},
        {"Mul", 2, 2, import_binary<BinaryKind::mul>},
        {"Neg", 1, 1, import_unary<UnaryKind::neg>},
        {"Not", 1, 1, import_unary<UnaryKind::logical_not>},
        {"Or", 2, 2, import_comparison<BinaryKind::logical_or>},
        {"PRelu", 2, 2, import_prelu},
        {"Pow", 2, 2, import_pow},
        {"Reciprocal", 1, 1, import_unary<UnaryKind::reciprocal>},
        {"Relu", 1, 1, import_unary<UnaryKind::relu>},
        {"Round", 1, 1, import_unary<UnaryKind::round>},
        {"Selu", 1, 1, import_selu},
        {"Shrink", 1, 1, import_shrink},
        {"Sigmoid", 1, 1, import_unary<UnaryKind::sigmoid>},
        {"Sign", 1, 1, import_unary<UnaryKind::sign>},
        {"Sin", 1, 1, import_unary<UnaryKind::sin>},
        {"Softplus", 1, 1, import_softplus},
        {"Softsign", 1, 1, import_unary<UnaryKind::softsign>},
        {"Sqrt", 1, 1, import_unary<UnaryKind::sqrt>},
        {"Sub", 2, 2, import_binary<BinaryKind::sub>},
        {"Sum", 1, -1, import_variadic<BinaryKind::add>},
        {"Tan", 1, 1, import_tan},
        {"Tanh", 1, 1, import_unary<UnaryKind::tanh>},
        {"ThresholdedRelu", 1, 1, import_thresholded_relu},
        {"Where", 3, 3, import_where},
        {"Xor", 2, 2, import_comparison<BinaryKind::logical_xor>},
    };
    return rules;
}

} // namespace cnnc
