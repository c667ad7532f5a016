// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tokens to syntax tree.
//
// Lines. A statement ends where its line ends, except that it goes on inside brackets and where the
// next line starts with `->`, `as` or an infix operator, none of which can start a statement. The
// opening bracket of a call or an index stands on the line of what it belongs to, and so does the
// `if` of a conditional expression.
//
// Recovery. The first mistake in a statement sets failed_, which keeps the rules on the way out
// silent; then parsing resumes at the next line that starts with a statement.
#include "dsl/parser.h"

#include "dsl/dsl_diagnostics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace cnnc {
namespace {

using namespace ast;

constexpr int max_expressions = 1 << 20;

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

// What a body belongs to, for what may stand in it.
enum class Scope { network, block };

class Parser {
  public:
    Parser(FileId file, const SourceManager &sources, Diagnostics &diags)
        : diags_(diags), sources_(sources), file_(file), lexer_(file, sources, diags) {
        current_ = lexer_.next();
        peek_ = lexer_.next();
    }

    File parse_file();
    ExprPtr parse_whole_expression();

  private:
    // Tokens.
    void advance();
    bool at(std::string_view text) const { return current_.is(text); }
    bool at_name() const { return current_.kind == TokenKind::name; }
    bool at_end() const { return current_.kind == TokenKind::end; }
    bool accept(std::string_view text);
    bool expect(std::string_view text, std::string_view what = {});
    bool expect_closing(std::string_view text, const Token &opening, bool list = false);
    Identifier expect_name(std::string_view what);
    Span since(Span begin) const { return {file_, begin.begin, std::max(begin.begin, last_end_)}; }

    // Mistakes.
    std::string found() const;
    Span found_span() const;
    bool may_report();
    void fail_expected(std::string_view what);
    void too_deep(Span span);
    void skip_to_statement(Scope scope);
    void skip_to_declaration();

    // Rules.
    std::optional<Import> parse_import();
    std::optional<Definition> parse_definition();
    std::vector<Parameter> parse_parameters();
    bool parse_body(Body &body, Span &span, Scope scope);
    void parse_statements(Body &body, Scope scope);
    std::optional<Statement> parse_statement(Scope scope);
    void check_place(const Statement &statement, Span keyword, Scope scope);
    Let parse_let();
    Input parse_input();
    Output parse_output();
    Return parse_return();
    If parse_if(Scope scope);
    For parse_for(Scope scope);
    Evaluate parse_evaluate();
    void finish_statement();
    std::optional<LayoutName> parse_layout();

    ExprPtr parse_expression();
    ExprPtr parse_chain();
    ExprPtr parse_infix(int min_precedence);
    ExprPtr parse_unary();
    ExprPtr parse_postfix();
    ExprPtr parse_primary();
    ExprPtr parse_number(TokenKind kind);
    ExprPtr parse_parenthesized();
    ExprPtr parse_list();
    ExprPtr parse_call_or_name();
    Call parse_stage();
    std::vector<Argument> parse_arguments();
    std::vector<ExprPtr> parse_items(std::string_view closing, const Token &opening);
    std::optional<InstanceName> parse_as();
    std::optional<Path> parse_path();
    ExprPtr attach_as(ExprPtr expr);

    template <typename T>
    ExprPtr make(Span span, T node, int child_depth = 0);
    ExprPtr error_expr() { return make(current_.span, ErrorExpr{}); }

    Diagnostics &diags_;
    const SourceManager &sources_;
    FileId file_;
    Lexer lexer_;
    Token current_, peek_;
    uint32_t last_end_ = 0; // of the token before current_
    bool failed_ = false;
    bool gave_up_ = false; // on the whole file
    int nesting_ = 0;      // rules under way that can contain themselves
    int expressions_ = 0;
    Definition *definition_ = nullptr; // under way

