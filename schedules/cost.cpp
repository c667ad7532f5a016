// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/cost.h"

#include "schedules/families.h"
#include "schedules/gpu_cost.h"
#include "schedules/register_tile.h"
#include "schedules/shape.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// Starting the threads' work and waiting for it: some 5 us.
constexpr double parallel_cycles = 12000;
// Entering a tile's loops: addresses, the first loads, the epilogue's last stores.
constexpr double tile_entry = 20;

// Of memory, by one core: bytes per cycle, and cycles until the first of them.
constexpr double memory_rate = 3.5, memory_latency = 300, l3_latency = 70;
constexpr double page_bytes = 4096;
// Touched between two uses of a byte: nothing of it is left in the caches.
constexpr double everything = 1e18;

// Cycles that `bytes` take when they come from wherever `reach` bytes, touched between two uses of
// the same byte, still leave them.
double stream_cycles(const Machine &m, double bytes, double reach) {
    const bool l1 = reach <= 0.75 * double(m.l1_bytes);
    const bool l2 = reach <= 0.75 * double(m.l2_bytes);
    const bool l3 = m.l3_bytes > 0 && reach <= 0.75 * double(m.l3_bytes);
    return l1 ? 0 : bytes / (l2 ? 32 : l3 ? 7 : memory_rate);
}

// The processor's own prefetchers follow a stream to the end of a page; on the next one they have
// to see some misses first.
double page_wait(const Machine &m, double bytes, double reach) {
    const double far = 0.75 * double(m.l2_bytes), farther = 0.75 * double(m.l3_bytes);
    const double latency = reach <= far ? 0 : reach <= farther ? l3_latency : memory_latency;
    return 2 * latency * bytes / page_bytes;
}

// The busiest of `threads` threads takes so many times the average's share of `tasks` equal tasks.
double imbalance_of(int64_t tasks, int threads) {
    const auto most = double(ceil_div(tasks, std::min<int64_t>(threads, tasks)));
    return most * double(threads) / double(tasks);
}

// Puts the parts together: what the caches deliver is mostly hidden behind the arithmetic.
Cost finished(Cost cost, int64_t tasks, int threads) {
    const double work = std::max(cost.compute, cost.traffic) +
                        0.15 * std::min(cost.compute, cost.traffic) + cost.staging + cost.waiting;
    cost.imbalance = tasks > 1 ? imbalance_of(tasks, threads) : double(threads);
    const double entry = tasks > 1 && threads > 1 ? parallel_cycles : 0;
    cost.cycles = work * cost.imbalance / threads + entry;
    return cost;
}

// ---- register tiles of sums ----

// `steps` times: `pixels` broadcasts and `vectors` vectors meet in pixels * vectors accumulators.
struct SumTile {
    int64_t pixels = 1, vectors = 1, lanes = 1;
    double steps = 1;
    int64_t unroll = 1;
    int64_t prefetch = 0; // bytes ahead
    int64_t shared = 0;   // elements of the input that several pixels of an iteration read
    bool by_lane = false; // a vector of a pixel's channels in place of broadcasts
};

// Machine registers that one vector of the schedule takes.
int64_t registers_per_vector(const Machine &m, int64_t lanes) {
    return std::max<int64_t>(1, lanes / m.lanes(4));
}

int64_t registers_of(const SumTile &t, const Machine &m) {
    const int64_t wide = registers_per_vector(m, t.lanes);
    const int64_t accumulators = t.pixels * t.vectors * wide;
    if (t.by_lane)
        return accumulators + t.pixels + t.vectors * wide + 1;
    // The shorter side is held, the longer passes through one register; without FMA the product
    // takes one too.
    return accumulators + std::min(t.pixels, t.vectors * wide) + t.shared + (m.fma ? 1 : 2);
}

double step_bytes(const SumTile &t) {
    return 4.0 * double(t.vectors * t.lanes);
}

