// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a block of a GPU's threads does in families `gpu_direct` and `gpu_matmul`: the numbers that
// model, lowering and packing share.
#pragma once

#include "compiler/target/target.h"
#include "schedules/schedule.h"
#include "schedules/shape.h"

namespace cnnc {

struct GpuTile {
    int64_t tile_c = 1, tile_x = 1; // channels and pixels of a thread
    int64_t threads_c = 1, threads_x = 1, threads_y = 1;
    int64_t chunk = 1;    // input channels that are in shared memory at a time
    int64_t vector = 1;   // of these, how many are read at once
    int64_t vector_c = 1; // of a thread's channels, how many lie side by side
    bool lanes_x = false; // neighbouring threads make neighbouring pixels, not channels

    int64_t threads() const { return threads_c * threads_x * threads_y; }
    int64_t vectors_c() const { return tile_c / vector_c; }
    // Of a block.
    int64_t block_c() const { return tile_c * threads_c; }
    int64_t block_x() const { return tile_x * threads_x; }
    // Positions of the input that a block's windows cover; where a window is one position wide,
    // only these are counted.
    int64_t staged_x(const Contraction &s) const { return covered(s.axes[0], block_x()); }
    int64_t staged_y(const Contraction &s) const { return covered(s.axes[1], threads_y); }
    int64_t shared_bytes(const Contraction &s, bool weights) const;
    // A thread's, by estimate: sums, the pixels and weights of a step, and addresses.
    int64_t registers(const Contraction &s) const;
    int64_t blocks(const Contraction &s) const;

    // The longest that chunk and channels allow.
    void set_vectors(const Contraction &s);
    static int64_t covered(const Axis &axis, int64_t outputs);
};
GpuTile gpu_tile(const Contraction &shape, const Schedule &schedule);
// A matrix product as a contraction: rows are pixels, columns channels.
Contraction contraction_like(const Product &product);

// Cycles of the whole layer, by occupancy, arithmetic and what is read from shared memory and
// copied there. `weights`: they are staged too.
double gpu_tile_cycles(const Contraction &shape, const Gpu &gpu, const GpuTile &tile, bool weights);

} // namespace cnnc
