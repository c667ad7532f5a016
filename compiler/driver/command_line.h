// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Words of our own for mistakes on the command line, where CLI11's would tell how it is made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace CLI {
class App;
class ParseError;
} // namespace CLI

namespace cnnc {

// For an option's check(): "" for a value that will do, otherwise what the option takes.
using ValueCheck = std::function<std::string(const std::string &)>;
ValueCheck whole_number(uint64_t least, uint64_t most = UINT64_MAX);
ValueCheck number(double least, double most);

// Flags of all commands refuse `--flag=value`. Called once they are all there.
void refuse_values_of_flags(CLI::App &app);

struct CommandLineProblem {
    std::string command; // what --help can be asked of: "cnnc sched merge"
    std::string message;
};
// `app` as the failed parse has left it.
CommandLineProblem command_line_problem(const CLI::App &app, const CLI::ParseError &error);

} // namespace cnnc
