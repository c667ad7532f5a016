// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of operators that work element by element.
#include "compiler/graph/registry_rows.h"

#include <cassert>

namespace cnnc {

namespace {

ArgSpec number_arg(std::string_view name, double fallback, std::string_view doc) {
    return {name, ArgKind::number, number(fallback), doc};
}
ArgSpec required_arg(std::string_view name, std::string_view doc) {
    return {name, ArgKind::number, {}, doc};
}

std::vector<UnaryRow> activations() {
    return {
        {UnaryKind::identity, "identity", "Its operand, unchanged."},
        {UnaryKind::dropout,
         "dropout",
         "Nothing at inference.",
         {number_arg("p", 0.5, "share dropped while training")}},
        {UnaryKind::relu, "relu", "max(x, 0)."},
        {UnaryKind::relu6, "relu6", "min(max(x, 0), 6)."},
        {UnaryKind::clamp, "clamp", "min(max(x, min), max)."},
        {UnaryKind::leaky_relu,
         "leaky_relu",
         "x where positive, negative_slope * x elsewhere.",
         {number_arg("negative_slope", 0.01, "factor of negative elements")}},
        {UnaryKind::sigmoid, "sigmoid", "1 / (1 + exp(-x))."},
        {UnaryKind::tanh, "tanh", "Hyperbolic tangent."},
        {UnaryKind::silu, "silu", "x * sigmoid(x)."},
        {UnaryKind::hard_swish, "hard_swish", "x * relu6(x + 3) / 6."},
        {UnaryKind::elu,
         "elu",
         "x where positive, alpha * (exp(x) - 1) elsewhere.",
         {number_arg("alpha", 1, "factor of negative elements")}},
        {UnaryKind::selu,
         "selu",
         "gamma * elu(x, alpha).",
         {number_arg("alpha", 1.6732632423543772, "factor of negative elements"),
          number_arg("gamma", 1.0507009873554805, "factor of the result")}},
        {UnaryKind::celu,
         "celu",
         "max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0).",
         {number_arg("alpha", 1, "scale of negative elements")}},
        {UnaryKind::gelu, "gelu", "x times the normal distribution's share below x."},
        {UnaryKind::gelu_tanh, "gelu", ""},
        {UnaryKind::mish, "mish", "x * tanh(softplus(x))."},
        {UnaryKind::softplus,
         "softplus",
         "log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold.",
         {number_arg("beta", 1, "sharpness of the bend"),
          number_arg("threshold", 20, "where the result becomes x")}},
        {UnaryKind::softsign, "softsign", "x / (1 + abs(x))."},
        {UnaryKind::hard_sigmoid,
         "hard_sigmoid",
         "alpha * x + beta, clamped to 0 and 1.",
         {number_arg("alpha", 1.0 / 6, "slope"), number_arg("beta", 0.5, "value at 0")}},
        {UnaryKind::log_sigmoid, "log_sigmoid", "log(sigmoid(x))."},
        {UnaryKind::hard_shrink,
         "hard_shrink",
         "x where its magnitude exceeds lambd, 0 elsewhere.",
         {number_arg("lambd", 0.5, "bound of what becomes 0")}},
        {UnaryKind::soft_shrink,
         "soft_shrink",
         "x moved towards 0 by lambd, 0 where it would pass it.",
         {number_arg("lambd", 0.5, "how far")}},
        {UnaryKind::threshold,
         "threshold",
         "x where it exceeds the threshold, the value elsewhere.",
         {required_arg("threshold", "what x is compared with"),
          required_arg("value", "what stands elsewhere")}},
    };
}

std::vector<UnaryRow> functions() {
    return {
        {UnaryKind::exp, "exp", "e to the power of x."},
        {UnaryKind::log, "log", "Natural logarithm."},
        {UnaryKind::sqrt, "sqrt", "Square root."},
        {UnaryKind::rsqrt, "rsqrt", "1 / sqrt(x)."},
        {UnaryKind::reciprocal, "reciprocal", "1 / x."},
        {UnaryKind::erf, "erf", "Gauss's error function."},
        {UnaryKind::sin, "sin", "Sine."},
        {UnaryKind::cos, "cos", "Cosine."},
        {UnaryKind::abs, "abs", "Magnitude."},
        {UnaryKind::neg, "neg", "-x; also written so."},
        {UnaryKind::sign, "sign", "1, 0 or -1."},
        {UnaryKind::floor, "floor", "The next integer downwards."},
        {UnaryKind::ceil, "ceil", "The next integer upwards."},
        {UnaryKind::round, "round", "The nearest integer; halves to the even one."},
        {UnaryKind::logical_not, "logical_not", "Whether x is false."},
        {UnaryKind::is_nan, "is_nan", "Whether x is no number."},
    };
}

struct BinaryRow {
    BinaryKind kind;
    std::string_view name;
    std::string_view doc;
};

// In the order of the enumeration.
constexpr BinaryRow binary_rows[] = {
    {BinaryKind::add, "add", "Sum, with broadcasting; also written +."},
    {BinaryKind::sub, "sub", "Difference, with broadcasting; also written -."},
    {BinaryKind::mul, "mul", "Product, with broadcasting; also written *."},
    {BinaryKind::div, "div", "Quotient, with broadcasting; also written /."},
    {BinaryKind::pow, "pow", "Power, with broadcasting; also written **."},
    {BinaryKind::maximum, "maximum", "The greater of two, with broadcasting."},
    {BinaryKind::minimum, "minimum", "The lesser of two, with broadcasting."},
    {BinaryKind::remainder, "remainder",
     "Rest of a division, with the divisor's sign; also written %."},
    {BinaryKind::fmod, "fmod", "Rest of a division, with the dividend's sign."},
    {BinaryKind::prelu, "prelu",
     "x where positive, weight * x elsewhere. The weight is the second operand, or, without one, "
     "learned."},
    {BinaryKind::eq, "eq", "Whether two are equal; also written ==."},
    {BinaryKind::ne, "ne", "Whether two differ; also written !=."},
    {BinaryKind::lt, "lt", "Whether the first is less; also written <."},
    {BinaryKind::le, "le", "Whether the first is less or equal; also written <=."},
    {BinaryKind::gt, "gt", "Whether the first is greater; also written >."},
    {BinaryKind::ge, "ge", "Whether the first is greater or equal; also written >=."},
    {BinaryKind::logical_and, "logical_and", "Whether both are true."},
    {BinaryKind::logical_or, "logical_or", "Whether one or both are true."},
    {BinaryKind::logical_xor, "logical_xor", "Whether just one is true."},
};

// clamp's and hard_tanh's.
Op make_clamp(Arguments &a, const Operands &) {
    if (!a.given("min") && !a.given("max")) {
        a.report<diag::clamp_without_bounds>("");
    }
    const double min = a.number("min", -infinity);
    return Unary{UnaryKind::clamp, min, a.number("max", infinity)};
}

Op make_gelu(Arguments &a, const Operands &) {
    return Unary{a.choice("approximate") == 0 ? UnaryKind::gelu : UnaryKind::gelu_tanh};
}

OpSpec unary_spec(const UnaryRow &unary) {
    if (unary.kind == UnaryKind::clamp) {
        return unary_row(unary.name,
                         {{"min", ArgKind::number, {}, "lower bound", "no bound"},
                          {"max", ArgKind::number, {}, "upper bound", "no bound"}},
                         unary.doc, make_clamp);
    }
    if (unary.kind == UnaryKind::gelu) {
        return unary_row(unary.name,
                         {{"approximate",
                           ArgKind::choice,
                           text("none"),
                           "how: exactly, or by tanh",
                           {},
                           {"none", "tanh"}}},
                         unary.doc, make_gelu);
    }
    return unary_row(unary.name, unary.args, unary.doc, [unary](Arguments &a, const Operands &) {
        Unary op = {unary.kind};
        op.a = unary.args.size() > 0 ? a.number(unary.args[0].name) : 0;
        op.b = unary.args.size() > 1 ? a.number(unary.args[1].name) : 0;
        return op;
    });
}

OpSpec hard_tanh_row() {
    return unary_row("hard_tanh",
                     {{"min", ArgKind::number, number(-1), "lower bound"},
                      {"max", ArgKind::number, number(1), "upper bound"}},
                     "min(max(x, min), max).", make_clamp);
}

Op make_prelu(Arguments &a, const Operands &operands) {
    if (operands.size() == 1) {
        return PRelu{a.given("num_parameters") ? a.integer("num_parameters") : 1};
    }
    if (a.given("num_parameters")) {
        a.report<diag::prelu_parameters>("num_parameters");
    }
    return Binary{BinaryKind::prelu};
}

OpSpec binary_spec(const BinaryRow &binary) {
    OpSpec spec;
    if (binary.kind == BinaryKind::prelu) {
        spec = row(binary.name, 1, 2,
                   {{"num_parameters",
                     ArgKind::integer,
                     {},
                     "learned weights: 1, or one per channel; without a second operand",
                     "1"}},
                   binary.doc, make_prelu);
    } else {
        spec = row(binary.name, 2, 2, {}, binary.doc,
                   [kind = binary.kind](Arguments &, const Operands &) { return Binary{kind}; });
    }
    spec.numbers = true;
    return spec;
}

} // namespace

const std::vector<UnaryRow> &unary_rows() {
    static const std::vector<UnaryRow> rows = [] {
        std::vector<UnaryRow> result = activations();
        for (UnaryRow &unary : functions()) {
            result.push_back(std::move(unary));
        }
        return result;
    }();
    return rows;
}

std::string_view unary_name(UnaryKind kind) {
    const UnaryRow &unary = unary_rows()[size_t(kind)];
    assert(unary.kind == kind);
    return unary.name;
}

std::string_view binary_name(BinaryKind kind) {
    const BinaryRow &binary = binary_rows[size_t(kind)];
    assert(binary.kind == kind);
    return binary.name;
}

void add_elementwise(Rows &rows) {
    for (const UnaryRow &unary : unary_rows()) {
        if (unary.kind != UnaryKind::gelu_tanh) {
            rows.push_back(unary_spec(unary));
        }
    }
    rows.push_back(hard_tanh_row());
    for (const BinaryRow &binary : binary_rows) {
        rows.push_back(binary_spec(binary));
    }
    rows.push_back(
        row("where", 3, 3, {},
            "The second operand where the first is true, the third elsewhere, with broadcasting.",
            [](Arguments &, const Operands &) { return Where{}; }));
    rows.back().numbers = true;
    rows.push_back(
        unary_row("cast", {{"dtype", ArgKind::dtype, {}, "element type of the result"}},
                  "Converts to another element type.",
                  [](Arguments &a, const Operands &) { return Cast{a.dtype("dtype")}; }));
}

} // namespace cnnc
