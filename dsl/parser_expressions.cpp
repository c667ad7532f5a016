// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Expressions.
#include "dsl/parser_state.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace cnnc::ast {
namespace {

struct InfixOp {
    std::string_view text;
    BinaryOp op;
    int precedence;
};
constexpr int comparison_precedence = 3;
constexpr InfixOp infix_ops[] = {
    {"or", BinaryOp::or_, 1},
    {"and", BinaryOp::and_, 2},
    {"==", BinaryOp::equal, comparison_precedence},
    {"!=", BinaryOp::not_equal, comparison_precedence},
    {"<", BinaryOp::less, comparison_precedence},
    {"<=", BinaryOp::less_equal, comparison_precedence},
    {">", BinaryOp::greater, comparison_precedence},
    {">=", BinaryOp::greater_equal, comparison_precedence},
    {"..", BinaryOp::range, 4},
    {"+", BinaryOp::add, 5},
    {"-", BinaryOp::sub, 5},
    {"*", BinaryOp::mul, 6},
    {"/", BinaryOp::div, 6},
    {"//", BinaryOp::floor_div, 6},
    {"%", BinaryOp::mod, 6},
};

const InfixOp *infix_op(const Token &token) {
    for (const InfixOp &op : infix_ops)
        if (token.is(op.text))
            return &op;
    return nullptr;
}

bool is_word(const Token &t) {
    return t.kind == TokenKind::name || t.kind == TokenKind::keyword ||
           t.kind == TokenKind::integer;
}

int depth_of(const std::vector<ExprPtr> &items) {
    int depth = 0;
    for (const ExprPtr &item : items)
        depth = std::max(depth, item->depth);
    return depth;
}

int depth_of(const std::optional<InstanceName> &as) {
    int depth = 0;
    for (const std::optional<Path> *path : {&as->name, &as->shared})
        depth = std::max(depth, *path ? (*path)->depth : 0);
    return depth;
}

int depth_of(const Call &call) {
    int depth = call.as ? depth_of(call.as) : 0;
    for (const Argument &argument : call.arguments)
        depth = std::max(depth, argument.value->depth);
    return depth;
}

} // namespace

bool is_infix(const Token &token) {
    return infix_op(token) || token.is("**");
}

// --- Expressions

ExprPtr Parser::parse_whole_expression() {
    ExprPtr result = parse_expression();
    if (!failed_ && !at_end())
        fail_expected("nothing more");
    return result;
}

// expression = chain [ "if" infix "else" expression ].
ExprPtr Parser::parse_expression() {
    Nesting nesting(*this);
    if (nesting.too_deep()) {
        too_deep(current_.span);
        return error_expr();
    }
    Span begin = current_.span;
    ExprPtr value = parse_chain();
    if (failed_ || !at("if") || current_.first_on_line)
        return value;
    advance();
    ExprPtr condition = parse_infix(1);
    if (!failed_)
        expect("else", "`else` and the other value");
    if (failed_)
        return value;
    ExprPtr otherwise = parse_expression();
    int depth = std::max({value->depth, condition->depth, otherwise->depth});
    Conditional node{std::move(value), std::move(condition), std::move(otherwise)};
    return make(since(begin), std::move(node), depth);
}

// chain = infix [ instance ] { "->" stage }.
ExprPtr Parser::parse_chain() {
    Span begin = current_.span;
    ExprPtr source = parse_infix(1);
    if (!failed_ && at("as"))
        source = attach_as(std::move(source));
    if (failed_ || !at("->"))
        return source;
    int depth = source->depth;
    Chain chain{std::move(source), {}};
    while (!failed_ && accept("->")) {
        chain.stages.push_back(parse_stage());
        depth = std::max(depth, depth_of(chain.stages.back()));
    }
    return make(since(begin), std::move(chain), depth);
}

// stage = name [ arguments ] [ instance ].
Call Parser::parse_stage() {
    Call call;
    Span begin = current_.span;
    if (current_.first_on_line && peek_.is("=")) // the next statement; this one lacks something
        fail_expected("an operator or a block");
    else
        call.callee = expect_name("an operator or a block");
    call.parentheses = !failed_ && at("(") && !current_.first_on_line;
    if (call.parentheses)
        call.arguments = parse_arguments();
    if (!failed_ && at("as"))
        call.as = parse_as();
    call.span = since(begin);
    return call;
}

Parenthesized *parenthesized_arithmetic(Expr &expr) {
    auto *outer = std::get_if<Parenthesized>(&expr.node);
    if (!outer || outer->as)
        return nullptr;
    bool arithmetic = std::holds_alternative<Binary>(outer->inner->node) ||
                      std::holds_alternative<Unary>(outer->inner->node);
    return arithmetic ? outer : nullptr;
}

