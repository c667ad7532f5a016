// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elaboration of expressions.
#include "compiler/sema/elaborator.h"

#include "compiler/sema/sema_diagnostics.h"
#include "dsl/dsl_diagnostics.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cnnc {
namespace {

using ast::BinaryOp;

constexpr int max_recursion = 1000;
const Datum poison{Poison{}};

// Counts a level of the elaborator's own recursion.
struct Level {
    explicit Level(int &depth) : depth(depth) { ++depth; }
    ~Level() { --depth; }
    int &depth;
};

// The operator that an infix means for tensors, or "".
std::string_view tensor_operator(BinaryOp op) {
    switch (op) {
    case BinaryOp::add:
        return "add";
    case BinaryOp::sub:
        return "sub";
    case BinaryOp::mul:
        return "mul";
    case BinaryOp::div:
        return "div";
    case BinaryOp::mod:
        return "remainder";
    case BinaryOp::pow:
        return "pow";
    case BinaryOp::equal:
        return "eq";
    case BinaryOp::not_equal:
        return "ne";
    case BinaryOp::less:
        return "lt";
    case BinaryOp::less_equal:
        return "le";
    case BinaryOp::greater:
        return "gt";
    case BinaryOp::greater_equal:
        return "ge";
    default:
        return "";
    }
}

} // namespace

bool Elaborator::charge(size_t steps, Span span) {
    if (aborted_)
        return false;
    if (budget_ <= steps) {
        abort_too_many_steps(span);
        return false;
    }
    budget_ -= steps;
    return true;
}

void Elaborator::abort_too_many_steps(Span span) {
    diags_.report<diag::too_many_steps>(span);
    aborted_ = true;
}

Datum Elaborator::eval(const ast::Expr &expr) {
    Level level(depth_);
    if (!charge(1, expr.span))
        return poison;
    if (depth_ > max_recursion) {
        diags_.report<diag::evaluation_too_deep>(expr.span);
        aborted_ = true;
        return poison;
    }
    Datum result = eval_node(expr);
    if (budget_ == 0 && !aborted_) // an operation used it up
        abort_too_many_steps(expr.span);
    return aborted_ ? poison : result;
}

Datum Elaborator::eval_node(const ast::Expr &expr) {
    return match(
        expr.node, [](const ast::ErrorExpr &) { return poison; },
        [](const ast::Integer &e) { return Datum{e.value}; },
        [](const ast::Real &e) { return Datum{e.value}; },
        [](const ast::Boolean &e) { return Datum{e.value}; },
        [](const ast::String &e) { return string_datum(e.value); },
        [&](const ast::Name &e) { return eval_name(e, expr.span); },
        [&](const ast::List &e) { return eval_list(e, expr.span); },
        [&](const ast::Parenthesized &e) { return eval_parenthesized(e); },
        [&](const ast::Unary &e) { return eval_unary(e, expr, nullptr); },
        [&](const ast::Binary &e) { return eval_binary(e, expr, nullptr); },
        [&](const ast::Conditional &e) { return eval_conditional(e); },
        [&](const ast::Index &e) { return eval_index(e); },
        [&](const ast::Attribute &e) { return eval_attribute(e); },
        [&](const ast::Call &e) { return call(e, nullptr, &expr); },
        [&](const ast::Chain &e) { return eval_chain(e, expr); });
}

Datum Elaborator::eval_name(const ast::Name &name, Span span) {
    auto found = frame().values.find(name.text);
    if (found != frame().values.end())
        return found->second;
    if (name.text == "inf")
        return {std::numeric_limits<double>::infinity()};
    if (is_predefined(name.text))
        return string_datum(name.text);
    // What is bound nowhere in a definition has been reported by resolve_names().
    if (!frame().definition)
        diags_.report<diag::undefined_name>(span, name.text);
    else if (!frame().incomplete && scopes_.bound_names[frame().definition].count(name.text))
        diags_.report<diag::unbound_name>(span, name.text);
    return poison;
}

