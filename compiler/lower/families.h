// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One lowering per schedule family. Internal to compiler/lower.
#pragma once

#include "compiler/lower/lower.h"

namespace cnnc {

LoweredKernel lower_direct(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_small(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_planar(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gemm(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_depthwise(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_pool(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_pointwise(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_sample(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_matmul(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_reduce(const Workload &workload, const Schedule &schedule);

LoweredKernel lower_gpu_direct(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_split(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_matmul(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_depthwise(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_pool(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_pointwise(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_reduce(const Workload &workload, const Schedule &schedule);
LoweredKernel lower_gpu_sample(const Workload &workload, const Schedule &schedule);

} // namespace cnnc
