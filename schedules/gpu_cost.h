// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The part of estimate_cost() for GPUs' families, in cycles that a multiprocessor takes for its
// part of the layer. Internal to schedules/.
#pragma once

#include "schedules/cost.h"

namespace cnnc {

Cost estimate_gpu_cost(const Workload &workload, const Machine &machine, const Schedule &schedule);

} // namespace cnnc
