// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The GPU's families for convolution, linear layers and matrix products, and their model.
//
// A multiprocessor starts 128 multiply-adds and reads 128 bytes of shared memory per cycle. A
// thread with p pixels and k channels in registers does p * k multiply-adds per input channel; for
// four input channels it reads p + k vectors of four elements. A warp's vectors of pixels are one
// or two addresses, its vectors of weights 16 bytes for each of its threads_c lanes. With 8 x 8
// that is 256 multiply-adds for 16 vectors: reading keeps up with computing, at some 110 registers,
// so that 512 threads fit. Waiting for memory and for barriers is hidden by other warps: some eight
// per multiprocessor, and better several blocks of them. What counts against large tiles are layers
// too small to give every multiprocessor its blocks, and ragged edges: the model counts both.
#include "schedules/families.h"
#include "schedules/gpu_tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// Of a multiprocessor, per cycle.
constexpr double multiply_adds_per_cycle = 128;
constexpr double shared_bytes_per_cycle = 128;
constexpr double memory_bytes_per_cycle = 16; // its share of the second cache's
constexpr double barrier_cycles = 100;        // two barriers and the copies' latency, per chunk
constexpr double warps_that_hide_latency = 8;
constexpr int64_t most_threads = 256; // blocks as large again hide no more

int64_t chunks_of(const Contraction &s, const GpuTile &t) {
    return ceil_div(s.c, t.chunk) * s.axes[2].kernel;
}

// Cycles of a block's warps on a multiprocessor that they have for themselves.
double block_cycles(const Contraction &s, const GpuTile &t, bool weights) {
    double warps = double(ceil_div(t.threads(), 32));
    double plane = double(s.axes[0].kernel * s.axes[1].kernel);
    double steps = double(t.chunk) * plane;
    double computing = warps * 32 * double(t.tile_c * t.tile_x) * steps / multiply_adds_per_cycle;
    // Threads of a warp that read the same vector share it.
    double weight_bytes = double(std::min<int64_t>(32, t.threads_c)) * double(t.tile_c) * 4;
    double pixel_bytes = double(std::max<int64_t>(1, 32 / t.threads_c)) * double(t.tile_x) * 4;
    double reading =
        warps * steps * (weight_bytes + std::max(32.0, pixel_bytes)) / shared_bytes_per_cycle;
    // An instruction of a warp each, four per cycle; vectors save.
    double reads =
        warps * steps * (double(t.vectors_c()) + double(t.tile_x) / double(t.vector)) / 1;
    double copied = double(t.staged_x(s) * t.staged_y(s) * t.chunk) * 4;
    if (weights)
        copied += double(t.block_c()) * steps * 4;
    double copying = copied / memory_bytes_per_cycle;
    return double(chunks_of(s, t)) *
           (std::max({computing, reading, reads}) + copying + barrier_cycles / warps);
}

double layer_cycles(const Contraction &s, const Gpu &gpu, const GpuTile &t, bool weights) {
    int64_t warps = ceil_div(t.threads(), 32);
    int64_t registers = round_up(t.registers(s), 8) * warps * 32;
    int64_t shared = std::max<int64_t>(1, t.shared_bytes(s, weights));
    int64_t resident =
        std::min({gpu.registers_per_block / registers, gpu.shared_per_multiprocessor / shared,
                  gpu.threads_per_multiprocessor / (warps * 32), gpu.blocks_per_multiprocessor});
    if (resident < 1)
        return HUGE_VAL;
    int64_t each = ceil_div(t.blocks(s), gpu.multiprocessors);
    double active = double(std::min(each, resident) * warps);
    return double(each) * block_cycles(s, t, weights) /
           std::min(1.0, active / warps_that_hide_latency);
}

// Powers of two up to what covers `extent`.
std::vector<int64_t> powers(int64_t extent, int64_t most) {
    std::vector<int64_t> all = {1};
    while (all.back() < extent && all.back() * 2 <= most)
        all.push_back(all.back() * 2);
    return all;
}

// The longest whole part of the channels that is at most `most`, in vectors of four where there are
// any.
int64_t best_chunk(int64_t channels, int64_t most) {
    if (channels <= most)
        return channels;
    for (int64_t chunk = most; chunk >= most / 2 && chunk >= 1; --chunk)
        if (channels % chunk == 0 && (chunk % 4 == 0 || channels % 4 != 0))
            return chunk;
    return most;
}

std::string tile_problem(const Contraction &s, const Gpu &gpu, const GpuTile &t, bool weights) {
    std::string problem = check_gpu_threads(gpu, t.threads());
    if (problem.empty())
        problem = check_gpu_shared(gpu, t.shared_bytes(s, weights));
    if (problem.empty())
        problem = check_gpu_registers(gpu, t.registers(s), t.threads());
    if (problem.empty())
        problem = check_gpu_blocks(gpu, t.blocks(s));
    if (problem.empty())
        problem = check_gpu_results(gpu, t.blocks(s) * t.threads() * t.tile_c * t.tile_x);
    return problem;
}

