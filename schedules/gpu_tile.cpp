// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/gpu_tile.h"

namespace cnnc {

namespace {

// Pixels a thread reads at once.
int64_t pixels_at_once(const Axis &axis, int64_t tile) {
    return (tile - 1) * (axis.kernel == 1 ? 1 : axis.stride) + 1;
}

} // namespace

int64_t GpuTile::covered(const Axis &axis, int64_t outputs) {
    int64_t step = axis.kernel == 1 ? 1 : axis.stride;
    return (outputs - 1) * step + (axis.kernel - 1) * axis.dilation + 1;
}

int64_t GpuTile::shared_bytes(const Contraction &s, bool weights) const {
    int64_t elements = staged_x(s) * staged_y(s) * chunk;
    if (weights)
        elements += block_c() * chunk * s.axes[0].kernel * s.axes[1].kernel;
    return 4 * elements;
}

int64_t GpuTile::registers(const Contraction &s) const {
    return tile_x * tile_c + pixels_at_once(s.axes[0], tile_x) * vector + tile_c + 32;
}

int64_t GpuTile::blocks(const Contraction &s) const {
    return s.n * s.groups * s.axes[2].out * ceil_div(s.axes[1].out, threads_y) *
           ceil_div(s.axes[0].out, block_x()) * ceil_div(s.k, block_c());
}

void GpuTile::set_vectors(const Contraction &s) {
    for (vector = 4; s.c % vector != 0 || chunk % vector != 0;)
        vector /= 2;
    for (vector_c = 4; tile_c % vector_c != 0;)
        vector_c /= 2;
}

GpuTile gpu_tile(const Contraction &s, const Schedule &schedule) {
    const bool product = schedule.family == "gpu_matmul";
    GpuTile t;
    t.tile_c = schedule.integer(product ? "tile_n" : "tile_c");
    t.tile_x = schedule.integer(product ? "tile_m" : "tile_x");
    t.threads_c = schedule.integer(product ? "threads_n" : "threads_c");
    t.threads_x = schedule.integer(product ? "threads_m" : "threads_x");
    t.threads_y = product ? 1 : schedule.integer("threads_y");
    t.chunk = schedule.integer("chunk");
    t.lanes_x = schedule.choice("lanes") == (product ? "m" : "x");
    t.set_vectors(s);
    return t;
}

Contraction contraction_like(const Product &p) {
    Contraction s;
    s.n = p.batches();
    s.c = p.k;
    s.k = p.n;
    s.axes[0].out = s.axes[0].in = p.m;
    s.in = {p.a[0], p.a[1]};
    s.out = {p.out[0], p.out[1]};
    return s;
}

} // namespace cnnc