double cycles_of(const SumTile &t, const Machine &m, Cost &cost) {
    const int64_t wide = registers_per_vector(m, t.lanes);
    cost.registers = registers_of(t, m);
    cost.spilled = std::max<int64_t>(0, cost.registers - m.vector_registers);
    // The weights' stream is accounted for with the caches.
    const double tile =
        tile_cycles(m, t.pixels, t.vectors * wide, t.lanes / wide, {t.steps, false, t.by_lane});
    const double spills = 2.0 * double(cost.spilled);
    // A prefetch takes the place of a load.
    const double prefetches = t.prefetch > 0 ? 0.05 / m.load_ports * step_bytes(t) / 64 : 0;
    const double counting = 0.25 / double(t.unroll);
    return tile + t.steps * (spills + counting + prefetches);
}

// The part of a wait that is left when weights are asked for so many bytes ahead: they take at
// least the time that memory needs to deliver them.
double late(const SumTile &t, const Machine &m) {
    const double bytes = step_bytes(t);
    const double fma =
        double(t.pixels * t.vectors * registers_per_vector(m, t.lanes)) / m.fma_ports;
    const double ahead = double(t.prefetch) * std::max(1 / memory_rate, fma / bytes);
    return std::max(0.0, 1 - ahead / memory_latency);
}

// A store of part of a vector goes element by element where there are no masks for it.
double ragged_stores(const Machine &m, int64_t extent, int64_t tile, double elements) {
    return extent % tile == 0 || m.masked_stores ? 0 : 2 * elements;
}

// ---- convolution ----

struct Blocks {
    int64_t x = 1, y = 1, c = 1; // register tiles of a block: along a row, rows, channels
    int64_t rows = 1;            // blocks of rows of an image
    int64_t outer = 1;           // images, groups, planes
    int64_t height = 1;          // output rows of a block
    bool channels_outer = true;
};

double in_bytes(const Contraction &s, int64_t rows) {
    return double(input_rows(s, rows) * input_row_bytes(s) * s.axes[2].kernel);
}

// What loops read again and again, and the weights' way from memory.
struct Reads {
    const Machine &m;
    double late = 0;    // the part of a wait for weights that is left
    double compute = 0; // cycles of one walk over all weights
    bool preload = false;
    double traffic = 0, waiting = 0;

    void add(double bytes, double reach) { traffic += stream_cycles(m, bytes, reach); }
    void add_weights(double bytes, double reach) {
        add(bytes, reach);
        waiting += late * page_wait(m, bytes, reach);
    }
    // They come from memory whatever the schedule: during the first of the `passes` that walk a
    // block's, or, asked for ahead, during all passes over the block before.
    void add_first_weights(double bytes, double passes, double blocks, double input) {
        const bool ahead = preload && passes > 1 && holds_next_panel(m, bytes / blocks, input);
        const double arrival = bytes / memory_rate;
        const double in_time = ahead ? 1 - 1 / blocks : 0; // all but the first block
        waiting += (1 - in_time) * (late * page_wait(m, bytes, everything) +
                                    std::max(0.0, arrival - compute / passes));
        waiting += in_time * std::max(0.0, arrival - compute);
    }
};

void add_conv_reads(const Contraction &s, const Blocks &b, int64_t tile_c, Reads &reads) {
    const double taps = double(s.c * s.window());
    const double weights_of_tile = 4.0 * taps * double(tile_c);
    const double weights = weights_of_tile * double(b.c);
    const double input = in_bytes(s, b.height);
    const double output = 4.0 * double(b.height * s.axes[0].out * s.k);
    const double blocks = double(b.rows * b.outer), tiles = double(b.x * b.y);
    if (b.channels_outer) {
        const double tile_input = input / std::max(1.0, tiles);
        reads.add_weights(blocks * weights_of_tile * (tiles - 1) * double(b.c),
                          weights_of_tile + tile_input);
        reads.add(blocks * input * double(b.c - 1), input + weights_of_tile);
    } else {
        const double row = in_bytes(s, std::max<int64_t>(1, b.height / std::max<int64_t>(1, b.y)));
        reads.add_weights(blocks * weights * double(b.y - 1), weights + row);
        reads.add(blocks * row * double(b.y * (b.c - 1)), row + weights_of_tile);
        reads.add_weights(blocks * weights_of_tile * double(b.c * b.y * (b.x - 1)),
                          weights_of_tile + row / double(b.x));
    }
    reads.add_first_weights(weights, b.channels_outer ? tiles : double(b.x), double(b.c), input);
    reads.add_weights((blocks - 1) * weights, weights + input + output);
    reads.traffic += blocks * (input + output) / 8;
}