Datum Elaborator::eval_list(const ast::List &list, Span span) {
    if (list.items.size() > max_list_length) {
        diags_.report<diag::list_too_long>(span, int(max_list_length));
        return poison;
    }
    std::vector<Datum> items;
    for (const ast::ExprPtr &item : list.items)
        items.push_back(eval(*item));
    if (std::any_of(items.begin(), items.end(), [](const Datum &d) { return d.is_poison(); }))
        return poison;
    std::optional<Datum> result = list_datum(std::move(items));
    if (!result)
        diags_.report<diag::list_too_deep>(span, max_list_depth);
    return result.value_or(poison);
}

// Parentheses may name the arithmetic inside, if it turns out to be one of tensors.
Datum Elaborator::eval_parenthesized(const ast::Parenthesized &expr) {
    if (!expr.as)
        return eval(*expr.inner);
    const auto *binary = std::get_if<ast::Binary>(&expr.inner->node);
    const auto *unary = std::get_if<ast::Unary>(&expr.inner->node);
    assert((binary || unary) && "the parser lets `as` stand behind no other parentheses");
    Datum result = binary ? eval_binary(*binary, *expr.inner, &*expr.as)
                          : eval_unary(*unary, *expr.inner, &*expr.as);
    if (result.is_tensor() || result.is_poison())
        return result;
    diags_.report<diag::as_without_call>(expr.as->span);
    return poison;
}

Datum Elaborator::eval_unary(const ast::Unary &unary, const ast::Expr &expr,
                             const ast::InstanceName *as) {
    Span op_span = {expr.span.file, expr.span.begin, unary.operand->span.begin};
    op_span.end = std::min(op_span.end, op_span.begin + (unary.op == ast::UnaryOp::minus ? 1 : 3));
    if (unary.op == ast::UnaryOp::not_) {
        std::optional<bool> condition = eval_condition(*unary.operand, "logical_not");
        return condition ? Datum{!*condition} : poison;
    }
    Datum operand = eval(*unary.operand);
    if (operand.is_poison())
        return poison;
    if (operand.is_tensor())
        return tensor_infix("neg", {{operand, unary.operand->span}}, op_span, expr.span, expr, as);
    ArithmeticContext context = arithmetic();
    return apply_minus(operand, op_span, context);
}

Datum Elaborator::eval_binary(const ast::Binary &binary, const ast::Expr &expr,
                              const ast::InstanceName *as) {
    if (binary.op == BinaryOp::and_ || binary.op == BinaryOp::or_)
        return eval_logic(binary);
    Datum left = eval(*binary.left), right = eval(*binary.right);
    if (left.is_poison() || right.is_poison())
        return poison;
    if (left.is_tensor() || right.is_tensor())
        return eval_tensor_infix(binary, left, right, expr, as);
    ArithmeticContext context = arithmetic();
    return apply_infix(binary.op, left, right, binary.op_span, context);
}

// At least one of the two is a tensor.
Datum Elaborator::eval_tensor_infix(const ast::Binary &binary, const Datum &left,
                                    const Datum &right, const ast::Expr &expr,
                                    const ast::InstanceName *as) {
    std::string_view op = tensor_operator(binary.op);
    auto is_operand = [](const Datum &d) { return d.is_tensor() || is_scalar(d); };
    if (!op.empty() && is_operand(left) && is_operand(right))
        return tensor_infix(op, {{left, binary.left->span}, {right, binary.right->span}},
                            binary.op_span, expr.span, expr, as);
    auto report = diags_.report<diag::type_mismatch>(binary.op_span, ast::infix_text(binary.op),
                                                     kind(left), kind(right));
    if (binary.op == BinaryOp::floor_div)
        report.help("for tensors, `floor(a / b)` rounds down");
    return poison;
}

Datum Elaborator::eval_logic(const ast::Binary &binary) {
    bool is_or = binary.op == BinaryOp::or_;
    std::string_view op = is_or ? "logical_or" : "logical_and";
    std::optional<bool> left = eval_condition(*binary.left, op);
    if (!left)
        return poison;
    if (*left == is_or)
        return {*left};
    std::optional<bool> right = eval_condition(*binary.right, op);
    return right ? Datum{*right} : poison;
}

