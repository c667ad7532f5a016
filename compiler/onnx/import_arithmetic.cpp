// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic, comparison and choice between tensors.
#include "compiler/onnx/onnx_node.h"
#include "compiler/reference/interpret.h"

#include <algorithm>
#include <cstdlib>

namespace cnnc {
namespace {

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
    bool narrow = is_byte(dtype);
    Result result =
        f(node.widen(node.input(0), wide), node.widen(node.input(1), wide), narrow ? "wide" : "");
    bool back = narrow && result && result->type.dtype == wide;
    if (back && wide == DType::f32) // bytes wrap around as integers do
        result = node.cast(result, DType::i32, "integer");
    node.give(0, back ? node.cast(result, dtype, "") : result);
}

// Before operator set 7 shapes were broadcast from an axis, not from the end.
bool broadcasts_from_axis(OnnxNode &node) {
    bool old = node.opset() < 7 && node.has_attribute("axis");
    if (old)
        node.unsupported("with broadcasting from an axis");
    return old;
}

template <BinaryKind kind>
void import_binary(OnnxNode &node) {
    if (broadcasts_from_axis(node))
        return;
    if (kind == BinaryKind::add &&
        (became_bias(node, node.input(0), 0) || became_bias(node, node.input(1), 1)))
        return;
    through_wide(node, DType::i32, [&](const Result &a, const Result &b, std::string_view step) {
        return binary(node, kind, a, b, step);
    });
}

// Integers are divided towards zero. Known ones exactly; bytes by way of f32, which is exact too.
void import_div(OnnxNode &node) {
    if (broadcasts_from_axis(node))
        return;
    const Tensor &a = node.input(0), &b = node.input(1);
    if (a.type.dtype == DType::f32 || is_byte(a.type.dtype)) {
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
    if (broadcasts_from_axis(node))
        return;
    const Tensor &x = node.input(0);
    DType dtype = x.type.dtype;
    Result base = node.cast(x, DType::f32, "base");
    Result exponent = node.cast(node.input(1), DType::f32, "exponent");
    bool square = exponent && exponent->known() && element_count(exponent->shape()) == 1 &&
                  to_double(exponent->data).values[0] == 2 && exponent->rank() <= x.rank() &&
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
    bool narrow = is_byte(dtype);
    if (!all_given(node))
        return std::nullopt;
    Result result = node.widen(node.input(0));
    for (size_t i = 1; i < node.input_count(); ++i) {
        bool last = i + 1 == node.input_count() && !narrow && !more;
        result = binary(node, kind, result, node.widen(node.input(i)), last ? "" : "part");
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
    if (broadcasts_from_axis(node))
        return;
    Result a = node.input(0), b = node.input(1);
    node.give(0, binary(node, kind, a, b));
}

void import_where(OnnxNode &node) {
    Result a = node.input(1), b = node.input(2);
    Result first = as_number(a, b), second = as_number(b, a);
    node.give(0, node.make(Where(), {node.input(0), first, second}));
}

} // namespace

const std::vector<OnnxRule> &arithmetic_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Add", 2, 2, import_binary<BinaryKind::add>},
        {"And", 2, 2, import_comparison<BinaryKind::logical_and>},
        {"Div", 2, 2, import_div},
        {"Equal", 2, 2, import_comparison<BinaryKind::eq>},
        {"Greater", 2, 2, import_comparison<BinaryKind::gt>},
        {"GreaterOrEqual", 2, 2, import_comparison<BinaryKind::ge>},
        {"Less", 2, 2, import_comparison<BinaryKind::lt>},
        {"LessOrEqual", 2, 2, import_comparison<BinaryKind::le>},
        {"Max", 1, -1, import_variadic<BinaryKind::maximum>},
        {"Mean", 1, -1, import_mean},
        {"Min", 1, -1, import_variadic<BinaryKind::minimum>},
        {"Mod", 2, 2, import_mod},
        {"Mul", 2, 2, import_binary<BinaryKind::mul>},
        {"Or", 2, 2, import_comparison<BinaryKind::logical_or>},
        {"Pow", 2, 2, import_pow},
        {"Sub", 2, 2, import_binary<BinaryKind::sub>},
        {"Sum", 1, -1, import_variadic<BinaryKind::add>},
        {"Where", 3, 3, import_where},
        {"Xor", 2, 2, import_comparison<BinaryKind::logical_xor>},
    };
    return rules;
}

} // namespace cnnc
