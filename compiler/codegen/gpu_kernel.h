// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels for GPUs: device code, and the launches that run it, recorded. Internal to codegen;
// compile_kernel() comes here for targets with a GPU.
#pragma once

#include "compiler/codegen/kernel.h"

#include <string>

namespace cnnc {

// Under the conditions of compile_kernel().
CompiledKernel compile_gpu_kernel(const KernelRequest &request);

// Bytes of local memory that the PTX takes for each thread of the entry.
int64_t ptx_local_bytes(const std::string &ptx, const std::string &entry);

// What is wrong with a launch on this GPU, or "".
std::string launch_problem(const GpuLaunch &launch, const Gpu &gpu);

} // namespace cnnc
