// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels for GPUs in which threads do not work together: families `gpu_pointwise`, `gpu_sample`,
// `gpu_depthwise` and `gpu_pool`. What neighbouring threads read in common comes from the first
// cache; borders are made where they are read.
#include "compiler/lower/families.h"
#include "compiler/lower/gpu_loops.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/stages.h"

#include <algorithm>

namespace cnnc {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

namespace {

// Longer windows stay loops.
constexpr int64_t unrolled_window = 25;

void schedule_windows(WindowStages &st, const Schedule &schedule) {
    const Contraction &s = st.shape;
    const auto &[ax, ay, az] = s.axes;
    int tile_x = int(schedule.integer("tile_x")), vector = int(schedule.integer("vector"));
    Func out = st.output, sum = st.sum;
    Var xo("xo"), xi("xi");
    // The last tile of a row overlaps the one before it: both write the same.
    out.split(st.x, xo, xi, tile_x, tail(ax.out, tile_x, TailStrategy::ShiftInwards));
    out.reorder({xi, st.g, xo, st.y, st.z, st.n}).unroll(xi);
    int64_t tiles = (ax.out + tile_x - 1) / tile_x;
    std::vector<Var> vars = {st.g, xo, st.y, st.z, st.n};
    std::vector<int64_t> extents = {s.groups, tiles, ay.out, az.out, s.n};
    if (schedule.choice("lanes") == "x") {
        std::rotate(vars.begin(), vars.begin() + 1, vars.begin() + 4);
        std::rotate(extents.begin(), extents.begin() + 1, extents.begin() + 4);
        out.reorder({xi, vars[0], vars[1], vars[2], vars[3], vars[4]});
    }
    Var thread = gpu_elementwise(out, vars, extents, vector, int(schedule.integer("threads")));
    sum.compute_at(out, thread).bound_extent(st.x, tile_x).bound_extent(st.g, vector);
    sum.vectorize(st.g).unroll(st.x);
    sum.update().reorder({st.g, st.x, st.y, st.r.x, st.r.y, st.r.z}).vectorize(st.g).unroll(st.x);
    if (ax.kernel * ay.kernel <= unrolled_window)
        sum.update().unroll(st.r.x).unroll(st.r.y);
}

} // namespace

LoweredKernel lower_gpu_pointwise(const Workload &w, const Schedule &schedule) {
    PointwiseStages st = pointwise_algorithm(w);
    gpu_elementwise(st.output, st.v, st.loops.extents, int(schedule.integer("vector")),
                    int(schedule.integer("threads")));
    return {st.output, st.arguments};
}

LoweredKernel lower_gpu_sample(const Workload &w, const Schedule &schedule) {
    SampleStages st = sample_algorithm(w);
    int vector = int(schedule.integer("vector"));
    Var thread = gpu_elementwise(st.output, st.v, st.shape.loops.extents, vector,
                                 int(schedule.integer("threads")));
    if (st.fold.result.defined())
        schedule_plain(st.fold, st.output, thread, st.v[0], vector, vector);
    return {st.output, st.arguments};
}

LoweredKernel lower_gpu_depthwise(const Workload &w, const Schedule &schedule) {
    WindowStages st = depthwise_algorithm(w, Borders::select);
    schedule_windows(st, schedule);
    return {st.output, st.arguments};
}

LoweredKernel lower_gpu_pool(const Workload &w, const Schedule &schedule) {
    WindowStages st = pool_algorithm(w, Borders::select, false);
    schedule_windows(st, schedule);
    return {st.output, st.arguments};
}

} // namespace cnnc
