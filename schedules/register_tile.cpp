// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/register_tile.h"

#include "schedules/families.h"

#include <algorithm>

namespace cnnc {

namespace {

// Sustained bytes per cycle from the second cache into the core, with the prefetcher's help
// (measured 15 to 20 on server cores).
constexpr double l2_bytes_per_cycle = 16;

} // namespace

double tile_cycles(const Machine &m, int64_t pixels, int64_t vectors, int64_t lanes,
                   const TileSteps &s) {
    double fma = double(pixels * vectors) / m.fma_ports * (m.fma ? 1 : 2);
    double broadcasts = double(pixels) / double(s.by_lane ? lane_steps : 1);
    double loads = (broadcasts + double(vectors)) / m.load_ports;
    double latency = double(m.fma_latency) * (m.fma ? 1 : 2);
    double weight_bytes = double(vectors * lanes * 4);
    bool stay = weight_bytes * s.steps <= double(m.l1_bytes) / 2;
    double stream = stay || !s.reused ? 0 : weight_bytes / l2_bytes_per_cycle;
    // Writing the accumulators: bias, epilogue, store; and entering the loops.
    double edge = 2.0 * double(pixels * vectors) + 20;
    // Loads that the FMAs hide still cost a little: between equals, the tile with fewer wins.
    double seen = m.in_order ? 1 : 0.05;
    return s.steps * (std::max({fma, loads, latency, stream}) + seen * loads) + edge;
}

bool takes_lanes(const Contraction &s, const Machine &m, int64_t pixels, int64_t vectors,
                 int64_t lanes) {
    // Four bytes apart: channels that are far from each other make no vector.
    return s.in[0] == 1 && s.c >= 2 * lane_steps && s.c % lane_steps == 0 && m.multiply_by_lane &&
           lanes == m.lanes(4) && pixels * vectors + pixels + vectors + 1 <= m.vector_registers;
}

RegisterTile best_tile(const Contraction &s, const Machine &m) {
    RegisterTile best;
    int64_t lanes = vector_for(s.k, m.lanes(4));
    double steps = double(s.c * s.window());
    // SSE has no FMA: the product needs a register too.
    int64_t spare = (m.fma ? 1 : 2) + m.spare_registers;
    int64_t rows = s.n * s.groups * s.axes[1].out * s.axes[2].out;
    for (int64_t vectors = 1; vectors <= std::min<int64_t>(8, ceil_div(s.k, lanes)); ++vectors) {
        int64_t most = (m.vector_registers - vectors - spare) / vectors;
        for (int64_t pixels = 1; pixels <= std::min(most, s.axes[0].out); ++pixels) {
            double tiles = double(rows * ceil_div(s.axes[0].out, pixels));
            double blocks = double(ceil_div(s.k, vectors * lanes));
            bool by_lane = takes_lanes(s, m, pixels, vectors, lanes);
            double cycles = tiles * blocks *
                            tile_cycles(m, pixels, vectors, lanes, {steps, tiles > 1, by_lane});
            // A predicated store without hardware for it goes element by element.
            if (s.k % (vectors * lanes) != 0 && !m.masked_stores)
                cycles += tiles * double(pixels * lanes * vectors * 2);
            if (best.cycles == 0 || cycles < best.cycles * 0.999)
                best = {pixels, vectors, lanes, by_lane ? lane_steps : 1, cycles};
        }
    }
    return best;
}

int64_t input_rows(const Contraction &s, int64_t rows) {
    const Axis &y = s.axes[1];
    return (rows - 1) * y.stride + y.dilation * (y.kernel - 1) + 1;
}

int64_t input_row_bytes(const Contraction &s) {
    const Axis &x = s.axes[0];
    return (x.last() + 1 + x.pad) * s.c * 4;
}

bool holds_next_panel(const Machine &m, double panel_bytes, double input_bytes) {
    return 2 * panel_bytes + input_bytes <= double(m.l2_bytes);
}

} // namespace cnnc
