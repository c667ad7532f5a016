// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs whole kernel graphs in plain loops, in double precision, through their views and in the
// memory plan's arena: the proof that kernels and plan compute the network.
#pragma once

#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"
#include "tests/passes/run_workload.h"

#include <vector>

namespace cnnc {

// The network's outputs, row-major in their shapes. `inputs` are row-major too, whatever layout the
// network wants them in. All bits of
// memory that holds no live value are set, which is NaN.
std::vector<TensorData> execute(const KernelGraph &kernels, const Plan &plan,
                                const std::vector<TensorData> &inputs);

} // namespace cnnc
