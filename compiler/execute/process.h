// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Other programs: compilers and runners.
#pragma once

#include "compiler/codegen/child.h"
#include "compiler/execute/temp_folder.h"

#include <string>
#include <vector>

namespace cnnc {

struct Finished {
    Child child;             // its data is what the program wrote to its standard output
    std::string start_error; // why the program could not even be started
};

// Runs a program with the file as its standard input. It leads a process group of its own, which
// does not outlive it, the time limit, or this process.
Finished run_program(const std::vector<std::string> &words, const std::string &input_file,
                     double timeout_seconds, TempFolder &folder);

} // namespace cnnc