// `as` belongs to a call or to infix arithmetic in parentheses. Behind bare arithmetic one reader
// would give the name to the whole, another to the last call.
ExprPtr Parser::attach_as(ExprPtr expr) {
    std::optional<InstanceName> *as = nullptr;
    auto *call = std::get_if<Call>(&expr->node);
    if (call)
        as = &call->as;
    else if (auto *inner = parenthesized_arithmetic(*expr))
        as = &inner->as;
    if (!as) {
        if (std::holds_alternative<Binary>(expr->node))
            diags_.report<diag::as_after_infix>(current_.span)
                .help("put parentheses around what it names");
        else
            diags_.report<diag::as_without_call>(current_.span);
        failed_ = true;
        return expr;
    }
    *as = parse_as();
    expr->span = since(expr->span);
    if (call)
        call->span = expr->span;
    if (*as)
        expr->depth = std::max(expr->depth, depth_of(*as) + 1);
    if (expr->depth > max_depth)
        too_deep(expr->span);
    return expr;
}

// infix = unary { operator unary }, by precedence climbing. All these operators are
// left-associative; `not` stands between `and` and the comparisons.
ExprPtr Parser::parse_infix(int min_precedence) {
    Span begin = current_.span;
    ExprPtr left = parse_unary();
    bool compared = false;
    while (!failed_) {
        const InfixOp *op = infix_op(current_);
        if (!op || op->precedence < min_precedence)
            break;
        if (op->precedence == comparison_precedence && compared) {
            diags_.report<diag::chained_comparison>(current_.span)
                .help("join two comparisons with `and`");
            failed_ = true;
            break;
        }
        compared = op->precedence == comparison_precedence;
        Span op_span = current_.span;
        advance();
        ExprPtr right = parse_infix(op->precedence + 1);
        int depth = std::max(left->depth, right->depth);
        Binary node{op->op, op_span, std::move(left), std::move(right)};
        left = make(since(begin), std::move(node), depth);
    }
    return left;
}

// unary = "-" unary | "not" infix of comparisons | power.
ExprPtr Parser::parse_unary() {
    if (!at("-") && !at("not"))
        return parse_power();
    Nesting nesting(*this);
    Span begin = current_.span;
    if (nesting.too_deep()) {
        too_deep(begin);
        return error_expr();
    }
    UnaryOp op = at("-") ? UnaryOp::minus : UnaryOp::not_;
    advance();
    ExprPtr operand = op == UnaryOp::minus ? parse_unary() : parse_infix(comparison_precedence);
    int depth = operand->depth;
    return make(since(begin), Unary{op, std::move(operand)}, depth);
}

// power = postfix [ "**" unary ]: as in Python, -a ** -b ** c is -(a ** (-(b ** c))).
ExprPtr Parser::parse_power() {
    Span begin = current_.span;
    ExprPtr base = parse_postfix();
    if (failed_ || !at("**"))
        return base;
    Nesting nesting(*this);
    if (nesting.too_deep()) {
        too_deep(begin);
        return error_expr();
    }
    Span op_span = current_.span;
    advance();
    ExprPtr exponent = parse_unary();
    int depth = std::max(base->depth, exponent->depth);
    Binary node{BinaryOp::pow, op_span, std::move(base), std::move(exponent)};
    return make(since(begin), std::move(node), depth);
}

// postfix = primary { "[" expression "]" | "." name }.
ExprPtr Parser::parse_postfix() {
    Span begin = current_.span;
    ExprPtr base = parse_primary();
    while (!failed_ && !current_.first_on_line && (at("[") || at("."))) {
        Token opening = current_;
        advance();
        int depth = base->depth;
        if (opening.is(".")) {
            if (current_.first_on_line)
                fail_expected("an attribute's name");
            Identifier name = failed_ ? Identifier{} : expect_name("an attribute's name");
            base = make(since(begin), Attribute{std::move(base), std::move(name)}, depth);
            continue;
        }
        ExprPtr index = parse_expression();
        if (!failed_)
            expect_closing("]", opening);
        depth = std::max(depth, index->depth);
        base = make(since(begin), Index{std::move(base), std::move(index)}, depth);
    }
    return base;
}

// primary = number | string | "true" | "false" | name | call | list | "(" expression ")".
ExprPtr Parser::parse_primary() {
    Span span = current_.span;
    switch (current_.kind) {
    case TokenKind::integer:
    case TokenKind::real:
        return parse_number(current_.kind);
    case TokenKind::string: {
        String node{std::string(current_.text.substr(1, current_.text.size() - 2))};
        advance();
        return make(span, std::move(node));
    }
    case TokenKind::name:
        return parse_call_or_name();
    default:
        break;
    }
    if (at("true") || at("false")) {
        bool value = at("true");
        advance();
        return make(span, Boolean{value});
    }
    if (at("("))
        return parse_parenthesized();
    if (at("["))
        return parse_list();
    fail_expected("a value");
    return error_expr();
}

