// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the kernels of the example networks compute.
#pragma once

#include "compiler/graph/workload.h"

#include <string>
#include <vector>

namespace cnnc {

// One for each kernel of examples/NAME, in order. Images of 224 x 224 become `size` x `size`.
std::vector<Workload> example_workloads(const std::string &name, int size = 224);

} // namespace cnnc
