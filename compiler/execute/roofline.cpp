// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/execute/roofline.h"

#include <algorithm>

namespace cnnc {
namespace {

int64_t weight_bytes(const Workload &workload) {
    const auto weight = workload_weight(workload);
    return weight ? 4 * element_count(weight->shape) : 0;
}

// What `bytes` take where the largest block measured within `reach` bytes lies.
double read_seconds(const std::vector<double> &measured, int64_t bytes, int64_t reach) {
    if (measured.empty())
        return 0;
    size_t i = 0;
    while (i + 1 < measured.size() && (smallest_bandwidth_block << (i + 1)) <= reach)
        ++i;
    return double(bytes) / measured[i];
}

} // namespace

Ceilings ceilings_of(const TimingResult &result) {
    Ceilings ceilings{0, result.bytes_per_second};
    for (const double gflops : result.peak_gflops)
        ceilings.peak_gflops = std::max(ceilings.peak_gflops, gflops);
    return ceilings;
}

int64_t weight_bytes(const KernelGraph &kernels) {
    int64_t bytes = 0;
    for (const Kernel &kernel : kernels.kernels)
        bytes += weight_bytes(kernel.workload);
    return bytes;
}

double least_seconds(const Ceilings &ceilings, const Workload &workload, int64_t network_weights) {
    if (ceilings.peak_gflops == 0)
        return 0;
    const double compute = 2e-9 * double(workload_macs(workload)) / ceilings.peak_gflops;
    const int64_t all = workload_bytes(workload), weights = weight_bytes(workload);
    return std::max(compute, read_seconds(ceilings.bytes_per_second, all - weights, all) +
                                 read_seconds(ceilings.bytes_per_second, weights,
                                              std::max(all, network_weights)));
}

} // namespace cnnc