    friend struct Nesting;
};

// Counts a level of recursion for as long as it lives.
struct Nesting {
    explicit Nesting(Parser &p) : parser(p) { ++parser.nesting_; }
    ~Nesting() { --parser.nesting_; }
    bool too_deep() const { return parser.nesting_ > max_depth; }
    Parser &parser;
};

int depth_of(const std::vector<ExprPtr> &items) {
    int depth = 0;
    for (const ExprPtr &item : items)
        depth = std::max(depth, item->depth);
    return depth;
}

int depth_of(const Call &call) {
    int depth = 0;
    for (const Argument &argument : call.arguments)
        depth = std::max(depth, argument.value->depth);
    return depth;
}

// --- Tokens

void Parser::advance() {
    last_end_ = current_.span.end;
    gave_up_ |= expressions_ > max_expressions || diags_.full() || lexer_.gave_up();
    if (gave_up_) { // everything else is the end
        current_ = peek_ = Token{TokenKind::end, {file_, last_end_, last_end_}, {}, true, true};
        return;
    }
    current_ = peek_;
    peek_ = lexer_.next();
}

bool Parser::accept(std::string_view text) {
    if (!at(text))
        return false;
    advance();
    return true;
}

bool Parser::expect(std::string_view text, std::string_view what) {
    if (accept(text))
        return true;
    fail_expected(what.empty() ? fmt::format("`{}`", text) : std::string(what));
    return false;
}

// The closing bracket, of a list where more could follow or not; after a mistake, a note shows
// which one it would have closed.
bool Parser::expect_closing(std::string_view text, const Token &opening, bool list) {
    if (accept(text))
        return true;
    std::string expected = fmt::format(list ? "`,` or `{}`" : "`{}`", text);
    if (may_report())
        diags_.report<diag::expected>(found_span(), expected, found())
            .note<diag::opened_here>(opening.span, opening.text);
    failed_ = true;
    return false;
}

Identifier Parser::expect_name(std::string_view what) {
    Identifier result{std::string(current_.text), current_.span};
    if (at_name()) {
        advance();
        return result;
    }
    if (current_.kind == TokenKind::keyword && !current_.first_on_line) {
        if (may_report())
            diags_.report<diag::keyword_as_name>(current_.span, current_.text);
        failed_ = true;
    } else {
        fail_expected(what);
    }
    return result;
}

// --- Mistakes

std::string Parser::found() const {
    if (at_end())
        return "the end of the file";
    if (current_.first_on_line)
        return "the end of the line";
    if (current_.kind == TokenKind::string)
        return "a string";
    return fmt::format("`{}`", current_.text);
}

// A token that starts a line is not what is wrong; the end of the line before it is.
Span Parser::found_span() const {
    if (current_.first_on_line || at_end())
        return {file_, last_end_, last_end_};
    return current_.span;
}

// One report per statement; an error token has been reported by the lexer.
bool Parser::may_report() {
    return !failed_ && current_.kind != TokenKind::error && !gave_up_;
}

void Parser::fail_expected(std::string_view what) {
    if (may_report())
        diags_.report<diag::expected>(found_span(), what, found());
    failed_ = true;
}

void Parser::too_deep(Span span) {
    if (!failed_)
        diags_.report<diag::nested_too_deeply>(span, max_depth)
            .help("give parts of it names of their own");
    failed_ = true;
}

bool starts_statement(const Token &t) {
    return t.kind == TokenKind::name || t.is("input") || t.is("output") || t.is("return") ||
           t.is("if") || t.is("for");
}

bool starts_declaration(const Token &t) {
    return t.is("network") || t.is("block") || t.is("import");
}

// Bodies on the way are parsed, not skipped: they may hold more mistakes, and their closing brace
// is not that of the body around.
void Parser::skip_to_statement(Scope scope) {
    failed_ = false;
    int splices = 0; // braces of a path, open on this line
    while (!at_end() && (!at("}") || splices > 0)) {
        if (current_.first_on_line && (starts_statement(current_) || starts_declaration(current_)))
            return;
        splices = current_.first_on_line ? 0 : splices + at("{") - at("}");
        if (at("{") && (peek_.first_on_line || peek_.kind == TokenKind::end)) {
            Body body;
            Span span;
            parse_body(body, span, scope);
            failed_ = false;
            splices = 0;
        } else {
            advance();
        }
    }
}

void Parser::skip_to_declaration() {
    failed_ = false;
    while (!at_end() && !(current_.first_on_line && starts_declaration(current_)))
        advance();
}

template <typename T>
ExprPtr Parser::make(Span span, T node, int child_depth) {
    auto expr = std::make_unique<Expr>();
    expr->span = span;
    expr->node = std::move(node);
    expr->depth = child_depth + 1;
    if (expr->depth > max_depth)
        too_deep(span);
    if (++expressions_ == max_expressions)
        diags_.report<diag::program_too_large>(span, max_expressions);
    return expr;
}

// --- Declarations

// file = { import | definition }.
File Parser::parse_file() {
    File file;
    file.id = file_;
    while (!at_end()) {
        if (at("import")) {
            if (auto import = parse_import())
                file.declarations.push_back(std::move(*import));
        } else if (at("network") || at("block")) {
            if (auto definition = parse_definition())
                file.declarations.push_back(std::move(*definition));
            else
                file.incomplete = true;
        } else {
            if (may_report()) {
                auto report = diags_.report<diag::expected_in_file>(
                    current_.span, fmt::format("`{}`", current_.text));
                std::string best = nearest_name(current_.text, {"network", "block", "import"});
                if (!best.empty())
                    report.help(fmt::format("did you mean `{}`?", best));
            }
            file.incomplete = true;
            advance();
            skip_to_declaration();
        }
        if (failed_)
            skip_to_declaration();
    }
    file.comments = lexer_.comments();
    return file;
}

// import = "import" string.
std::optional<Import> Parser::parse_import() {
    Import import;
    Span begin = current_.span;
    advance();
    if (current_.kind != TokenKind::string || current_.first_on_line) {
        fail_expected("a file name in double quotes");
        return std::nullopt;
    }
    import.path = current_.text.substr(1, current_.text.size() - 2);
    import.path_span = current_.span;
    advance();
    import.span = since(begin);
    finish_statement();
    return import;
}

// definition = ("network" | "block") name [ parameters ] body.
std::optional<Definition> Parser::parse_definition() {
    Definition definition;
    definition.is_network = at("network");
    definition_ = &definition;
    Span begin = current_.span;
    advance();
    definition.name =
        expect_name(definition.is_network ? "the network's name" : "the block's name");
    if (!failed_ && (at("(") || !definition.is_network))
        definition.parameters = parse_parameters();
    definition.head = since(begin);
    bool complete = !failed_;
    Scope scope = definition.is_network ? Scope::network : Scope::block;
    complete &= parse_body(definition.body, definition.body_span, scope);
    definition.span = since(begin);
    definition_ = nullptr;
    if (!complete)
        return std::nullopt;
    return definition;
}

// parameters = "(" [ parameter { "," parameter } [ "," ] ] ")".   parameter = name [ "=" expression
// ].
std::vector<Parameter> Parser::parse_parameters() {
    std::vector<Parameter> parameters;
    Token opening = current_;
    if (!expect("("))
        return parameters;
    while (!at(")") && !at_end() && !failed_) {
        Parameter parameter;
        Span begin = current_.span;
        parameter.name = expect_name("a parameter's name");
        if (accept("="))
            parameter.fallback = parse_expression();
        parameter.span = since(begin);
        parameters.push_back(std::move(parameter));
        if (!accept(","))
            break;
    }
    if (!failed_)
        expect_closing(")", opening, true);
    return parameters;
}

// --- Statements

// body = "{" { statement } "}".
// After a mistake in what stands before, the body is looked for on the same line, so that its
// statements are not taken for those of the code around.
bool Parser::parse_body(Body &body, Span &span, Scope scope) {
    Nesting nesting(*this);
    if (nesting.too_deep()) {
        too_deep(current_.span);
        gave_up_ = true; // what follows would only be as deep
        advance();
        return false;
    }
    if (!failed_ && !at("{"))
        fail_expected("`{`");
    if (failed_) {
        while (!at_end() && !at("{") && !current_.first_on_line)
            advance();
        if (!at("{"))
            return false;
        failed_ = false;
    }
    Token opening = current_;
    advance();
    parse_statements(body, scope);
    bool closed = expect_closing("}", opening);
    span = since(opening.span);
    return closed;
}

void Parser::parse_statements(Body &body, Scope scope) {
    while (!at_end() && !at("}")) {
        if (starts_declaration(current_) && current_.first_on_line)
            return; // the closing brace is missing
        if (auto statement = parse_statement(scope))
            body.push_back(std::move(*statement));
        if (!failed_) {
            finish_statement();
            definition_->incomplete |= failed_;
        }
        if (failed_)
            skip_to_statement(scope);
    }
}

// statement = let | input | output | return | if | for | evaluate.
std::optional<Statement> Parser::parse_statement(Scope scope) {
    Token first = current_;
    Statement statement;
    if (at("input"))
        statement.node = parse_input();
    else if (at("output"))
        statement.node = parse_output();
    else if (at("return"))
        statement.node = parse_return();
    else if (at("if"))
        statement.node = parse_if(scope);
    else if (at("for"))
        statement.node = parse_for(scope);
    else if (at_name() && (peek_.is("=") || peek_.is(",")))
        statement.node = parse_let();
    else
        statement.node = parse_evaluate();
    statement.span = since(first.span);
    if (failed_) {
        if (current_.span.begin == first.span.begin)
            advance(); // always get on
        auto *let = std::get_if<Let>(&statement.node);
        if (!let || let->targets.empty()) {
            definition_->incomplete = true;
            return std::nullopt;
        }
        let->value = error_expr(); // later statements shall know the names
        return statement;
    }
    check_place(statement, first.span, scope);
    return statement;
}

void Parser::check_place(const Statement &statement, Span keyword, Scope scope) {
    bool network_only = std::holds_alternative<Input>(statement.node) ||
                        std::holds_alternative<Output>(statement.node);
    if (network_only && scope == Scope::block)
        diags_.report<diag::misplaced_statement>(
            keyword, std::holds_alternative<Input>(statement.node) ? "input" : "output", "block");
    if (std::holds_alternative<Return>(statement.node) && scope == Scope::network)
        diags_.report<diag::misplaced_statement>(keyword, "return", "network")
            .help("a network's results are declared with `output`");
}

// A statement ends with its line, or before the brace that closes the body around it.
void Parser::finish_statement() {
    if (failed_ || current_.first_on_line || at_end() || at("}"))
        return;
    if (may_report())
        diags_.report<diag::expected_newline>(current_.span, found());
    failed_ = true;
}

// let = name { "," name } "=" expression.
Let Parser::parse_let() {
    Let let;
    do
        let.targets.push_back(expect_name("a name"));
    while (!failed_ && accept(","));
    if (!failed_)
        expect("=");
    let.value = failed_ ? error_expr() : parse_expression();
    return let;
}

// input = "input" name ":" dtype "[" expression { "," expression } "]" [ layout ].
Input Parser::parse_input() {
    Input input;
    advance();
    input.name = expect_name("the input's name");
    if (!failed_)
        expect(":", "`:` and a type such as `f32[1, 3, 224, 224]`");
    if (!failed_)
        input.dtype = expect_name("an element type such as `f32`");
    Token opening = current_;
    if (failed_ || !expect("["))
        return input;
    input.extents = parse_items("]", opening);
    input.type_span = since(input.dtype.span);
    input.layout = parse_layout();
    return input;
}

// output = "output" name "=" expression [ layout ].
Output Parser::parse_output() {
    Output output;
    advance();
    output.name = expect_name("the output's name");
    if (!failed_)
        expect("=");
    output.value = failed_ ? error_expr() : parse_expression();
    output.layout = parse_layout();
    return output;
}

// layout = "layout" ("NCHW" | "NHWC"), in capitals or not.
std::optional<LayoutName> Parser::parse_layout() {
    if (failed_ || !at_name() || current_.text != "layout" || current_.first_on_line)
        return std::nullopt;
    advance();
    Identifier name = expect_name("`NCHW` or `NHWC`");
    if (failed_)
        return std::nullopt;
    std::string upper = name.text;
    for (char &c : upper)
        c = c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
    if (upper != "NCHW" && upper != "NHWC")
        diags_.report<diag::unknown_layout>(name.span, name.text);
    return LayoutName{upper == "NHWC", name.span};
}

// return = "return" expression { "," expression }.
Return Parser::parse_return() {
    Return result;
    advance();
    if (current_.first_on_line || at("}")) {
        fail_expected("a value");
        return result;
    }
    do
        result.values.push_back(parse_expression());
    while (!failed_ && accept(","));
    return result;
}

// if = "if" expression body { "else" "if" expression body } [ "else" body ].
If Parser::parse_if(Scope scope) {
    If result;
    bool last = false;
    do {
        Branch branch;
        Span begin = current_.span;
        if (at("else"))
            advance();
        if (accept("if"))
            branch.condition = parse_expression();
        else
            last = true;
        branch.head = since(begin);
        if (failed_)
            branch.condition = error_expr();
        if (!parse_body(branch.body, branch.body_span, scope))
            return result;
        result.branches.push_back(std::move(branch));
    } while (!last && at("else"));
    return result;
}

// for = "for" name "in" expression body.
For Parser::parse_for(Scope scope) {
    For result;
    Span begin = current_.span;
    advance();
    result.variable = expect_name("the loop variable's name");
    if (!failed_)
        expect("in");
    result.items = failed_ ? error_expr() : parse_expression();
    result.head = since(begin);
    if (failed_)
        result.items = error_expr();
    parse_body(result.body, result.body_span, scope);
    return result;
}

// evaluate = expression, which must be a call made for its effect: `error("...")`.
Evaluate Parser::parse_evaluate() {
    bool value_follows = peek_.kind == TokenKind::name || peek_.kind == TokenKind::integer ||
                         peek_.kind == TokenKind::string || peek_.is("true") || peek_.is("not") ||
                         peek_.is("{");
    if (at_name() && !peek_.first_on_line && value_follows) {
        auto report = diags_.report<diag::unknown_statement>(current_.span, current_.text);
        std::string best = nearest_name(
            current_.text, {"input", "output", "return", "if", "else", "for", "block", "network"});
        if (current_.text == "elif")
            report.help("write `else if`");
        else if (!best.empty())
            report.help(fmt::format("did you mean `{}`?", best));
        failed_ = true;
        return {error_expr()};
    }
    ExprPtr value = parse_expression();
    const Call *call = std::get_if<Call>(&value->node);
    if (!failed_ && !(call && call->callee.text == "error")) {
        auto report = diags_.report<diag::unused_value>(value->span);
        if (at("="))
            report.help("only names can stand on the left of `=`");
        else
            report.help("bind it with `name = ...`, or declare it with `output name = ...`");
        failed_ = true;
    }
    return {std::move(value)};
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
    if (auto *call = std::get_if<Call>(&expr->node)) {
        call->as = parse_as();
        call->span = since(call->span);
    } else if (auto *inner = parenthesized_arithmetic(*expr)) {
        inner->as = parse_as();
    } else {
        if (std::holds_alternative<Binary>(expr->node))
            diags_.report<diag::as_after_infix>(current_.span)
                .help("put parentheses around what it names");
        else
            diags_.report<diag::as_without_call>(current_.span);
        failed_ = true;
    }
    expr->span = since(expr->span);
    return expr;
}

// infix = unary { operator unary }, by precedence climbing. All operators are left-associative;
// `not` stands between `and` and the comparisons.
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

// unary = "-" unary | "not" infix of comparisons | postfix.
ExprPtr Parser::parse_unary() {
    if (!at("-") && !at("not"))
        return parse_postfix();
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
            path.pieces.emplace_back(parse_expression());
            if (!failed_)
                expect_closing("}", opening);
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

} // namespace

ast::File parse_file(FileId file, const SourceManager &sources, Diagnostics &diags) {
    return Parser(file, sources, diags).parse_file();
}

ast::ExprPtr parse_expression(FileId file, const SourceManager &sources, Diagnostics &diags) {
    return Parser(file, sources, diags).parse_whole_expression();
}

} // namespace cnnc
