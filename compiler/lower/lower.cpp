// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/lower.h"

#include "compiler/lower/families.h"

#include <stdexcept>

namespace cnnc {

namespace {

LoweredKernel lower_on_gpu(const Workload &workload, const Schedule &schedule) {
    const std::string &family = schedule.family;
    if (family == "gpu_direct")
        return lower_gpu_direct(workload, schedule);
    if (family == "gpu_split")
        return lower_gpu_split(workload, schedule);
    if (family == "gpu_matmul")
        return lower_gpu_matmul(workload, schedule);
    if (family == "gpu_depthwise")
        return lower_gpu_depthwise(workload, schedule);
    if (family == "gpu_pool")
        return lower_gpu_pool(workload, schedule);
    if (family == "gpu_pointwise")
        return lower_gpu_pointwise(workload, schedule);
    if (family == "gpu_reduce")
        return lower_gpu_reduce(workload, schedule);
    if (family == "gpu_sample")
        return lower_gpu_sample(workload, schedule);
    throw std::logic_error("no lowering for family " + family);
}

} // namespace

LoweredKernel lower_kernel(const Workload &workload, const Schedule &schedule) {
    const std::string &family = schedule.family;
    if (family == "direct")
        return lower_direct(workload, schedule);
    if (family == "small")
        return lower_small(workload, schedule);
    if (family == "planar")
        return lower_planar(workload, schedule);
    if (family == "gemm")
        return lower_gemm(workload, schedule);
    if (family == "depthwise")
        return lower_depthwise(workload, schedule);
    if (family == "pool")
        return lower_pool(workload, schedule);
    if (family == "pointwise")
        return lower_pointwise(workload, schedule);
    if (family == "reduce")
        return lower_reduce(workload, schedule);
    if (family == "sample")
        return lower_sample(workload, schedule);
    if (family == "matmul")
        return lower_matmul(workload, schedule);
    return lower_on_gpu(workload, schedule);
}

namespace {

Halide::Target without_run_time(Halide::Target t) {
    for (auto feature : {Halide::Target::NoRuntime, Halide::Target::NoAsserts,
                         Halide::Target::NoBoundsQuery, Halide::Target::UserContext})
        t.set_feature(feature);
    return t;
}

} // namespace

Halide::Target halide_target(const Target &target) {
    Halide::Target t = without_run_time(Halide::Target(target_text(target)));
    keep_vectors_fixed(t);
    return t;
}

Halide::Target halide_gpu_target(const Target &target) {
    Target host = cpu_part(host_target());
    host.features.clear();
    for (const std::string &feature : target.features)
        if (feature == "opencl" || feature.compare(0, 4, "cuda") == 0)
            host.features.push_back(feature);
    Halide::Target t = without_run_time(Halide::Target(target_text(host)));
    if (gpu_api(target) == GpuApi::opencl)
        t.set_feature(Halide::Target::CLDoubles); // exponents are computed in double
    else if (cuda_capability(target) == plain_cuda_capability)
        t.set_feature(Halide::Target::CUDACapability50);
    return t;
}

} // namespace cnnc
