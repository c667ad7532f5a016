// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The parser's state and rules. Private to this room; parser.h is the interface.
//
// Lines. A statement ends where its line ends, except that it goes on inside brackets and where the
// next line starts with `->`, `as` or an infix operator, none of which can start a statement. The
// opening bracket of a call or an index stands on the line of what it belongs to, and so does the
// `if` of a conditional expression.
//
// Recovery. The first mistake in a statement sets failed_, which keeps the rules on the way out
// silent; then parsing resumes at the next line that starts with a statement.
#pragma once

#include "dsl/ast.h"
#include "dsl/dsl_diagnostics.h"

#include <algorithm>

namespace cnnc::ast {

// What a body belongs to, for what may stand in it.
enum class Scope { network, block };

// Whether it is an operator between two operands.
bool is_infix(const Token &token);

constexpr int max_expressions = 1 << 20; // of one file

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
    // On a line of its own, as declarations have to be.
    bool at_declaration() const {
        return current_.first_on_line && (at("network") || at("block") || at("import"));
    }
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
    ExprPtr parse_power();
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
    int splices_ = 0;      // braces of a path open around the current token
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

} // namespace cnnc::ast
