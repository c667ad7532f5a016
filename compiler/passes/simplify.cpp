// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Algebra on element by element operators: activations that exporters spell out get their names
// back, and what a cheaper operator says is said by it. Only f32 is rewritten. Rules look at what
// the node's operands have become, so one rewriting enables the next.
#include "compiler/passes/constants.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace cnnc {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Constants in text and files are f32, or decimals of some digits.
constexpr double tolerance = 1e-4;
// Products are taken apart to find an activation while they have fewer factors than this, counting
// products of them.
constexpr size_t max_factors = 8;
constexpr int max_power = 100; // more than any that is looked for

bool is_near(double a, double b) {
    return std::fabs(a - b) <= tolerance * std::fabs(b);
}

class Simplifier {
  public:
    explicit Simplifier(Replacement &r) : r_(r) {}

    bool run() {
        const Node &node = r_.node();
        const bool floats = node.type.dtype == DType::f32 && !node.inputs.empty() &&
                            r_.at(r_.input()).type.dtype == DType::f32;
        if (!floats)
            return false;
        return match(
            node.op, [&](const Unary &u) { return simplify(u); },
            [&](const Binary &b) { return simplify(b.kind); },
            [&](const Reduce &r) { return simplify(r); }, [](const auto &) { return false; });
    }

  private:
    // ---- looking at the new graph ----

    std::optional<double> scalar(NodeId id) const { return scalar_value(r_.graph(), id); }

    const Node *binary_node(NodeId id, BinaryKind kind) const {
        const auto *binary = std::get_if<Binary>(&r_.at(id).op);
        return binary && binary->kind == kind ? &r_.at(id) : nullptr;
    }

    const Unary *unary(NodeId id, UnaryKind kind) const {
        const auto *unary = std::get_if<Unary>(&r_.at(id).op);
        return unary && unary->kind == kind ? unary : nullptr;
    }

    NodeId operand(NodeId id) const { return r_.at(id).inputs[0]; }

    // x, where the node is x OP c with a scalar near c.
    std::optional<NodeId> with_scalar(NodeId id, BinaryKind kind, double c) const {
        const Node *node = binary_node(id, kind);
        if (!node)
            return std::nullopt;
        const auto value = scalar(node->inputs[1]);
        const bool fits =
            value && is_near(*value, c) && r_.shape(node->inputs[0]) == node->type.shape;
        return fits ? std::optional(node->inputs[0]) : std::nullopt;
    }

    bool has_result_shape(NodeId id) const { return r_.shape(id) == r_.node().type.shape; }

    // ---- finishing ----

    bool become(NodeId value) {
        r_.finish(value);
        return true;
    }

    bool become(Unary op, NodeId x) {
        if (!has_result_shape(x))
            return false;
        return become(r_.add(op, {x}, ""));
    }

    bool become(BinaryKind kind, NodeId a, NodeId b) { return become(r_.binary(kind, a, b, "")); }

    bool become(BinaryKind kind, NodeId a, double b) {
        const NodeId value = r_.number(b);
        return become(kind, a, value);
    }

    // ---- unary ----

    bool simplify(const Unary &u) {
        const NodeId x = r_.input();
        switch (u.kind) {
        case UnaryKind::clamp:
            return clamp(x, u.a, u.b, true);
        case UnaryKind::relu:
            return unary(x, UnaryKind::clamp) && clamp(x, 0, infinity, true);
        case UnaryKind::reciprocal:
            if (unary(x, UnaryKind::sqrt))
                return become(Unary{UnaryKind::rsqrt}, operand(x));
            return false;
        case UnaryKind::neg:
            return unary(x, UnaryKind::neg) && become(operand(x));
        default:
            return false;
        }
    }

    // max(low, min(high, x)), by its name if it has one; false if that is what the node is.
    bool clamp(NodeId x, double low, double high, bool is_clamp) {
        if (const Unary *inner = unary(x, UnaryKind::clamp)) {
            if (inner->a > high || inner->b < low)
                return false;
            return clamp(operand(x), std::max(low, inner->a), std::min(high, inner->b), false);
        }
        if (unary(x, UnaryKind::relu) && high >= 0)
            return clamp(operand(x), std::max(low, 0.0), high, false);
        if (low == 0 && high == infinity)
            return become(Unary{UnaryKind::relu}, x);
        if (low == 0 && high == 6)
            return become(Unary{UnaryKind::relu6}, x);
        return !is_clamp && become(Unary{UnaryKind::clamp, low, high}, x);
    }

    // ---- binary ----

    static bool commutes(BinaryKind kind) {
        return kind == BinaryKind::add || kind == BinaryKind::mul || kind == BinaryKind::maximum ||
               kind == BinaryKind::minimum;
    }

