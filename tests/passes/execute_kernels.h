// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs workloads and whole kernel graphs in plain loops, in double precision, through their views
// and in the memory plan's arena. Shares nothing with passes, lowering or the interpreter: an
// oracle for what workloads mean, and the proof that kernels and plan compute the network.
#pragma once

#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"

#include <vector>

namespace cnnc {

// One kernel. `inputs` and `output` point at the first element of their views; `weight` and `bias`
// (null where there is none) are in PyTorch's order.
void run_workload(const Workload &workload, const std::vector<const float *> &inputs,
                  const float *weight, const float *bias, float *output);

// The network's outputs, row-major in their shapes. `inputs` are row-major too, whatever layout the
// network wants them in. Memory that holds no live value is NaN throughout.
std::vector<TensorData> execute(const KernelGraph &kernels, const Plan &plan,
                                const std::vector<TensorData> &inputs);

} // namespace cnnc
