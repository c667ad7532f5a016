// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/lower.h"

#include "compiler/lower/families.h"

#include <stdexcept>

namespace cnnc {

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
    throw std::logic_error("no lowering for family " + family);
}

Halide::Target halide_target(const Target &target) {
    Halide::Target t(target_text(target));
    for (auto feature : {Halide::Target::NoRuntime, Halide::Target::NoAsserts,
                         Halide::Target::NoBoundsQuery, Halide::Target::UserContext})
        t.set_feature(feature);
    keep_vectors_fixed(t);
    return t;
}

} // namespace cnnc
