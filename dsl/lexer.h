// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Text to tokens, one at a time. Newlines are no tokens; a token knows whether it is the first on
// its line. Comments are kept aside for the formatter.
#pragma once

#include "dsl/diagnostics.h"
#include "dsl/source.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace cnnc {

enum class TokenKind : uint8_t {
    end,
    error, // reported already
    name,
    keyword,
    integer,
    real,
    string, // the span holds the quotes
    symbol, // ( ) [ ] { } , : . .. = == != < <= > >= + - * / // % ** ->
};

struct Token {
    TokenKind kind = TokenKind::end;
    Span span;
    std::string_view text;
    bool first_on_line = false;
    bool after_space = false; // anything at all between this token and the one before

    // For keywords and symbols.
    bool is(std::string_view s) const {
        return (kind == TokenKind::keyword || kind == TokenKind::symbol) && text == s;
    }
};

struct Comment {
    Span span; // from `#` to the end of the line, without trailing space
    bool own_line = false;
};

constexpr size_t max_name_length = 255;

bool is_keyword(std::string_view word);
const std::vector<std::string_view> &keywords();
bool is_identifier(std::string_view word); // a name that is no keyword

class Lexer {
  public:
    Lexer(FileId file, const SourceManager &sources, Diagnostics &diags);

    Token next();
    const std::vector<Comment> &comments() const { return comments_; }
    // After something that is no text at all, there are no more tokens.
    bool gave_up() const { return gave_up_; }

  private:
    void skip_space_and_comments();
    char peek(size_t ahead = 0) const {
        return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
    }
    Span span_from(size_t begin) const { return {file_, uint32_t(begin), uint32_t(position_)}; }
    TokenKind lex_token();
    TokenKind lex_word();
    TokenKind lex_number();
    TokenKind lex_string();
    TokenKind lex_symbol();
    TokenKind lex_bad_characters();

    FileId file_;
    std::string_view text_;
    Diagnostics &diags_;
    size_t position_ = 0;
    bool at_line_start_ = true;
    bool gave_up_ = false;
    bool after_dot_ = false; // a path's part such as the `0` of `downsample.0` may follow
    std::vector<Comment> comments_;
};

} // namespace cnnc
