// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A workload as a network of one kernel, with random data to run it on and the reference
// interpreter's result.
#pragma once

#include "compiler/execute/execute.h"
#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

struct OneKernel {
    Workload workload;
    KernelGraph kernels;
    Plan plan;
    // In memory as the workload's views lie, gaps included.
    std::vector<Bytes> inputs;
    size_t output_bytes = 0;
    std::vector<double> expected; // in the logical order of the output's shape
    double scale = 0;             // the largest magnitude in it
};
// The kernel's name, and the network's node, is `layer`.
OneKernel one_kernel(const Workload &workload, const std::string &layer, uint64_t seed);

// What is wrong with a result, or "".
std::string result_problem(const OneKernel &kernel, const Bytes &output);

// The library of the kernel compiled under a schedule. `name`: of its functions.
Library one_kernel_library(const OneKernel &kernel, const std::string &name,
                           const CompiledKernel &compiled, const Schedule &schedule,
                           const Target &target);

} // namespace cnnc