std::string tile_constraint(const Contraction &s, const Machine &m, const Schedule &schedule,
                            bool weights) {
    GpuTile t = gpu_tile(s, schedule);
    const bool product = schedule.family == "gpu_matmul";
    std::string problem = check_extent(product ? "tile_m" : "tile_x", t.tile_x, s.axes[0].out,
                                       product ? "rows" : "pixels in a row");
    if (problem.empty())
        problem =
            check_extent("chunk", t.chunk, s.c, product ? "products in a sum" : "input channels");
    int64_t unroll = schedule.integer("unroll");
    if (problem.empty() && t.chunk / t.vector % unroll != 0)
        problem = fmt::format("`unroll` is {}, which does not divide the {} vectors of a chunk",
                              unroll, t.chunk / t.vector);
    if (problem.empty())
        problem = tile_problem(s, m.gpu.value(), t, weights);
    return problem;
}

// Steps of one element have few multiply-adds between their reads.
int64_t usual_unroll(const GpuTile &t) {
    int64_t vectors = t.chunk / t.vector;
    return t.vector == 1 && vectors <= 4 ? vectors : 1;
}

struct Best {
    GpuTile tile;
    bool weights = false;
    double cycles = HUGE_VAL;
};

void try_chunks(const Contraction &s, const Gpu &gpu, GpuTile t, bool must_share, Best &best) {
    for (int64_t most : {32, 16, 8, 4}) {
        t.chunk = best_chunk(s.c, most);
        t.set_vectors(s);
        for (bool weights : {true, false}) {
            if ((must_share && !weights) || !tile_problem(s, gpu, t, weights).empty())
                continue;
            double cycles = gpu_tile_cycles(s, gpu, t, weights);
            if (cycles < best.cycles * 0.999)
                best = {t, weights, cycles};
        }
    }
}

Best best_tile(const Contraction &s, const Gpu &gpu, bool must_share) {
    Best best;
    GpuTile t;
    t.lanes_x = s.out[0] != 1 && s.out[1] == 1;
    for (int64_t tile_c : powers(s.k, 8))
        for (int64_t tile_x = 1; tile_x <= std::min<int64_t>(8, s.axes[0].out); ++tile_x)
            for (int64_t threads_c : powers(ceil_div(s.k, tile_c), 32))
                for (int64_t threads_x : powers(ceil_div(s.axes[0].out, tile_x), 256))
                    for (int64_t threads_y : powers(s.axes[1].out, 16)) {
                        t.tile_c = tile_c;
                        t.tile_x = tile_x;
                        t.threads_c = threads_c;
                        t.threads_x = threads_x;
                        t.threads_y = threads_y;
                        if (t.threads() <= most_threads)
                            try_chunks(s, gpu, t, must_share, best);
                    }
    return best;
}

// ---- direct ----

// Where the windows of a single result fill shared memory, only gpu_split is left.
bool direct_fits(const Workload &w) {
    return is_contraction(w) &&
           GpuTile().shared_bytes(contraction_of(w), false) <= Gpu().shared_bytes;
}

std::string direct_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return tile_constraint(contraction_of(w), m, schedule, schedule.choice("weights") == "shared");
}

Schedule direct_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    auto [t, weights, cycles] = best_tile(s, m.gpu.value(), false);
    return {"gpu_direct",
            {{"tile_x", t.tile_x},
             {"tile_c", t.tile_c},
             {"threads_c", t.threads_c},
             {"threads_x", t.threads_x},
             {"threads_y", t.threads_y},
             {"chunk", t.chunk},
             {"unroll", usual_unroll(t)},
             {"lanes", t.lanes_x ? "x" : "c"},
             {"weights", weights ? "shared" : "direct"}}};
}

// ---- split ----

// Results that the pixels of a tile would share weights for: fewer than a thread has registers for.
constexpr int64_t few_pixels = 2;

// A block makes channels of one pixel only.
bool split_fits(const Workload &w) {
    if (!is_contraction(w))
        return false;
    const Contraction s = contraction_of(w);
    return s.pixels() * s.groups <= Gpu().most_blocks[0] / ceil_div(s.k, Gpu().warp);
}

bool split_preferred(const Workload &w, const Machine &) {
    return contraction_of(w).pixels() <= few_pixels || !direct_fits(w);
}

