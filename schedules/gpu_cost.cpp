// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/gpu_cost.h"

#include "schedules/families.h"
#include "schedules/gpu_tile.h"
#include "schedules/shape.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

Cost gpu_tile_cost(const Contraction &s, const Machine &m, const Schedule &schedule, bool weights) {
    const GpuTile tile = gpu_tile(s, schedule);
    Cost cost;
    cost.registers = tile.registers(s);
    cost.spilled = std::max<int64_t>(0, cost.registers - m.gpu->registers_per_thread);
    cost.compute = gpu_tile_cycles(s, *m.gpu, tile, weights);
    // Neighbouring threads that store to places apart: a transaction each.
    const bool apart = s.out[tile.lanes_x ? 1 : 0] != 1;
    cost.traffic = apart ? double(s.groups * s.k * s.pixels()) / double(m.gpu->multiprocessors) : 0;
    cost.cycles = cost.compute + cost.traffic;
    return cost;
}

// Families of threads without shared work: warps that are part empty, and too few of them.
Cost gpu_threads_cost(const Workload &w, const Machine &m, const Schedule &schedule) {
    const int64_t threads = schedule.integer("threads");
    const double warps = double(ceil_div(threads, 32));
    const double useful = double(threads) / (32 * warps);
    const double resident = std::min(64.0, 16 * warps); // 16 blocks of a multiprocessor
    Cost cost;
    cost.compute = double(element_count(w.output.shape)) / double(32 * m.gpu->multiprocessors) /
                   useful / std::min(1.0, resident / 32);
    cost.cycles = cost.compute;
    return cost;
}

// Warps that a multiprocessor has at a time, against those that hide memory's latency.
double hidden_latency(const Gpu &gpu, double blocks, int64_t threads) {
    const double warps = double(ceil_div(threads, gpu.warp));
    const double of_one = std::ceil(blocks / double(gpu.multiprocessors));
    const double resident =
        std::min({of_one, double(gpu.blocks_per_multiprocessor),
                  std::floor(double(gpu.threads_per_multiprocessor) / (warps * gpu.warp))});
    return std::min(1.0, std::max(1.0, resident) * warps / 8);
}

// Barriers of the halving, a block after the other.
double halving_cycles(const Gpu &gpu, double blocks, int64_t threads, int64_t sharers) {
    const double at_once = double(gpu.threads_per_multiprocessor) / double(round_up(threads, 32));
    return std::ceil(blocks / double(gpu.multiprocessors)) / std::max(1.0, std::floor(at_once)) *
           40 * std::log2(double(sharers));
}

// Every pixel reads all weights, most from the second cache; only channels side by side share what
// a warp fetches at once.
Cost gpu_split_cost(const Contraction &s, const Machine &m, const Schedule &schedule) {
    const Gpu &gpu = *m.gpu;
    const int64_t threads_c = schedule.integer("threads_c"), split = schedule.integer("split");
    const int64_t threads = threads_c * split;
    const double blocks = double(s.pixels() * s.groups) * double(ceil_div(s.k, threads_c));
    // Rounds that the slowest thread of each block goes through, whole warps of them at a time.
    const double steps = double(ceil_div(s.c, split) * s.window());
    const double warps = double(ceil_div(threads, gpu.warp));
    const double of_one = std::ceil(blocks / double(gpu.multiprocessors));
    // 32 bytes at least come for each row of channels.
    const double fetched = double(std::max<int64_t>(8, threads_c) * split) * 4;
    Cost cost;
    // Some five instructions a product; four warps start one in a cycle.
    cost.compute = of_one * steps * warps * 5 / 4;
    cost.traffic = of_one * steps * fetched / 16 / hidden_latency(gpu, blocks, threads);
    cost.staging = halving_cycles(gpu, blocks, threads, split);
    cost.cycles = std::max(cost.compute, cost.traffic) + cost.staging;
    return cost;
}

// Bounded by reading what is reduced. Neighbouring threads that read places apart fetch 32 bytes
// for each element.
Cost gpu_reduce_cost(const Workload &w, const Machine &m, const Schedule &schedule) {
    const Gpu &gpu = *m.gpu;
    const Reduction r = reduction_of(w);
    const int64_t lanes = schedule.integer("lanes"), rows = schedule.integer("rows");
    const int64_t threads = lanes * rows;
    double points = 1, summands = 1;
    for (int64_t e : r.kept.extents)
        points *= double(e);
    for (int64_t e : r.extents)
        summands *= double(e);
    const int64_t along = r.extents.empty() ? 1 : r.extents[0];
    // The last round of a row's lanes is part empty.
    summands *= double(round_up(along, lanes)) / double(along);
    const bool by_rows = lanes == 1 || schedule.choice("inner") == "kept";
    const std::vector<int64_t> &strides = by_rows ? r.kept.operands[0] : r.in;
    const bool together = strides.empty() || strides[0] <= 1;
    const int64_t neighbours = by_rows ? rows : lanes;
    const double apart = together ? std::max(1.0, 8.0 / double(neighbours)) : 8;
    const double blocks = std::ceil(points / double(rows));
    const double passes = std::holds_alternative<TopK>(w.anchor)      ? double(r.result)
                          : std::holds_alternative<Softmax>(w.anchor) ? 3
                                                                      : 1;
    Cost cost;
    cost.traffic = points * summands * passes * 4 * apart / (16.0 * gpu.multiprocessors) /
                   hidden_latency(gpu, blocks, threads);
    // The slowest thread: what it reads comes one after the other.
    cost.compute = summands * passes / double(lanes) * 4;
    cost.staging = halving_cycles(gpu, blocks, threads, lanes);
    cost.cycles = std::max(cost.compute, cost.traffic) + cost.staging;
    return cost;
}

} // namespace

Cost estimate_gpu_cost(const Workload &w, const Machine &m, const Schedule &schedule) {
    const std::string &family = schedule.family;
    if (family == "gpu_direct")
        return gpu_tile_cost(contraction_of(w), m, schedule,
                             schedule.choice("weights") == "shared");
    if (family == "gpu_matmul")
        return gpu_tile_cost(contraction_like(product_of(w)), m, schedule, true);
    if (family == "gpu_split")
        return gpu_split_cost(contraction_of(w), m, schedule);
    if (family == "gpu_reduce")
        return gpu_reduce_cost(w, m, schedule);
    return gpu_threads_cost(w, m, schedule);
}

} // namespace cnnc
