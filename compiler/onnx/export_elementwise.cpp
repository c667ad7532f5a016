// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See export_elementwise.h. Kinds without an operator of their own are spelled out as the formulas
// in ops.h.
#include "compiler/onnx/export_elementwise.h"

#include <cmath>

namespace cnnc {
namespace {

// Writes formulas: every function adds a node and returns its result's name.
struct Formula {
    const OnnxCall &call;
    std::string x = call.operands[0];
    DType dtype = call.type().dtype;

    std::string number(double value) const { return call.out.scalar(value, dtype); }
    std::string op(const char *name, const OnnxNames &inputs,
                   const OnnxAttributes &attributes = {}) const {
        return call.out.node(name, inputs, attributes);
    }
    void result(const char *name, const OnnxNames &inputs,
                const OnnxAttributes &attributes = {}) const {
        call.out.node(name, inputs, attributes, call.result);
    }
};

const char *simple_name(UnaryKind kind) {
    switch (kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return "Identity";
    case UnaryKind::sigmoid:
        return "Sigmoid";
    case UnaryKind::tanh:
        return "Tanh";
    case UnaryKind::hard_swish:
        return "HardSwish";
    case UnaryKind::softsign:
        return "Softsign";
    case UnaryKind::exp:
        return "Exp";
    case UnaryKind::log:
        return "Log";
    case UnaryKind::sqrt:
        return "Sqrt";
    case UnaryKind::reciprocal:
        return "Reciprocal";
    case UnaryKind::erf:
        return "Erf";
    case UnaryKind::sin:
        return "Sin";
    case UnaryKind::cos:
        return "Cos";
    case UnaryKind::abs:
        return "Abs";
    case UnaryKind::neg:
        return "Neg";
    case UnaryKind::sign:
        return "Sign";
    case UnaryKind::floor:
        return "Floor";
    case UnaryKind::ceil:
        return "Ceil";
    case UnaryKind::round:
        return "Round";
    case UnaryKind::logical_not:
        return "Not";
    case UnaryKind::is_nan:
        return "IsNaN";
    default:
        return nullptr;
    }
}

void write_clamp(const Formula &f, double low, double high) {
    f.result("Clip",
             {f.x, std::isinf(low) ? "" : f.number(low), std::isinf(high) ? "" : f.number(high)});
}

void write_gelu_tanh(const Formula &f) {
    const std::string cube = f.op("Mul", {f.op("Mul", {f.x, f.x}), f.x});
    std::string y = f.op("Add", {f.x, f.op("Mul", {cube, f.number(0.044715)})});
    y = f.op("Tanh", {f.op("Mul", {y, f.number(std::sqrt(2 / M_PI))})});
    y = f.op("Mul", {f.op("Add", {y, f.number(1)}), f.number(0.5)});
    f.result("Mul", {f.x, y});
}

void write_softplus(const Formula &f, double beta) {
    if (beta == 1) {
        f.result("Softplus", {f.x});
        return;
    }
    const std::string scaled = f.op("Mul", {f.x, f.number(beta)});
    f.result("Div", {f.op("Softplus", {scaled}), f.number(beta)});
}

void write_formula(const Unary &u, const Formula &f) {
    switch (u.kind) {
    case UnaryKind::relu:
        return f.dtype == DType::f32 ? f.result("Relu", {f.x})
                                     : f.result("Max", {f.x, f.number(0)});
    case UnaryKind::relu6:
        return write_clamp(f, 0, 6);
    case UnaryKind::clamp:
        return write_clamp(f, u.a, u.b);
    case UnaryKind::leaky_relu:
        return f.result("LeakyRelu", {f.x}, {{"alpha", u.a}});
    case UnaryKind::silu:
        return f.result("Mul", {f.x, f.op("Sigmoid", {f.x})});
    case UnaryKind::elu:
        return f.result("Elu", {f.x}, {{"alpha", u.a}});
    case UnaryKind::selu:
        return f.result("Selu", {f.x}, {{"alpha", u.a}, {"gamma", u.b}});
    case UnaryKind::celu:
        return f.result("Celu", {f.x}, {{"alpha", u.a}});
    case UnaryKind::gelu: {
        const std::string erf = f.op("Erf", {f.op("Div", {f.x, f.number(std::sqrt(2.0))})});
        const std::string half = f.op("Mul", {f.op("Add", {erf, f.number(1)}), f.number(0.5)});
        return f.result("Mul", {f.x, half});
    }
    case UnaryKind::gelu_tanh:
        return write_gelu_tanh(f);
    case UnaryKind::mish:
        return f.result("Mul", {f.x, f.op("Tanh", {f.op("Softplus", {f.x})})});
    case UnaryKind::softplus:
        return write_softplus(f, u.a);
    case UnaryKind::hard_sigmoid:
        return f.result("HardSigmoid", {f.x}, {{"alpha", u.a}, {"beta", u.b}});
    case UnaryKind::log_sigmoid:
        return f.result("Neg", {f.op("Softplus", {f.op("Neg", {f.x})})});
    case UnaryKind::hard_shrink:
        return f.result("Shrink", {f.x}, {{"lambd", u.a}, {"bias", 0.0}});
    case UnaryKind::soft_shrink:
        return f.result("Shrink", {f.x}, {{"lambd", u.a}, {"bias", u.a}});
    case UnaryKind::threshold:
        return f.result("Where", {f.op("Greater", {f.x, f.number(u.a)}), f.x, f.number(u.b)});
    case UnaryKind::rsqrt:
        return f.result("Reciprocal", {f.op("Sqrt", {f.x})});
    default:
        return f.result(simple_name(u.kind), {f.x});
    }
}

const char *binary_operator(BinaryKind kind) {
    switch (kind) {
    case BinaryKind::add:
        return "Add";
    case BinaryKind::sub:
        return "Sub";
    case BinaryKind::mul:
        return "Mul";
    case BinaryKind::div:
        return "Div";
    case BinaryKind::pow:
        return "Pow";
    case BinaryKind::maximum:
        return "Max";
    case BinaryKind::minimum:
        return "Min";
    case BinaryKind::eq:
        return "Equal";
    case BinaryKind::lt:
        return "Less";
    case BinaryKind::le:
        return "LessOrEqual";
    case BinaryKind::gt:
        return "Greater";
    case BinaryKind::ge:
        return "GreaterOrEqual";
    case BinaryKind::logical_and:
        return "And";
    case BinaryKind::logical_or:
        return "Or";
    case BinaryKind::logical_xor:
        return "Xor";
    default:
        return nullptr;
    }
}

// ONNX's Mod has Python's sign for integers alone.
void write_remainder(const Formula &f, const std::string &y) {
    if (f.dtype != DType::f32)
        return f.result("Mod", {f.x, y});
    const std::string times = f.op("Floor", {f.op("Div", {f.x, y})});
    f.result("Sub", {f.x, f.op("Mul", {times, y})});
}

} // namespace

void write_unary(const Unary &unary, const OnnxCall &call) {
    write_formula(unary, Formula{call});
}

void write_binary(BinaryKind kind, const OnnxCall &call) {
    const Formula f{call};
    const std::string &y = call.operands[1];
    switch (kind) {
    case BinaryKind::remainder:
        return write_remainder(f, y);
    case BinaryKind::fmod:
        return f.result("Mod", {f.x, y}, {{"fmod", true}});
    case BinaryKind::ne:
        return f.result("Not", {f.op("Equal", {f.x, y})});
    case BinaryKind::prelu:
        return f.result("Where", {f.op("Greater", {f.x, f.number(0)}), f.x, f.op("Mul", {f.x, y})});
    default:
        return f.result(binary_operator(kind), {f.x, y});
    }
}

} // namespace cnnc
