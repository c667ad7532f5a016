// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Text to tokens.
#include "dsl/lexer.h"

#include "dsl/dsl_diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

// Own classification: that of <cctype> depends on the locale and fails on negative characters.
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) {
    return is_letter(c) || is_digit(c);
}
bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Longer symbols first.
constexpr std::string_view symbols[] = {"->", "..", "==", "!=", "<=", ">=", "//", "**", "(",
                                        ")",  "[",  "]",  "{",  "}",  ",",  ":",  ".",  "=",
                                        "<",  ">",  "+",  "-",  "*",  "/",  "%"};

bool starts_token(char c) {
    return is_word(c) || is_space(c) || c == '"' || c == '#' || c == '\0' || c == '!' ||
           std::any_of(std::begin(symbols), std::end(symbols),
                       [c](std::string_view s) { return s[0] == c; });
}

} // namespace

const std::vector<std::string_view> &keywords() {
    static const std::vector<std::string_view> words = {
        "and", "as",    "block",   "else", "false", "for",    "if",     "import",
        "in",  "input", "network", "not",  "or",    "output", "return", "true"};
    return words;
}

bool is_keyword(std::string_view word) {
    return std::find(keywords().begin(), keywords().end(), word) != keywords().end();
}

bool is_identifier(std::string_view word) {
    return !word.empty() && word.size() <= max_name_length && is_letter(word[0]) &&
           std::all_of(word.begin(), word.end(), is_word) && !is_keyword(word);
}

Lexer::Lexer(FileId file, const SourceManager &sources, Diagnostics &diags)
    : file_(file), text_(sources.text(file)), diags_(diags) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") // a byte order mark
        position_ = 3;
}

void Lexer::skip_space_and_comments() {
    while (position_ < text_.size()) {
        char c = peek();
        if (c == '#') {
            size_t begin = position_;
            position_ = std::min(text_.find('\n', position_), text_.size());
            size_t end = text_.find_last_not_of(" \t\r", position_ - 1) + 1;
            comments_.push_back({{file_, uint32_t(begin), uint32_t(end)}, at_line_start_});
        } else if (is_space(c)) {
            at_line_start_ |= c == '\n';
            ++position_;
        } else {
            return;
        }
    }
}

Token Lexer::next() {
    size_t before = position_;
    at_line_start_ |= position_ == 0;
    skip_space_and_comments();
    Token token;
    token.after_space = position_ != before;
    token.first_on_line = at_line_start_;
    at_line_start_ = false;
    size_t begin = position_;
    if (position_ < text_.size())
        token.kind = lex_token();
    token.span = span_from(begin);
    token.text = text_.substr(begin, position_ - begin);
    after_dot_ = token.is(".");
    return token;
}

TokenKind Lexer::lex_token() {
    char c = peek();
    if (after_dot_ && is_word(c))
        return lex_word();
    if (is_letter(c))
        return lex_word();
    if (is_digit(c))
        return lex_number();
    if (c == '"')
        return lex_string();
    if (c == '\0') {
        diags_.report<diag::not_text>({file_, uint32_t(position_), uint32_t(position_ + 1)});
        position_ = text_.size();
        gave_up_ = true;
        return TokenKind::error;
    }
    return lex_symbol();
}

// name = letter { letter | digit }.  Behind a dot, digits may come first: `layer1.0.conv1`.
TokenKind Lexer::lex_word() {
    size_t begin = position_;
    while (is_word(peek()))
        ++position_;
    std::string_view word = text_.substr(begin, position_ - begin);
    if (word.size() > max_name_length) {
        diags_.report<diag::name_too_long>(span_from(begin), int(max_name_length));
        return TokenKind::error;
    }
    if (std::all_of(word.begin(), word.end(), is_digit))
        return TokenKind::integer;
    return is_keyword(word) ? TokenKind::keyword : TokenKind::name;
}

// integer = digit { digit }.   real = integer [ "." integer ] [ ("e" | "E") ["+" | "-"] integer ].
// `0..4` is two integers and a symbol.
TokenKind Lexer::lex_number() {
    size_t begin = position_;
    TokenKind kind = TokenKind::integer;
    auto digits = [&] {
        while (is_digit(peek()))
            ++position_;
    };
    digits();
    if (peek() == '.' && is_digit(peek(1))) {
        kind = TokenKind::real;
        ++position_;
        digits();
    }
    if (peek() == 'e' || peek() == 'E') {
        size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
        if (is_digit(peek(1 + sign))) {
            kind = TokenKind::real;
            position_ += 1 + sign;
            digits();
        }
    }
    if (!is_word(peek()))
        return kind;
    while (is_word(peek()))
        ++position_;
    Span span = span_from(begin);
    diags_.report<diag::bad_number>(span,
                                    text_.substr(begin, std::min<size_t>(position_ - begin, 40)));
    return TokenKind::error;
}

// string = `"` { any character but `"` and newline } `"`.
TokenKind Lexer::lex_string() {
    size_t begin = position_++;
    while (position_ < text_.size() && peek() != '"' && peek() != '\n' && peek() != '\0')
        ++position_;
    if (peek() != '"') {
        diags_.report<diag::unterminated_string>({file_, uint32_t(begin), uint32_t(begin + 1)});
        return TokenKind::error;
    }
    ++position_;
    return TokenKind::string;
}

TokenKind Lexer::lex_symbol() {
    for (std::string_view symbol : symbols) {
        if (text_.substr(position_, symbol.size()) == symbol) {
            position_ += symbol.size();
            return TokenKind::symbol;
        }
    }
    return lex_bad_characters();
}

// Characters no token starts with; a run of them is one mistake.
TokenKind Lexer::lex_bad_characters() {
    size_t begin = position_++;
    while (position_ < text_.size() && !starts_token(peek()))
        ++position_;
    std::string_view bad = text_.substr(begin, position_ - begin);
    bool ascii = std::all_of(bad.begin(), bad.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    std::string shown = ascii && bad.size() <= 8 ? fmt::format(" `{}`", bad) : "";
    auto report = diags_.report<diag::unexpected_character>(span_from(begin), shown);
    if (bad == ";")
        report.help("statements end with their line");
    if (bad[0] == '\'')
        report.help("strings are written in double quotes");
    if (bad[0] == '!' || bad[0] == '&' || bad[0] == '|')
        report.help("logic is written `not`, `and` and `or`");
    return TokenKind::error;
}

} // namespace cnnc
