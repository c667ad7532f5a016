// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The library of a network: driver, weights and kernels as one archive, with its C header, manifest
// and package files.
#pragma once

#include "compiler/codegen/kernel.h"
#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// The network compiled for one target.
struct LibraryVariant {
    std::string name; // what the library calls it: the target as the user wrote it
    Target target;
    std::vector<const CompiledKernel *> compiled; // per kernel
    std::vector<Schedule> schedules;              // per kernel
    std::vector<std::string> schedule_origins;    // per kernel: "default", "record ...", "override"
};

struct LibraryRequest {
    std::string name; // of the network: prefix of every public symbol
    const KernelGraph *kernels = nullptr;
    const Plan *plan = nullptr;
    // At least one. The library uses the first that the machine it runs on can run.
    std::vector<LibraryVariant> variants;
    bool weights_file = false;
};

struct NamedFile {
    std::string name; // file name without a folder
    std::string bytes;
};

struct Library {
    std::string prefix;             // of its C functions: the name, unless C reserves that
    std::vector<NamedFile> objects; // members of the archive: driver, kernels, weights
    std::string header, manifest, cmake_config, pkg_config;
    std::string weights;      // <name>.weights, if asked for
    int64_t memory_bytes = 0; // what <name>_memory_size() returns with one thread

    std::vector<std::string> driver_symbols; // C functions that objects[0], the driver, defines
    // The linked-in weights: the hidden symbol that the driver refers to ("": none, or in a file),
    // and the member of `objects` that holds them, from weights_offset on.
    std::string weights_symbol;
    size_t weights_member = 0, weights_offset = 0, weights_bytes = 0;
};

// What cannot be put into a library: more weights than a program can address.
struct LibraryError {
    std::string message;
};

// Packs the weights, generates the driver and assembles everything in memory. Same input, same
// bytes. Throws LibraryError.
Library build_library(const LibraryRequest &request);

// lib<name>.a: a second copy of all weights, hence made only when it is to be written.
std::string library_archive(const Library &library);

} // namespace cnnc
