// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the rules of the grammar share: tokens, mistakes, recovery.
#include "dsl/parser_state.h"

#include <algorithm>
#include <utility>

namespace cnnc::ast {

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

namespace {

bool starts_statement(const Token &t) {
    return t.kind == TokenKind::name || t.is("input") || t.is("output") || t.is("return") ||
           t.is("if") || t.is("for");
}

} // namespace

// Bodies on the way are parsed, not skipped: they may hold more mistakes, and their closing brace
// is not that of the body around.
void Parser::skip_to_statement(Scope scope) {
    failed_ = false;
    int splices = std::exchange(splices_, 0);
    while (!at_end() && (!at("}") || splices > 0)) {
        if (at_declaration() || (current_.first_on_line && starts_statement(current_)))
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
    while (!at_end() && !at_declaration())
        advance();
}

} // namespace cnnc::ast
