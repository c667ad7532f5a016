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

// The largest error an output may have whose oracle's largest magnitude is `scale`.
//
// Inputs are at most 1 and weights have variance 1/n for sums of n products, so that a sum and each
// of its partial sums are of order 1: rounding n of them to f32 strays like a random walk,
// sqrt(n) * eps. Four times that, and 16 eps for exponentials, quotients and epilogues; each factor
// of an epilogue, at most 2 here, may double it.
double kernel_tolerance(const Workload &workload, double scale);

// Whether the workload has a step, or an anchor, whose result jumps. Its inputs and weights are
// multiples of 1/4, so that what comes before the jump can be exact.
bool has_jumps(const Workload &workload);

} // namespace cnnc