int64_t conv_tasks(const Blocks &b, const std::string &parallel) {
    return parallel == "y" ? b.rows * b.outer : parallel == "c" ? b.c * b.outer : 1;
}

int64_t prefetch_of(const Schedule &schedule) {
    return schedule.has("prefetch") ? schedule.integer("prefetch") : 0;
}

bool preloads(const Schedule &schedule) {
    return schedule.has("preload") && schedule.choice("preload") == "block";
}

// direct and gemm.
bool by_lane(const Contraction &s, const Machine &m, const SumTile &t) {
    const int64_t wide = registers_per_vector(m, t.lanes);
    return t.unroll == lane_steps && takes_lanes(s, m, t.pixels, t.vectors * wide, t.lanes / wide);
}

// direct, small and planar.
Cost row_blocks_cost(const Contraction &s, const Machine &m, const Schedule &schedule,
                     int threads) {
    const bool along_x = schedule.family == "planar";
    const int64_t vector = schedule.integer("vector"), tile_c = schedule.integer("tile_c");
    const int64_t tile_x = schedule.integer("tile_x");
    const int64_t tile_y = schedule.has("tile_y") ? schedule.integer("tile_y") : 1;
    SumTile tile{tile_x * tile_y,
                 tile_c / vector,
                 vector,
                 double(s.c * s.window()),
                 schedule.integer("unroll"),
                 prefetch_of(schedule)};
    if (along_x) {
        tile.pixels = tile_c;
        tile.vectors = tile_x / vector * tile_y;
    }
    // Windows of neighbours overlap: what they share is kept from one product to the next.
    if (schedule.family == "small")
        tile.shared = (tile_x - 1) * ((tile.unroll - 1) / s.axes[0].stride);
    if (schedule.family == "direct")
        tile.by_lane = by_lane(s, m, tile);
    Blocks b;
    b.height = schedule.integer("rows");
    b.rows = ceil_div(s.axes[1].out, b.height);
    b.x = ceil_div(s.axes[0].out, tile_x);
    b.y = ceil_div(b.height, tile_y);
    b.c = ceil_div(s.k, tile_c);
    b.outer = s.n * s.groups * s.axes[2].out;
    const std::string &parallel = schedule.choice("parallel");
    b.channels_outer = !schedule.has("order") || schedule.choice("order") == "c";
    Cost cost;
    const auto tiles = double(b.outer * b.x * ceil_div(s.axes[1].out, tile_y) * b.c);
    cost.compute = tiles * cycles_of(tile, m, cost);
    cost.compute += double(b.outer * b.x * s.axes[1].out) *
                    (along_x ? 0 : ragged_stores(m, s.k, tile_c, double(tile_x * tile_c)));
    Reads reads{m, late(tile, m), cost.compute / double(b.rows * b.outer), preloads(schedule)};
    add_conv_reads(s, b, tile_c, reads);
    cost.traffic = reads.traffic;
    cost.waiting = reads.waiting;
    if (s.staged() || along_x)
        cost.staging = double(b.rows * b.outer) * in_bytes(s, b.height) / 16 *
                       (parallel == "c" && threads > 1 ? double(b.c) : 1);
    return finished(cost, conv_tasks(b, parallel), threads);
}

void add_gemm_reads(const Contraction &s, const Blocks &b, int64_t tile_m, int64_t tile_n,
                    Reads &reads) {
    const double panel = 4.0 * double(s.c * tile_n), weights = panel * double(b.c);
    const double strip = 4.0 * double(s.c * tile_m), input = strip * double(b.x);
    const auto blocks = double(b.rows * b.outer);
    if (b.channels_outer) {
        reads.add_weights(blocks * panel * double((b.x - 1) * b.c), panel + strip);
        reads.add(blocks * input * double(b.c - 1), input + panel);
    } else {
        reads.add_weights(blocks * weights * double(b.x - 1), weights + strip);
        reads.add(blocks * strip * double(b.x * (b.c - 1)), strip + panel);
    }
    reads.add_first_weights(weights, b.channels_outer ? double(b.x) : 1, double(b.c), input);
    reads.add_weights((blocks - 1) * weights, weights + input);
    reads.traffic += blocks * (input + 4.0 * double(b.x * tile_m * s.k)) / 8;
}

