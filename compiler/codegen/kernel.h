// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One kernel: workload + schedule + target -> object file. A pure function that may abort the
// process inside Halide or LLVM; so only workers call it (codegen/service.h).
//
// The object defines one weak, hidden function
//
//     int32_t SYMBOL(void *worker, const void *input..., const void *weight, const void *bias,
//                    void *output)
//
// with weight and bias only where the anchor has them, packed as compiler/lower/packing.h says.
// A kernel for a GPU has no object: it is device code (PTX or OpenCL C) and the launches that run
// it.
//
// `worker` points at a cnnc_worker (runtime/cnnc_worker.h): its scratch memory and its parallel
// loop. The object needs nothing else but the C library's memset and memcpy.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/target/target.h"
#include "schedules/schedule.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace cnnc {

struct KernelRequest {
    Workload workload;
    Schedule schedule;
    Target target;
    // Every operand begins at a multiple of gpu_vector_bytes: a GPU's kernel may read vectors. Of
    // no meaning, and false, for CPUs.
    bool aligned = false;
};

// An argument of a kernel's entry in device code: the address of an operand of the kernel, an
// address in its scratch memory on the device, or a value.
struct GpuArgument {
    enum class Kind : uint8_t { operand, scratch, value };
    Kind kind = Kind::operand;
    int operand = 0;    // in the order of the kernel's own arguments: inputs, weight, bias, output
    int64_t offset = 0; // in bytes, into scratch memory
    std::string bytes;  // of a value
};
struct GpuLaunch {
    std::string entry; // name of the function in the device code
    std::array<uint32_t, 3> blocks = {1, 1, 1}, threads = {1, 1, 1};
    uint32_t shared_bytes = 0; // dynamic shared (OpenCL: local) memory, the last argument there
    std::vector<GpuArgument> arguments;
};

struct CompiledKernel {
    std::string symbol;
    std::string object;        // ELF bytes; of CPU kernels
    int64_t scratch_bytes = 0; // per worker; on a GPU, of device memory
    bool parallel = false;     // contains a parallel loop
    std::string device_code;   // PTX or OpenCL C, of GPU kernels
    std::vector<GpuLaunch> launches;
};

// What identifies the result: canonical text of request and of every version that can change it.
std::string kernel_key(const KernelRequest &request);
// "cnnc_k_" and 128 bits of a hash of the key.
std::string kernel_symbol(const KernelRequest &request);

// Throws KernelError for what Halide reports; LLVM may abort the process.
struct KernelError {
    std::string message;
};
CompiledKernel compile_kernel(const KernelRequest &request);
// The same, with the assembly the object was made of.
CompiledKernel compile_with_assembly(const KernelRequest &request, std::string &assembly);
// For explain and tests, under the same conditions: Halide's loops around the stages, and the
// assembly for the target.
std::string kernel_loop_nest(const KernelRequest &request);
std::string kernel_assembly(const KernelRequest &request);

} // namespace cnnc