    bool simplify(BinaryKind kind) {
        NodeId a = r_.input(0), b = r_.input(1);
        const bool swapped = commutes(kind) && scalar(a) && !scalar(b);
        if (swapped)
            std::swap(a, b);
        if (const auto value = scalar(b); value && has_result_shape(a))
            if (with_number(kind, a, *value))
                return true;
        const bool done = kind == BinaryKind::mul       ? product(a, b)
                          : kind == BinaryKind::div     ? quotient(a, b)
                          : kind == BinaryKind::maximum ? maximum(a, b) || maximum(b, a)
                                                        : false;
        return done || (swapped && become(kind, a, b));
    }

    bool with_number(BinaryKind kind, NodeId a, double c) {
        switch (kind) {
        case BinaryKind::add:
            return add_number(a, c);
        case BinaryKind::sub:
            return add_number(a, -c) || become(BinaryKind::add, a, -c);
        case BinaryKind::mul:
            return multiply(a, c);
        case BinaryKind::div:
            return c != 0 && (multiply(a, 1 / c) || become(BinaryKind::mul, a, 1 / c));
        case BinaryKind::pow:
            return power(a, c);
        case BinaryKind::maximum:
            return clamp(a, c, infinity, false);
        case BinaryKind::minimum:
            return clamp(a, -infinity, c, false);
        case BinaryKind::prelu:
            return become(Unary{UnaryKind::leaky_relu, c}, a);
        default:
            return false;
        }
    }

    bool add_number(NodeId a, double c) {
        if (c == 0)
            return become(a);
        if (const Node *sum = binary_node(a, BinaryKind::add))
            if (const auto first = scalar(sum->inputs[1]);
                first && has_result_shape(sum->inputs[0]))
                return become(BinaryKind::add, sum->inputs[0], *first + c);
        return false;
    }

    bool multiply(NodeId a, double c) {
        if (c == 1)
            return become(a);
        if (hard_sigmoid(a, c) || hard_swish(a, c) || gelu({a}, c))
            return true;
        if (const Node *product = binary_node(a, BinaryKind::mul))
            if (const auto first = scalar(product->inputs[1]);
                first && has_result_shape(product->inputs[0]))
                return become(BinaryKind::mul, product->inputs[0], *first * c);
        return false;
    }

    bool power(NodeId a, double c) {
        if (c == 1)
            return become(a);
        if (c == 0.5)
            return become(Unary{UnaryKind::sqrt}, a);
        if (c == -0.5)
            return become(Unary{UnaryKind::rsqrt}, a);
        return c == -1 && become(Unary{UnaryKind::reciprocal}, a);
    }

    bool quotient(NodeId a, NodeId b) {
        if (const auto one = scalar(a); one && *one == 1 && has_result_shape(b))
            return unary(b, UnaryKind::sqrt) ? become(Unary{UnaryKind::rsqrt}, operand(b))
                                             : become(Unary{UnaryKind::reciprocal}, b);
        if (!unary(b, UnaryKind::sqrt))
            return false;
        const NodeId inverse = r_.unary(UnaryKind::rsqrt, operand(b), "rsqrt");
        return become(BinaryKind::mul, a, inverse);
    }

    // maximum(x, slope * x) with a slope up to 1.
    bool maximum(NodeId x, NodeId scaled) {
        const Node *product = binary_node(scaled, BinaryKind::mul);
        if (!product || product->inputs[0] != x)
            return false;
        const auto slope = scalar(product->inputs[1]);
        return slope && *slope >= 0 && *slope <= 1 &&
               become(Unary{UnaryKind::leaky_relu, *slope}, x);
    }

    // ---- activations ----

    bool product(NodeId a, NodeId b) { return gated(a, b) || gated(b, a) || gelu({a, b}, 1); }

    // x times a function of x.
    bool gated(NodeId x, NodeId gate) {
        if (const Unary *u = std::get_if<Unary>(&r_.at(gate).op); u && operand(gate) == x) {
            if (u->kind == UnaryKind::sigmoid)
                return become(Unary{UnaryKind::silu}, x);
            if (u->kind == UnaryKind::hard_sigmoid && is_near(u->a, 1.0 / 6) && is_near(u->b, 0.5))
                return become(Unary{UnaryKind::hard_swish}, x);
        }
        return unary(gate, UnaryKind::tanh) && unary(operand(gate), UnaryKind::softplus) &&
               is_plain_softplus(operand(gate)) && operand(operand(gate)) == x &&
               become(Unary{UnaryKind::mish}, x);
    }

    bool is_plain_softplus(NodeId id) const {
        const Unary *u = unary(id, UnaryKind::softplus);
        return u && u->a == 1 && u->b >= 15;
    }

