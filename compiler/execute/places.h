// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What running code for a target elsewhere takes on a Debian machine.
#pragma once

#include "compiler/execute/execute.h"

#include <string>
#include <vector>

namespace cnnc {

// True when libraries are run in a child of this process, without a linker.
bool runs_in_child(const Place &place);

struct Tool {
    std::string command; // as the user would give it
    std::string package; // Debian's that has it
};
Tool usual_compiler(const Target &target);
Tool usual_emulator(const Target &target);

// The place's compiler with its flags, or the usual one.
std::vector<std::string> compiler_words(const Place &place);

// Whether the program is found: in PATH, or where its path says.
bool is_program(const std::string &name);

} // namespace cnnc
