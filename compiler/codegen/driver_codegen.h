// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The driver of a network: the run time, the network's constants and one call per kernel, optimized
// together into one object. It defines the C functions of the network's header.
#pragma once

#include "compiler/codegen/gpu_program.h"
#include "compiler/target/target.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

struct DriverVariant {
    std::string name;
    Target target;
    std::vector<DriverStep> steps;
    std::optional<GpuProgram> gpu; // of GPU targets: how the steps run there
};

struct DriverRequest {
    std::string prefix; // of the C functions
    std::string version;
    std::vector<DriverVariant> variants; // of one architecture, each with the same steps' names
    std::vector<int64_t> input_bytes, output_bytes;
    // The most of any variant for CPUs.
    int64_t arena_bytes = 0, scratch_bytes = 0;
    int64_t weights_bytes = 0;
    uint64_t weights_identity = 0;
    std::string weights_symbol; // "": in a file, or there are none
};

struct Driver {
    std::string object;
    std::vector<std::string> symbols; // the C functions
    int64_t memory_bytes = 0;         // what PREFIX_memory_size() returns
};

Driver generate_driver(const DriverRequest &request);

// What code for the target needs of a CPU: a mask over runtime/cpu_features.h.
uint64_t required_cpu_features(const Target &target);

} // namespace cnnc
