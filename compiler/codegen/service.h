// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one path on which kernels are compiled: worker processes forked from this one, in parallel,
// behind a content-addressed cache on disk. A crash or a hang inside Halide or LLVM costs one
// request and comes back as its failure.
#pragma once

#include "compiler/codegen/kernel.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

struct ServiceOptions {
    int jobs = 0;          // 0: one per core
    std::string cache_dir; // "": $CNNC_CACHE_DIR, else $XDG_CACHE_HOME/cnnc, else ~/.cache/cnnc
    bool use_cache = true;
    double timeout_seconds = 120;           // per kernel
    int64_t cache_bytes = int64_t(2) << 30; // the cache is pruned to this
    // Called in this process as results arrive: done, total (equal requests count once).
    std::function<void(int, int)> progress;
    // In place of compile_kernel (analyses make something else of a kernel) and of warming Halide
    // up (for tests). Called in a worker.
    std::function<CompiledKernel(const KernelRequest &)> compile;
    std::function<void()> warm_up;
};

struct KernelResult {
    CompiledKernel kernel;
    std::string failure; // "" = compiled; else what went wrong, in words
    bool cached = false;
    double seconds = 0;
};

// Results in the order of the requests; equal requests are compiled once. Must be called from a
// process with no other threads.
std::vector<KernelResult> compile_kernels(const std::vector<KernelRequest> &requests,
                                          const ServiceOptions &options);

} // namespace cnnc
