// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Results are computed in tiles of 8 positions by 8 channels, held in registers while the terms are
// summed. A tile at the edge computes its last position or zero weights several times over and
// stores only what exists.
#include "compiler/reference/contract.h"

#include "compiler/reference/parallel.h"

#include <algorithm>
#include <cstring>

// The inner loop is compiled for several machines and chosen when the program starts. Sanitizers
// do not work that early.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CNNC_FOR_EACH_CPU __attribute__((target_clones("avx512f", "fma", "default")))
#else
#define CNNC_FOR_EACH_CPU
#endif

namespace cnnc::reference {

namespace {

constexpr int tile_positions = 8;
constexpr int tile_channels = 8;

// A vector of GCC and Clang, lowered to whatever the machine has. Only inside sum_tile(), so that
// nothing depends on how it is aligned or passed.
typedef double Channels __attribute__((vector_size(tile_channels * sizeof(double))));

// One tile: sums[p][i] += weights[k][i] * positions[p][taps[k]].
CNNC_FOR_EACH_CPU
void sum_tile(const double *const *positions, const int64_t *taps, size_t tap_count,
              const double *weights, double (*sums)[tile_channels]) {
    Channels sum[tile_positions];
    std::memcpy(sum, sums, sizeof(sum));
    for (size_t k = 0; k < tap_count; ++k) {
        Channels weight;
        std::memcpy(&weight, weights + k * tile_channels, sizeof(weight));
        for (int p = 0; p < tile_positions; ++p) {
            sum[p] += weight * positions[p][taps[k]];
        }
    }
    std::memcpy(sums, sum, sizeof(sum));
}

// Bias and weights of one block of channels, tap by tap; channels past the end are zero.
struct Block {
    int64_t first = 0;
    int64_t count = 0;
    double bias[tile_channels] = {};
    std::vector<double> weights; // [taps][tile_channels]
};

Block pack_block(const Contraction &c, int64_t first) {
    Block block;
    block.first = first;
    block.count = std::min<int64_t>(tile_channels, c.channels - first);
    block.weights.resize(c.taps->size() * tile_channels);
    const size_t taps = c.taps->size();
    for (size_t k = 0; k < taps; ++k) {
        for (int64_t i = 0; i < block.count; ++i) {
            block.weights[k * tile_channels + size_t(i)] = c.weights[size_t(first + i) * taps + k];
        }
    }
    for (int64_t i = 0; c.bias && i < block.count; ++i) {
        block.bias[i] = c.bias[first + i];
    }
    return block;
}

void contract_block(const Contraction &c, const Block &block) {
    const size_t positions = c.positions->size();
    for (size_t first = 0; first < positions; first += tile_positions) {
        const double *from[tile_positions];
        double sums[tile_positions][tile_channels];
        for (size_t p = 0; p < tile_positions; ++p) {
            from[p] = c.values + (*c.positions)[std::min(first + p, positions - 1)];
            std::copy_n(block.bias, tile_channels, sums[p]);
        }
        sum_tile(from, c.taps->data(), c.taps->size(), block.weights.data(), sums);
        const size_t count = std::min<size_t>(tile_positions, positions - first);
        for (int64_t i = 0; i < block.count; ++i) {
            double *to = c.results + (block.first + i) * c.channel_stride;
            for (size_t p = 0; p < count; ++p) {
                to[int64_t(first + p) * c.position_stride] = sums[p][i];
            }
        }
    }
}

} // namespace

void contract(const Contraction &c) {
    const int64_t blocks = (c.channels + tile_channels - 1) / tile_channels;
    const double work = double(c.channels) * double(c.taps->size()) * double(c.positions->size());
    parallel_for(blocks, work > 1e6,
                 [&](int64_t b) { contract_block(c, pack_block(c, b * tile_channels)); });
}

} // namespace cnnc::reference
