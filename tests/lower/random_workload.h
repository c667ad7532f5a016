// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random valid workloads for property tests: every anchor and epilogue step, odd shapes, and views
// as the passes make them (either layout, slices of wider tensors, broadcasts) and beyond.
#pragma once

#include "compiler/graph/workload.h"

#include <cstdint>

namespace cnnc {

struct RandomWorkloadOptions {
    int64_t max_extent = 20;    // of a spatial dimension
    int64_t max_channels = 70;  // and features
    int64_t max_work = 150'000; // multiply-adds, or taps of windows, in all
};

// Equal seeds give equal workloads; workload_problem() of each is "".
Workload random_workload(uint64_t seed, const RandomWorkloadOptions &options = {});

} // namespace cnnc