std::string split_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    const Contraction s = contraction_of(w);
    const Gpu &gpu = m.gpu.value();
    int64_t split = schedule.integer("split"), threads_c = schedule.integer("threads_c");
    if ((split & (split - 1)) != 0)
        return fmt::format("`split` is {}, not a power of two", split);
    std::string problem = check_extent("split", split, s.c, "input channels");
    if (problem.empty())
        problem = check_gpu_threads(gpu, split * threads_c);
    if (problem.empty()) // all steps of halving
        problem = check_gpu_shared(gpu, split > 1 ? 2 * split * threads_c * 4 : 0);
    if (problem.empty())
        problem = check_gpu_blocks(gpu, s.pixels() * s.groups * ceil_div(s.k, threads_c));
    return problem;
}

// Bounded by reading the weights: a warp reads 32 channels side by side, and as many threads share
// a sum as keep the whole machine reading.
Schedule split_model(const Workload &w, const Machine &m) {
    const Contraction s = contraction_of(w);
    const Gpu &gpu = m.gpu.value();
    int64_t threads_c = 1;
    while (threads_c < std::min<int64_t>(gpu.warp, s.k))
        threads_c *= 2;
    int64_t sums = s.pixels() * s.groups * round_up(s.k, threads_c), split = 1;
    while (split * 2 <= s.c &&
           split * 2 * threads_c <= std::min<int64_t>(512, gpu.threads_per_block) &&
           sums * split < gpu.multiprocessors * gpu.threads_per_multiprocessor)
        split *= 2;
    return {"gpu_split", {{"threads_c", threads_c}, {"split", split}}};
}

// ---- matmul ----

bool matmul_fits(const Workload &w) {
    return std::holds_alternative<MatMul>(w.anchor);
}

std::string matmul_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return tile_constraint(contraction_like(product_of(w)), m, schedule, true);
}

Schedule matmul_model(const Workload &w, const Machine &m) {
    GpuTile t = best_tile(contraction_like(product_of(w)), m.gpu.value(), true).tile;
    return {"gpu_matmul",
            {{"tile_m", t.tile_x},
             {"tile_n", t.tile_c},
             {"threads_n", t.threads_c},
             {"threads_m", t.threads_x},
             {"chunk", t.chunk},
             {"unroll", usual_unroll(t)},
             {"lanes", t.lanes_x ? "m" : "n"}}};
}

FamilyParam unroll_param() {
    return {"unroll", 1, 16, {}, "vectors of a chunk per iteration of the innermost loop"};
}

} // namespace

double gpu_tile_cycles(const Contraction &s, const Gpu &gpu, const GpuTile &t, bool weights) {
    // Reading weights where they lie makes warps wait longer.
    return layer_cycles(s, gpu, t, weights) * (weights ? 1 : 1.25);
}

const Family &gpu_direct_family() {
    static const Family family = {
        "gpu_direct",
        "convolution and linear layers: a tile in every thread's registers, input and weights in "
        "shared memory",
        {{"tile_x", 1, 16, {}, "output pixels of a row in a thread's registers"},
         {"tile_c", 1, 16, {}, "output channels in a thread's registers"},
         {"threads_c", 1, 256, {}, "threads of a block along channels"},
         {"threads_x", 1, 256, {}, "threads of a block along a row"},
         {"threads_y", 1, 64, {}, "threads of a block along rows"},
         {"chunk", 1, 256, {}, "input channels in shared memory at a time"},
         unroll_param(),
         {"lanes", 0, 0, {"c", "x"}, "what neighbouring threads make: channels, or pixels"},
         {"weights",
          0,
          0,
          {"shared", "direct"},
          "weights copied into shared memory, or read where they lie"}},
        direct_fits,
        direct_constraint,
        direct_model,
        nullptr,
        true,
    };
    return family;
}

const Family &gpu_split_family() {
    static const Family family = {
        "gpu_split",
        "convolution and linear layers of few pixels: several threads share each sum",
        {{"threads_c", 1, 256, {}, "threads of a block along channels"},
         {"split", 1, 1024, {}, "threads that share a sum; a power of two"}},
        split_fits,
        split_constraint,
        split_model,
        split_preferred,
        true,
    };
    return family;
}

const Family &gpu_matmul_family() {
    static const Family family = {
        "gpu_matmul",
        "product of two computed matrices: as gpu_direct, both operands in shared memory",
        {{"tile_m", 1, 16, {}, "rows in a thread's registers"},
         {"tile_n", 1, 16, {}, "columns in a thread's registers"},
         {"threads_n", 1, 256, {}, "threads of a block along columns"},
         {"threads_m", 1, 256, {}, "threads of a block along rows"},
         {"chunk", 1, 256, {}, "products of a sum whose operands are in shared memory at a time"},
         unroll_param(),
         {"lanes", 0, 0, {"n", "m"}, "what neighbouring threads make: columns, or rows"}},
        matmul_fits,
        matmul_constraint,
        matmul_model,
        nullptr,
        true,
    };
    return family;
}

} // namespace cnnc
