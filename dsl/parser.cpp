// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Declarations and statements.
#include "dsl/parser.h"

#include "dsl/parser_state.h"

namespace cnnc {
namespace ast {

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
        if (at_declaration())
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
    if (may_report()) {
        auto report = diags_.report<diag::expected_newline>(current_.span, found());
        if (is_infix(current_)) // behind a chain or a name
            report.help("put parentheses around what stands before it");
    }
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

} // namespace ast

ast::File parse_file(FileId file, const SourceManager &sources, Diagnostics &diags) {
    return ast::Parser(file, sources, diags).parse_file();
}

ast::ExprPtr parse_expression(FileId file, const SourceManager &sources, Diagnostics &diags) {
    return ast::Parser(file, sources, diags).parse_whole_expression();
}

} // namespace cnnc