std::optional<bool> Elaborator::eval_condition(const ast::Expr &expr, std::string_view logic) {
    Datum value = eval(expr);
    if (const bool *condition = value.get<bool>())
        return *condition;
    if (value.is_poison())
        return std::nullopt;
    auto report = diags_.report<diag::expected_value>(expr.span, "`true` or `false`", kind(value));
    if (value.is_tensor() && !logic.empty())
        report.help(fmt::format("for tensors, there is `{}`", logic));
    else if (value.is_tensor())
        report.help("a tensor's elements are known only when the network runs: "
                    "`where(condition, a, b)` chooses between them then");
    return std::nullopt;
}

Datum Elaborator::eval_conditional(const ast::Conditional &conditional) {
    std::optional<bool> condition = eval_condition(*conditional.condition);
    if (!condition)
        return poison;
    return eval(*condition ? *conditional.value : *conditional.otherwise);
}

// As in Python, -1 is the last item.
Datum Elaborator::eval_index(const ast::Index &index) {
    Datum base = eval(*index.base), position = eval(*index.index);
    if (base.is_poison() || position.is_poison())
        return poison;
    const std::vector<Datum> *items = list_items(base);
    if (!items) {
        auto report = diags_.report<diag::expected_value>(index.base->span, "a list", kind(base));
        if (base.is_tensor())
            report.help("`slice` and `narrow` take a part of a tensor");
        return poison;
    }
    const int64_t *i = position.get<int64_t>();
    if (!i) {
        diags_.report<diag::expected_value>(index.index->span, "an integer", kind(position));
        return poison;
    }
    int64_t length = int64_t(items->size());
    if (*i < -length || *i >= length) {
        diags_.report<diag::no_such_item>(index.index->span, *i, length);
        return poison;
    }
    return (*items)[size_t(*i < 0 ? *i + length : *i)];
}

Datum Elaborator::eval_attribute(const ast::Attribute &attribute) {
    Datum base = eval(*attribute.base);
    if (base.is_poison())
        return poison;
    const Tensor *tensor = base.get<Tensor>();
    if (!tensor) {
        diags_.report<diag::attribute_of_value>(attribute.base->span, kind(base));
        return poison;
    }
    const TensorType &type = builder_.type(tensor->node);
    if (attribute.name.text == "rank")
        return {int64_t(type.shape.size())};
    if (attribute.name.text == "dtype")
        return string_datum(std::string(dtype_name(type.dtype)));
    if (attribute.name.text != "shape")
        return tensor_extent(type, attribute.name);
    if (!charge(type.shape.size(), attribute.name.span))
        return poison;
    std::vector<Datum> extents;
    for (int64_t extent : type.shape)
        extents.push_back({extent});
    return *list_datum(std::move(extents));
}

// Spatial extents are counted from the last: a width from rank 3, a height from 4, a depth with 5.
Datum Elaborator::tensor_extent(const TensorType &type, const ast::Identifier &attribute) {
    struct Extent {
        std::string_view name;
        size_t min_rank, from_front, from_back;
    };
    static constexpr Extent extents[] = {{"batch", 1, 0, 0},
                                         {"channels", 2, 1, 0},
                                         {"depth", 5, 0, 3},
                                         {"height", 4, 0, 2},
                                         {"width", 3, 0, 1}};
    size_t rank = type.shape.size();
    for (const Extent &extent : extents) {
        if (extent.name != attribute.text)
            continue;
        if (rank < extent.min_rank) {
            diags_.report<diag::no_such_extent>(attribute.span, type_text(type), extent.name);
            return poison;
        }
        return {type.shape[extent.from_back ? rank - extent.from_back : extent.from_front]};
    }
    auto report = diags_.report<diag::unknown_attribute>(attribute.span, attribute.text);
    std::string best = nearest_name(attribute.text, {"batch", "channels", "depth", "dtype",
                                                     "height", "rank", "shape", "width"});
    if (!best.empty())
        report.help(fmt::format("did you mean `{}`?", best));
    return poison;
}

Datum Elaborator::eval_chain(const ast::Chain &chain, const ast::Expr &expr) {
    Operand operand{eval(*chain.source), chain.source->span};
    for (const ast::Call &stage : chain.stages) {
        if (!charge(1, stage.span))
            return poison;
        operand = {call(stage, &operand, &expr), stage.callee.span};
    }
    return operand.value;
}

} // namespace cnnc
