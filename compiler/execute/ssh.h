// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runners `ssh [options] HOST`: nothing is shared with that machine, so the program and its call go
// through the connection.
#pragma once

#include "compiler/codegen/child.h"
#include "compiler/execute/execute.h"

#include <string>
#include <vector>

namespace cnnc {

bool is_ssh(const std::vector<std::string> &runner);

// The command that takes the program (so many bytes), then its call, on its standard input, runs
// it in a temporary folder over there, for at most `seconds`, and removes the folder.
std::vector<std::string> ssh_command(const std::vector<std::string> &runner, size_t program_bytes,
                                     size_t call_bytes, double seconds);

// What ssh or that script says about a run without an answer; none if it is about the program.
RunProblem ssh_problem(const std::string &command, const Child &child);

} // namespace cnnc
