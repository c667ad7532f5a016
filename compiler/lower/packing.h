// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Weights in the order the schedule's inner loop reads them.
#pragma once

#include "compiler/graph/workload.h"
#include "schedules/schedule.h"

#include <vector>

namespace cnnc {

// Elements of the packed weight and bias (multiples of the channel block, zero filled).
int64_t packed_weight_elements(const Workload &workload, const Schedule &schedule);
int64_t packed_bias_elements(const Workload &workload, const Schedule &schedule);

// `weight` and `bias` in PyTorch's order (workload_weight, workload_bias).
std::vector<float> pack_weight(const Workload &workload, const Schedule &schedule,
                               const float *weight);
std::vector<float> pack_bias(const Workload &workload, const Schedule &schedule, const float *bias);

} // namespace cnnc
