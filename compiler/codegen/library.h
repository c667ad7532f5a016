// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The library of a network: driver, weights and kernels as one archive, with its C header, manifest
// and package files.
#pragma once

#include "compiler/codegen/kernel.h"
#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"

#include <string>
#include <vector>

namespace cnnc {

struct LibraryRequest {
    std::string name; // of the network: prefix of every public symbol
    Target target;
    const KernelGraph *kernels = nullptr;
    const Plan *plan = nullptr;
    std::vector<const CompiledKernel *> compiled; // per kernel of `kernels`
    std::vector<Schedule> schedules;              // per kernel
    std::vector<std::string> schedule_origins;    // per kernel: "default", "record ...", "override"
    bool weights_file = false;
};

struct NamedFile {
    std::string name; // file name without a folder
    std::string bytes;
};

struct Library {
    std::vector<NamedFile> objects; // members of the archive: driver, weights, kernels
    std::string archive;            // lib<name>.a
    std::string header, manifest, cmake_config, pkg_config;
    std::string weights;            // <name>.weights, if asked for
    int64_t memory_bytes = 0;       // what <name>_memory_size() returns with one thread
};

// Packs the weights, generates the driver and assembles everything in memory. Same input, same bytes.
Library build_library(const LibraryRequest &request);

} // namespace cnnc
