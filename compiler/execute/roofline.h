// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The least time a machine could take for a kernel, by its measured peak and read bandwidth (the
// roofline of Williams, Waterman and Patterson, 2009, with a bandwidth for each cache).
#pragma once

#include "compiler/execute/execute.h"
#include "compiler/graph/kernel_graph.h"

namespace cnnc {

// What time_libraries measured of the machine.
struct Ceilings {
    double peak_gflops = 0;               // 0: not known
    std::vector<double> bytes_per_second; // per block size; may be empty
};
Ceilings ceilings_of(const TimingResult &result);

// Bytes of weights that the whole network reads: what is touched between two uses of each.
int64_t weight_bytes(const KernelGraph &kernels);

// Seconds; 0 where the peak is not known. The kernel's own tensors come from the cache that holds
// them all, its weights from where the `network_weights` bytes of all kernels leave them.
double least_seconds(const Ceilings &ceilings, const Workload &workload, int64_t network_weights);

} // namespace cnnc
