// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a kernel's machine code says about its speed without running it: the innermost loop that
// does the work, what it consists of, and how many cycles LLVM's scheduling model gives it.
#pragma once

#include "compiler/target/target.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// Instructions of one iteration. The hot loop is the innermost loop with the most multiply-adds;
// where there are none, the one with the most vector instructions.
struct HotLoop {
    bool found = false;
    int instructions = 0;
    int multiply_adds = 0; // instructions: FMAs, or a multiply and an add for each
    int loads = 0, stores = 0;
    int spill_loads = 0, spill_stores = 0; // of vectors, from and to the stack
    int64_t flops = 0;                     // 2 per lane of a multiply-add
    std::string text;                      // its assembly
    std::vector<bool> counts;              // per instruction: part of a multiply-add
};
HotLoop find_hot_loop(std::string_view assembly, const Target &target);

// Cycles of an iteration, in the steady state, by LLVM's model of the target's CPU (as llvm-mca
// says), and the least that its multiply-adds need on the CPU's ports. LLVM may abort on text that
// is not its own: call it in a child. Unknown with other releases of LLVM than 14, and for CPUs
// without a model of their instructions.
struct LoopBound {
    bool known = false; // LLVM has a scheduling model for the CPU
    double cycles = 0, multiply_add_cycles = 0;
    double fraction() const { return cycles > 0 ? multiply_add_cycles / cycles : 0; }
};
LoopBound loop_bound(const HotLoop &loop, const Target &target);
// What full vectors reach by the same model; 0 where there is none.
double peak_flops_per_cycle(const Target &target);

} // namespace cnnc