Cost gemm_cost(const Contraction &s, const Machine &m, const Schedule &schedule, int threads) {
    const int64_t tile_m = schedule.integer("tile_m"), tile_n = schedule.integer("tile_n");
    const int64_t vector = schedule.integer("vector");
    SumTile tile{tile_m,
                 tile_n / vector,
                 vector,
                 double(s.c),
                 schedule.integer("unroll"),
                 prefetch_of(schedule)};
    tile.by_lane = by_lane(s, m, tile);
    Blocks b;
    const int64_t tiles_x = ceil_div(s.axes[0].out, tile_m);
    const int64_t block = std::min(schedule.integer("block_m"), tiles_x);
    b.x = block;
    b.c = ceil_div(s.k, tile_n);
    b.rows = ceil_div(tiles_x, block);
    b.outer = s.n * s.groups;
    b.channels_outer = schedule.choice("order") == "n";
    const auto tiles = double(b.outer * tiles_x * b.c);
    Cost cost;
    cost.compute =
        tiles * cycles_of(tile, m, cost) +
        double(b.outer * tiles_x) * ragged_stores(m, s.k, tile_n, double(tile_m * tile_n));
    Reads reads{m, late(tile, m), cost.compute / double(b.rows * b.outer), preloads(schedule)};
    add_gemm_reads(s, b, tile_m, tile_n, reads);
    cost.traffic = reads.traffic;
    cost.waiting = reads.waiting;
    const std::string &parallel = schedule.choice("parallel");
    const int64_t tasks = parallel == "m" ? b.rows * b.outer : parallel == "n" ? b.c * s.groups : 1;
    return finished(cost, tasks, threads);
}

Cost matmul_cost(const Product &s, const Machine &m, const Schedule &schedule, int threads) {
    const int64_t tile_m = schedule.integer("tile_m"), tile_n = schedule.integer("tile_n");
    const int64_t vector = schedule.integer("vector");
    const SumTile tile{tile_m, tile_n / vector, vector, double(s.k), schedule.integer("unroll")};
    const int64_t rows = ceil_div(s.m, tile_m), columns = ceil_div(s.n, tile_n);
    const int64_t block = std::min(schedule.integer("block_m"), rows);
    const int64_t blocks = ceil_div(rows, block) * s.batches();
    const bool panel = schedule.choice("right") == "panel";
    Cost cost;
    double cycles = cycles_of(tile, m, cost);
    // Columns that do not lie side by side are gathered one by one.
    if (!panel && s.b[0] != 1)
        cycles += double(s.k * tile_n) * 2;
    cost.compute = double(rows * columns * s.batches()) * cycles;
    const double panel_bytes = 4.0 * double(s.k * tile_n), strip = 4.0 * double(s.k * tile_m);
    // Rows that lie apart, one short piece of each, use the cache's lines badly.
    const double scattered = panel ? 1 : 1.3;
    cost.traffic = scattered * double(blocks * columns * (block - 1)) *
                   stream_cycles(m, panel_bytes, panel_bytes + strip);
    cost.traffic += double(blocks * columns) * (panel_bytes + double(block) * strip / 4) / 8;
    if (panel)
        cost.staging = double(blocks * columns) * panel_bytes / (s.b[0] == 1 ? 16 : 3);
    return finished(cost, schedule.choice("parallel") == "m" ? blocks : 1, threads);
}

// ---- windows of one channel ----

// Of the time it takes to read pieces of pixels that lie apart: what the processor fetches ahead is
// another tile's.
constexpr double scattered_wait = 0.3;

// Of loading or storing an element of a vector whose elements do not lie side by side.
constexpr double element_cycles = 0.75;

// Inputs along an axis that the windows of a tile touch.
int64_t touched(int64_t tile, const Axis &a) {
    return std::min(tile * a.kernel, (tile - 1) * a.stride + a.dilation * (a.kernel - 1) + 1);
}