ExprPtr Parser::parse_number(TokenKind kind) {
    Token token = current_;
    advance();
    const char *begin = token.text.data(), *end = begin + token.text.size();
    if (kind == TokenKind::integer) {
        int64_t value = 0;
        if (std::from_chars(begin, end, value).ec != std::errc())
            diags_.report<diag::integer_too_large>(token.span);
        return make(token.span, Integer{value});
    }
    double value = 0;
    if (std::from_chars(begin, end, value).ec != std::errc()) {
        // Out of range: from_chars does not say at which end; too small is as good as zero.
        value = std::strtod(std::string(token.text).c_str(), nullptr);
        if (std::isinf(value))
            diags_.report<diag::literal_too_large>(token.span);
    }
    return make(token.span, Real{value});
}

ExprPtr Parser::parse_parenthesized() {
    Token opening = current_;
    advance();
    ExprPtr inner = parse_expression();
    if (!failed_)
        expect_closing(")", opening);
    int depth = inner->depth;
    return make(since(opening.span), Parenthesized{std::move(inner), {}}, depth);
}

// list = "[" [ expression { "," expression } [ "," ] ] "]".
ExprPtr Parser::parse_list() {
    Token opening = current_;
    advance();
    List list{parse_items("]", opening)};
    int depth = depth_of(list.items);
    return make(since(opening.span), std::move(list), depth);
}

// The items of a list, behind its opening bracket, and the closing one.
std::vector<ExprPtr> Parser::parse_items(std::string_view closing, const Token &opening) {
    std::vector<ExprPtr> items;
    while (!failed_ && !at(closing) && !at_end()) {
        items.push_back(parse_expression());
        if (!accept(","))
            break;
    }
    if (!failed_)
        expect_closing(closing, opening, true);
    return items;
}

// call = name arguments [ instance ]; the instance is left to parse_chain().
ExprPtr Parser::parse_call_or_name() {
    if (current_.first_on_line && peek_.is("=")) { // the next statement; this one lacks something
        fail_expected("a value");
        return error_expr();
    }
    Identifier name{std::string(current_.text), current_.span};
    advance();
    if (!at("(") || current_.first_on_line) {
        if (definition_)
            definition_->names_read.insert(name.text);
        return make(name.span, Name{std::move(name.text)});
    }
    Call call;
    call.callee = name;
    call.arguments = parse_arguments();
    call.span = since(name.span);
    int depth = depth_of(call);
    return make(since(name.span), std::move(call), depth);
}

// arguments = "(" [ argument { "," argument } [ "," ] ] ")".   argument = [ name "=" ] expression.
std::vector<Argument> Parser::parse_arguments() {
    std::vector<Argument> arguments;
    Token opening = current_;
    advance();
    bool named = false;
    while (!failed_ && !at(")") && !at_end()) {
        Argument argument;
        Span begin = current_.span;
        if (at_name() && peek_.is("=")) {
            argument.name = expect_name("an argument's name");
            advance();
            named = true;
        }
        argument.value = parse_expression();
        argument.span = since(begin);
        if (!failed_ && named && !argument.name)
            diags_.report<diag::positional_after_named>(argument.span);
        arguments.push_back(std::move(argument));
        if (!accept(","))
            break;
    }
    if (!failed_)
        expect_closing(")", opening, true);
    return arguments;
}

// instance = "as" ( path [ "shared" path ] | "shared" path ).
// `shared` is an ordinary name unless another path follows it on its line.
std::optional<InstanceName> Parser::parse_as() {
    InstanceName result;
    Span begin = current_.span;
    advance();
    auto at_shared = [&] {
        return at_name() && current_.text == "shared" && !current_.first_on_line &&
               peek_.after_space && !peek_.first_on_line &&
               (peek_.kind == TokenKind::name || peek_.is("{"));
    };
    if (!at_shared())
        result.name = parse_path();
    if (!failed_ && at_shared()) {
        advance();
        result.shared = parse_path();
    }
    result.span = since(begin);
    if (failed_)
        return std::nullopt;
    return result;
}

// path = part { "." part }.   part = ( word | integer | "{" expression "}" ) { the same }.
// Nothing in it is separated by space.
std::optional<Path> Parser::parse_path() {
    Path path;
    path.span = current_.span;
    bool expects_part = true;
    for (bool first = true; !failed_; first = false) {
        bool apart = first ? current_.first_on_line : current_.after_space;
        if (!apart && (is_word(current_) || current_.kind == TokenKind::real)) {
            path.pieces.emplace_back(std::string(current_.text));
            expects_part = false;
            advance();
        } else if (!apart && at("{")) {
            Token opening = current_;
            advance();
            ++splices_;
            ExprPtr spliced = parse_expression();
            path.depth = std::max(path.depth, spliced->depth);
            path.pieces.emplace_back(std::move(spliced));
            if (!failed_ && expect_closing("}", opening))
                --splices_;
            expects_part = false;
        } else if (!apart && at(".") && !expects_part) {
            path.pieces.emplace_back(std::string("."));
            expects_part = true;
            advance();
        } else {
            break;
        }
    }
    if (expects_part)
        fail_expected("a name");
    path.span = since(path.span);
    if (failed_)
        return std::nullopt;
    return path;
}

} // namespace cnnc::ast
