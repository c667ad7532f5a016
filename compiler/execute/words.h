// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Commands given as text: `--runner "ssh -p 2222 board"`, `--cc 'gcc -march=native'`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// The words of a command as a shell would split it: blanks separate, quotes and backslashes hold
// together; nothing is expanded. Nothing when a quote is not closed or a backslash ends the text.
std::optional<std::vector<std::string>> split_command(std::string_view text);

// The words as one line that a shell splits into the same words.
std::string quoted_command(const std::vector<std::string> &words);

} // namespace cnnc
