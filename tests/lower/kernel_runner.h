// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiles kernels as the compiler does, links them, runs them in a child process on random data
// and compares with the oracle in plain loops.
//
// What a kernel may touch is fenced: every tensor and the scratch memory end (or begin) at a page
// that no one may touch, inputs are read-only, the gaps of strided views must keep their canaries,
// and scratch memory starts as NaN. A parallel kernel runs in order, backwards with a fresh scratch
// per task, shuffled, and on threads, and must give the same values each time.
#pragma once

#include "compiler/codegen/kernel.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cnnc {

struct KernelFinding {
    size_t request; // index
    std::string problem;
};

struct KernelChecks {
    std::vector<KernelFinding> findings; // empty: every kernel is right
    int run = 0;                         // kernels that ran and were compared
    int parallel = 0;                    // of these, with a parallel loop
    int skipped = 0;                     // this machine cannot run their target
    double compile_seconds = 0, run_seconds = 0;
};

KernelChecks check_kernels(const std::vector<KernelRequest> &requests);
// The same for kernels that are compiled already; those without an object are left out.
KernelChecks check_compiled(const std::vector<KernelRequest> &requests,
                            const std::vector<CompiledKernel> &compiled);

// A machine that is not this one: a C compiler that links for it, and an emulator.
struct ForeignMachine {
    std::string compiler, emulator;
};
// Both for kernels of such a machine, in one program; parallel kernels run in order, and backwards.
KernelChecks check_foreign_kernels(const std::vector<KernelRequest> &requests,
                                   const ForeignMachine &machine);
KernelChecks check_foreign_compiled(const std::vector<KernelRequest> &requests,
                                    const std::vector<CompiledKernel> &compiled,
                                    const ForeignMachine &machine);

} // namespace cnnc
