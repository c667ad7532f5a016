// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The register tile of sums of products: how large it is best, what it costs, and what its weights
// and input take in the caches. The families' models and the cost model ask the same questions.
//
// The tile. A core starts two FMAs per cycle and two loads; an FMA's result is ready after about
// four cycles. With `p` pixels and `v` vectors of channels in registers, one step over an input
// channel takes p*v FMAs, v loads of weights and p broadcasts; so it takes
// max(p*v / 2, (p + v) / 2, 4) cycles, and needs p*v accumulators, v weights and a broadcast in
// registers. Each tile reads the weights of its channel block once; where that block does not stay
// in the first cache they come from the second, at some 16 bytes per cycle, which favours more
// pixels. 14 x 2 on AVX-512 (31 of 32 registers) and 6 x 2 on AVX2 (15 of 16) come out of that.
// Ragged edges cost whole tiles, so the model counts tiles.
//
// ARM multiplies by a lane of a vector: four channels of a pixel are loaded as one, for four steps.
// Then the pixels stay in registers too; 7 x 3 of 32 are left.
#pragma once

#include "compiler/target/target.h"
#include "schedules/shape.h"

#include <cstdint>

namespace cnnc {

struct RegisterTile {
    int64_t pixels = 1;
    int64_t vectors = 1;
    int64_t vector = 1;
    int64_t unroll = 1;
    double cycles = 0; // of the whole layer, one core
};
RegisterTile best_tile(const Contraction &shape, const Machine &machine);

// Cycles of one register tile of `pixels` x `vectors` vectors of `lanes` elements over `steps`
// input channels times window positions.
struct TileSteps {
    double steps = 1;
    bool reused = false;  // other tiles read the same weights
    bool by_lane = false; // a vector of four channels of a pixel serves four steps
};
double tile_cycles(const Machine &machine, int64_t pixels, int64_t vectors, int64_t lanes,
                   const TileSteps &steps);

// Whether a tile that takes `lane_steps` input channels an iteration loads them as one vector of
// each pixel (compiler/codegen/lanes.h): the machine multiplies by a lane, the registers suffice,
// and the channels lie side by side.
constexpr int64_t lane_steps = 4;
bool takes_lanes(const Contraction &shape, const Machine &machine, int64_t pixels, int64_t vectors,
                 int64_t lanes);

// Input rows that so many output rows read, and the bytes of one with its border.
int64_t input_rows(const Contraction &shape, int64_t rows);
int64_t input_row_bytes(const Contraction &shape);

// Whether the second cache holds two channel blocks' weights beside the input that a block reads:
// one block's can come while the other's are multiplied (compiler/codegen/preload.h).
bool holds_next_panel(const Machine &machine, double panel_bytes, double input_bytes);

} // namespace cnnc