// Registers go to `cost`.
double window_tile_cycles(const Contraction &s, const Machine &m, const Schedule &schedule,
                          Cost &cost) {
    const Axis &x = s.axes[0], &y = s.axes[1];
    const int64_t tile_x = schedule.integer("tile_x"), tile_y = schedule.integer("tile_y");
    const int64_t tile_c = schedule.integer("tile_c"), vector = schedule.integer("vector");
    const bool along_x = schedule.choice("lanes") == "x";
    const int64_t planes = along_x ? tile_c : 1;
    const int64_t across =
        (along_x ? tile_x : tile_c) / vector * registers_per_vector(m, vector) * planes;
    const int64_t pixels = (along_x ? 1 : tile_x) * tile_y;
    // Neighbours share the input between their windows along channels only. A pool goes down the
    // columns first, which neighbours share too.
    const double inputs =
        double(across * s.axes[2].kernel *
               (along_x ? x.kernel * tile_y * y.kernel : touched(tile_x, x) * touched(tile_y, y)));
    const int64_t columns =
        s.depthwise() ? 0 : across * (along_x ? x.kernel : touched(tile_x, x)) * tile_y;
    const int64_t weights =
        s.depthwise() ? std::min<int64_t>(s.window(), 9) * (along_x ? planes : across) : 0;
    const double products = s.depthwise() ? double(across * pixels * s.window())
                                          : double(columns * y.kernel + across * pixels * x.kernel);
    // Half of the columns wait for a sum at a time.
    cost.registers = across * pixels + columns / 2 + weights + across + 1;
    cost.spilled = std::max<int64_t>(0, cost.registers - m.vector_registers);
    // Weights without a register are read where they are used; all else goes to the stack and back.
    const double kept = double(std::max<int64_t>(0, cost.spilled - weights));
    const size_t lane = along_x ? 1 : 4; // of strides
    const double apart =
        vector > 1 ? element_cycles * double(std::min<int64_t>(vector, m.lanes(4))) : 1;
    const double load = s.in[lane] == 1 ? 0.5 : apart, store = s.out[lane] == 1 ? 1 : apart;
    // The next tile begins while the last sums of this one are waited for.
    return std::max({products / m.fma_ports * (m.fma ? 1 : 2), load * inputs + double(weights) / 2,
                     double(s.window() * m.fma_latency) / 2}) +
           double(cost.spilled) + kept + store * double(across * pixels) + tile_entry / 2;
}

Cost window_cost(const Contraction &s, const Machine &m, const Schedule &schedule, int threads) {
    const Axis &x = s.axes[0], &y = s.axes[1];
    const int64_t tile_x = schedule.integer("tile_x"), tile_y = schedule.integer("tile_y");
    const int64_t tile_c = schedule.integer("tile_c");
    const bool along_x = schedule.choice("lanes") == "x";
    Cost cost;
    const double tile = window_tile_cycles(s, m, schedule, cost);
    const int64_t rows = schedule.integer("rows");
    const auto tiles = double(s.n * s.axes[2].out * ceil_div(x.out, tile_x) *
                              ceil_div(y.out, tile_y) * ceil_div(s.groups, tile_c));
    cost.compute = tiles * tile;
    const double in = 4.0 * double(s.n * s.groups * x.in * y.in * s.axes[2].in);
    const double out = 4.0 * double(s.groups * s.pixels());
    // Rows that windows share: those of a tile's channels, or, where a block has no other rows, of
    // all.
    const bool down = !along_x && tile_c < s.groups && rows > tile_y;
    const int64_t channels = along_x ? 1 : down ? tile_c : s.groups;
    double slab = 4.0 * double(x.in * y.kernel * channels);
    if (!along_x && crowds_sets(s, m))
        slab = std::max(slab, double(m.l1_bytes));
    cost.traffic = stream_cycles(
        m, in * std::max(0.0, double(y.kernel) / double(tile_y * y.stride) - 1), slab);
    const bool far = in + out > 0.75 * double(m.l2_bytes);
    if (down || (far && !along_x && tile_c < s.groups))
        cost.waiting = scattered_wait * stream_cycles(m, in, in + out);
    if (schedule.choice("border") == "stage" && s.staged()) {
        const int64_t blocks = ceil_div(y.out, rows) * s.n * s.axes[2].out;
        cost.staging = double(blocks * s.groups) * in_bytes(s, rows) / 12;
    } else if (s.staged()) {
        // Tiles that touch the border choose element by element.
        const double edge = std::min(1.0, 2.0 * double(tile_x) / double(x.out) +
                                              2.0 * double(tile_y) / double(y.out));
        cost.compute *= 1 + 0.5 * edge;
    }
    const std::string &parallel = schedule.choice("parallel");
    const int64_t tasks = parallel == "y"   ? ceil_div(y.out, rows) * s.n * s.axes[2].out
                          : parallel == "c" ? ceil_div(s.groups, tile_c)
                                            : 1;
    return finished(cost, tasks, threads);
}

