// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The shell's rules of quoting.
#include "compiler/execute/words.h"

#include <algorithm>
#include <cctype>

namespace cnnc {
namespace {

bool is_plain(char c) {
    return std::isalnum(uint8_t(c)) || std::string_view("_-+=./:,@%").find(c) != std::string::npos;
}

} // namespace

std::optional<std::vector<std::string>> split_command(std::string_view text) {
    std::vector<std::string> words;
    bool inside = false;
    char quote = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
            inside = false;
            continue;
        }
        if (!inside)
            words.emplace_back();
        inside = true;
        if (c == quote) {
            quote = 0;
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == '\\' && quote != '\'') {
            if (++i == text.size())
                return std::nullopt;
            // Between double quotes a backslash stands for itself before most characters.
            if (quote && text[i] != '"' && text[i] != '\\')
                words.back() += '\\';
            words.back() += text[i];
        } else {
            words.back() += c;
        }
    }
    return quote ? std::nullopt : std::optional(words);
}

std::string quoted_command(const std::vector<std::string> &words) {
    std::string line;
    for (const std::string &word : words) {
        if (!line.empty())
            line += ' ';
        if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char c : word)
            line += c == '\'' ? std::string("'\\''") : std::string(1, c);
        line += '\'';
    }
    return line;
}

} // namespace cnnc