    // relu6(x + 3) / 6
    bool hard_sigmoid(NodeId a, double factor) {
        if (!unary(a, UnaryKind::relu6) || !is_near(factor, 1.0 / 6))
            return false;
        const auto x = with_scalar(operand(a), BinaryKind::add, 3);
        return x && become(Unary{UnaryKind::hard_sigmoid, 1.0 / 6, 0.5}, *x);
    }

    // x * relu6(x + 3) / 6
    bool hard_swish(NodeId a, double factor) {
        const Node *product = binary_node(a, BinaryKind::mul);
        if (!product || !is_near(factor, 1.0 / 6))
            return false;
        for (size_t i : {0, 1}) {
            const NodeId x = product->inputs[i], gate = product->inputs[1 - i];
            if (unary(gate, UnaryKind::relu6) &&
                with_scalar(operand(gate), BinaryKind::add, 3) == std::optional(x))
                return become(Unary{UnaryKind::hard_swish}, x);
        }
        return false;
    }

    // The factors of a product: numbers multiplied into `number`, and what is none.
    struct Factors {
        double number = 1;
        std::vector<NodeId> values;
    };
    Factors factors_of(std::vector<NodeId> pending) const {
        Factors result;
        for (size_t i = 0; i < pending.size(); i++) {
            const Node *product = binary_node(pending[i], BinaryKind::mul);
            if (product && pending.size() < max_factors)
                pending.insert(pending.end(), product->inputs.begin(), product->inputs.end());
            else if (const auto number = scalar(pending[i]))
                result.number *= *number;
            else
                result.values.push_back(pending[i]);
        }
        return result;
    }

    // 0.5 * x * (1 + erf(x / sqrt(2))) in any order, and the same with tanh.
    bool gelu(const std::vector<NodeId> &product, double factor) {
        const Factors factors = factors_of(product);
        const std::vector<NodeId> &values = factors.values;
        if (values.size() != 2 || !is_near(factor * factors.number, 0.5))
            return false;
        return gelu_of(values[0], values[1]) || gelu_of(values[1], values[0]);
    }

    bool gelu_of(NodeId x, NodeId gate) {
        const auto bent = with_scalar(gate, BinaryKind::add, 1);
        if (!bent)
            return false;
        if (unary(*bent, UnaryKind::erf))
            return with_scalar(operand(*bent), BinaryKind::mul, std::sqrt(0.5)) ==
                       std::optional(x) &&
                   become(Unary{UnaryKind::gelu}, x);
        return unary(*bent, UnaryKind::tanh) && is_gelu_polynomial(operand(*bent), x) &&
               become(Unary{UnaryKind::gelu_tanh}, x);
    }

    // sqrt(2 / pi) * (x + 0.044715 * x^3)
    bool is_gelu_polynomial(NodeId id, NodeId x) const {
        const auto sum = with_scalar(id, BinaryKind::mul, 0.7978845608);
        const Node *terms = sum ? binary_node(*sum, BinaryKind::add) : nullptr;
        if (!terms)
            return false;
        const NodeId other = terms->inputs[terms->inputs[0] == x ? 1 : 0];
        const Factors cube = factors_of({other});
        int power = 0;
        for (NodeId value : cube.values)
            power += value == x                                                   ? 1
                     : with_scalar(value, BinaryKind::pow, 2) == std::optional(x) ? 2
                     : with_scalar(value, BinaryKind::pow, 3) == std::optional(x) ? 3
                                                                                  : max_power;
        return (terms->inputs[0] == x || terms->inputs[1] == x) && power == 3 &&
               is_near(cube.number, 0.044715);
    }

    bool is_square(NodeId id, NodeId x) const {
        const Node *product = binary_node(id, BinaryKind::mul);
        return (product && product->inputs[0] == x && product->inputs[1] == x) ||
               with_scalar(id, BinaryKind::pow, 2) == std::optional(x);
    }

    // ---- reductions ----

    // The squares need not be stored.
    bool simplify(const Reduce &reduce) {
        const NodeId x = r_.input();
        const bool sums = reduce.kind == ReduceKind::sum || reduce.kind == ReduceKind::mean;
        if (!sums || (!std::holds_alternative<Binary>(r_.at(x).op)) || !is_square(x, operand(x)) ||
            r_.shape(operand(x)) != r_.shape(x))
            return false;
        const Reduce squares{ReduceKind::sum_square, reduce.dims, reduce.keepdim};
        if (reduce.kind == ReduceKind::sum)
            return become(r_.add(squares, {operand(x)}, ""));
        double count = 1;
        for (int64_t dim : reduce.dims)
            count *= double(r_.shape(x)[size_t(dim)]);
        const NodeId sum = r_.add(squares, {operand(x)}, "sum_square");
        return become(BinaryKind::mul, sum, 1 / count);
    }

    Replacement &r_;
};

} // namespace

Graph simplify(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) { return Simplifier(r).run(); });
}

} // namespace cnnc
