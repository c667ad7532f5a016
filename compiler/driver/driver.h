// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The command `cnnc` as a function, so that tests can call it.
#pragma once

#include "compiler/driver/console.h"

#include <string>
#include <vector>

namespace cnnc {

// `args` without the program's name. Returns the exit code; never throws. The process must have
// no other threads: kernels are compiled and run in forks of it.
int cnnc_main(std::vector<std::string> args, Console &console);

} // namespace cnnc
