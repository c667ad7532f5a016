// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What machine code says of a network's speed on a CPU that need not be at hand: the hot loop of
// each kernel, and its cycles by LLVM's model of the CPU.
#pragma once

#include "compiler/driver/compile.h"

#include <string>

namespace cnnc {

// Words for `explain` on one kernel's hot loop. LLVM may abort: call it in a child.
std::string hot_loop_text(const KernelRequest &request);

// `bench --static`: a table or a JSON object of all kernels, and the network's total.
void print_static_report(const Scheduled &scheduled, const CompileArguments &arguments, bool json,
                         Console &console);

} // namespace cnnc
