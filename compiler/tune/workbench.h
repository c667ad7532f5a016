// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The real laboratory: candidates are compiled by the compile service, linked into networks of one
// kernel, run where the target's code runs, and checked against the reference interpreter.
#pragma once

#include "compiler/execute/execute.h"
#include "compiler/tune/contest.h"

#include <functional>
#include <memory>

namespace cnnc {

struct WorkbenchOptions {
    Place place;
    int threads = 1;
    int jobs = 0; // kernels compiled at once; 0: one per core
    bool use_cache = true;
    uint64_t seed = 1; // of the data
    std::function<bool()> stopped;
    double least_timeout = 10; // seconds, of a race
    // In place of compiling, for tests. Called in a worker.
    std::function<CompiledKernel(const KernelRequest &)> compile;
};

class Workbench {
  public:
    explicit Workbench(const WorkbenchOptions &options);
    ~Workbench();
    Workbench(const Workbench &) = delete;
    Workbench &operator=(const Workbench &) = delete;

    // Refers to this workbench.
    Laboratory laboratory();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cnnc