// ---- element by element ----

Cost elements_cost(const Workload &w, const Machine &m, int64_t vector, double per_element,
                   int64_t tasks, int threads) {
    Cost cost;
    const auto elements = double(element_count(w.output.shape));
    const double wide = double(registers_per_vector(m, vector));
    cost.compute = elements / double(vector) * (wide * per_element + 0.5);
    const auto bytes = double(workload_bytes(w));
    cost.traffic = stream_cycles(m, bytes, bytes);
    return finished(cost, tasks, threads);
}

int64_t inner_extent(const Loops &loops) {
    return loops.extents.empty() ? 1 : loops.extents[0];
}

int64_t outer_tasks(const Loops &loops, int64_t vector, int64_t block) {
    int64_t tasks = ceil_div(ceil_div(inner_extent(loops), vector), block);
    for (size_t i = 1; i < loops.extents.size(); ++i)
        tasks *= loops.extents[i];
    return tasks;
}

Cost blocks_cost(const Workload &w, const Machine &m, const Schedule &schedule, const Loops &loops,
                 double per_element, int threads) {
    const int64_t vector = schedule.integer("vector");
    const bool parallel = schedule.choice("parallel") == "outer";
    const int64_t tasks = outer_tasks(loops, vector, schedule.integer("block"));
    return elements_cost(w, m, vector, per_element, parallel ? tasks : 1, threads);
}

Cost reduce_cost(const Workload &w, const Machine &m, const Schedule &schedule, int threads) {
    const Reduction r = reduction_of(w);
    const bool along_reduced = schedule.choice("along") == "reduced";
    const int64_t vector = schedule.integer("vector");
    double summands = 1;
    for (int64_t e : r.extents)
        summands *= double(e);
    const int64_t stride = along_reduced                ? (r.in.empty() ? 1 : r.in[0])
                           : r.kept.operands[0].empty() ? 1
                                                        : r.kept.operands[0][0];
    // Elements that lie apart are loaded one by one; sums along the vector end in one of its lanes.
    const double gather = stride == 1 ? 1 : double(vector);
    const double last = along_reduced ? 3 * std::log2(double(vector) + 1) : 0;
    const int64_t tasks = schedule.choice("parallel") == "outer"
                              ? outer_tasks(r.kept, along_reduced ? 1 : vector, 1)
                              : 1;
    Cost cost = elements_cost(w, m, vector, summands * gather, tasks, threads);
    cost.compute += double(element_count(w.output.shape)) * last;
    return finished(cost, tasks, threads);
}

} // namespace

Cost estimate_cost(const Workload &w, const Machine &m, const Schedule &schedule, int threads) {
    const std::string &family = schedule.family;
    if (family == "direct" || family == "small" || family == "planar")
        return row_blocks_cost(contraction_of(w), m, schedule, threads);
    if (family == "gemm")
        return gemm_cost(contraction_of(w), m, schedule, threads);
    if (family == "matmul")
        return matmul_cost(product_of(w), m, schedule, threads);
    if (family == "depthwise")
        return window_cost(contraction_of(w), m, schedule, threads);
    if (family == "pool")
        return window_cost(pooling_of(w), m, schedule, threads);
    if (family == "pointwise")
        return blocks_cost(w, m, schedule, pointwise_loops(w), 1, threads);
    if (family == "sample") {
        const Sampling s = sampling_of(w);
        return blocks_cost(w, m, schedule, s.loops, 2 * double(s.all_taps()), threads);
    }
    if (family == "reduce")
        return reduce_cost(w, m, schedule, threads);
    return estimate_gpu_cost(w, m, schedule);
}

} // namespace cnnc
