// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network's steps as the driver runs them: on a CPU each is a call with pointers, on a GPU a few
// launches of device code with arguments.
#pragma once

#include "compiler/codegen/kernel.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// An argument of a kernel.
struct StepPointer {
    enum class Base : uint8_t { arena, weights, input, output };
    Base base = Base::arena;
    int index = 0;      // of the network's input or output
    int64_t offset = 0; // in bytes
};

struct DriverStep {
    std::string name;   // for the profile
    std::string symbol; // the kernel's
    std::vector<StepPointer> pointers;
};

// As struct cnnc_gpu_program of runtime/gpu.h, but for pointers.
struct GpuProgram {
    struct Argument {
        bool is_value = false;
        StepPointer pointer;
        uint64_t value = 0; // in its first bytes
        int value_bytes = 0;
    };
    struct Launch {
        std::string entry;
        int module = 0, step = 0;
        std::array<uint32_t, 3> blocks, threads;
        uint32_t shared_bytes = 0;
        std::vector<Argument> arguments;
    };
    GpuApi api = GpuApi::cuda;
    std::vector<std::string> modules; // device code, each kernel's once
    std::vector<Launch> launches;
    int64_t arena_bytes = 0;   // scratch memory lies behind the plan's arena
    int64_t weights_bytes = 0; // of the library's, from the first on: what has to be on the device
    int capability = 0;        // that CUDA's code is for
    int driver_version = 0;    // of CUDA that knows the code's language: 11010
};

// `compiled` and `steps` per kernel. Without weights_bytes.
GpuProgram gpu_program(const Target &target, const std::vector<const CompiledKernel *> &compiled,
                       const std::vector<DriverStep> &steps, int64_t arena_bytes);

} // namespace cnnc
