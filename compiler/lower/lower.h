// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workload and schedule to a scheduled Halide pipeline. Each family has one function that states
// the algorithm as named stages and one that schedules them.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/lower/halide.h"
#include "compiler/target/target.h"
#include "schedules/schedule.h"

#include <vector>

namespace cnnc {

struct LoweredKernel {
    Halide::Func output;
    // Pointer arguments in the kernel's order: inputs, weight, bias. The output comes last.
    std::vector<Halide::Argument> arguments;
};

// The schedule must have passed schedule_problem(). Throws Halide::Error only for a bug.
LoweredKernel lower_kernel(const Workload &workload, const Schedule &schedule);

// For a GPU, where Halide takes for granted that every operand begins where a vector may. Operands
// that are parts of larger tensors begin at any element: of this kernel only packed weights are
// read by loads that need more alignment than an element has.
LoweredKernel with_operands_anywhere(LoweredKernel kernel);

// Halide's target for ours: with no run time of its own, and without checks the driver has made.
Halide::Target halide_target(const Target &target);
// The same for the GPU of `target`, with this machine's CPU, which runs the host code once.
Halide::Target halide_gpu_target(const Target &target);

} // namespace cnnc
