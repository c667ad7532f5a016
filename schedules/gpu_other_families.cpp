// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The GPU's families whose speed is bounded by memory: depthwise convolution, pooling, pointwise
// kernels, sampling, reductions, and products of computed matrices.
//
// Memory is fast where the 32 threads of a warp read and write elements side by side; so a thread
// makes one element of what lies innermost, and warps cover it in order. There have to be enough
// threads to keep all of memory's requests in flight: blocks of 256, several a multiprocessor.
#include "schedules/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc {

namespace {

constexpr int64_t usual_threads = 256;

FamilyParam threads_param() {
    return {"threads", 1, 1024, {}, "threads of a block"};
}

int64_t product(const std::vector<int64_t> &extents) {
    int64_t all = 1;
    for (int64_t extent : extents)
        all *= extent;
    return all;
}

// Blocks small enough that every multiprocessor gets one, but of whole warps.
int64_t threads_for(const Gpu &gpu, int64_t points) {
    int64_t threads = usual_threads;
    while (threads > gpu.warp && ceil_div(points, threads) < gpu.multiprocessors)
        threads /= 2;
    return threads;
}

std::string check_gpu_vector(const Workload &w, int64_t vector, int64_t extent,
                             std::string_view what) {
    if (vector > 1 && !only_floats(w))
        return "`vector` has to be 1: not all values are f32";
    if (vector == 3)
        return "`vector` is 3, not a power of two";
    if (extent % vector != 0)
        return fmt::format("`vector` is {}, which does not divide the {} {}", vector, extent, what);
    return "";
}

FamilyParam gpu_vector_param() {
    return {"vector", 1, 4, {}, "elements that a thread makes at once"};
}

// ---- pointwise and sample ----

int64_t inner(const Loops &loops) {
    return loops.extents.empty() ? 1 : loops.extents[0];
}

std::string elementwise_constraint(const Workload &w, const Loops &loops, const Machine &m,
                                   const Schedule &schedule) {
    const Gpu &gpu = m.gpu.value();
    int64_t vector = schedule.integer("vector"), threads = schedule.integer("threads");
    std::string problem = check_gpu_vector(w, vector, inner(loops), "elements");
    if (problem.empty())
        problem = check_gpu_threads(gpu, threads);
    if (problem.empty())
        problem = check_gpu_blocks(gpu, ceil_div(product(loops.extents) / vector, threads));
    return problem;
}

Schedule elementwise_model(std::string_view family, const Loops &loops, const Machine &m) {
    return {
        std::string(family),
        {{"vector", int64_t(1)}, {"threads", threads_for(m.gpu.value(), product(loops.extents))}}};
}

bool pointwise_fits(const Workload &w) {
    return std::holds_alternative<Unary>(w.anchor);
}
std::string pointwise_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return elementwise_constraint(w, pointwise_loops(w), m, schedule);
}
Schedule pointwise_model(const Workload &w, const Machine &m) {
    return elementwise_model("gpu_pointwise", pointwise_loops(w), m);
}

bool sample_fits(const Workload &w) {
    return std::holds_alternative<Sample>(w.anchor);
}
std::string sample_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return elementwise_constraint(w, sampling_of(w).loops, m, schedule);
}
Schedule sample_model(const Workload &w, const Machine &m) {
    return elementwise_model("gpu_sample", sampling_of(w).loops, m);
}

// ---- depthwise and pool ----

int64_t window_points(const Contraction &s, int64_t tile_x, int64_t vector) {
    return s.n * s.axes[2].out * s.axes[1].out * ceil_div(s.axes[0].out, tile_x) * s.groups /
           vector;
}

std::string window_constraint(const Workload &w, const Contraction &s, const Machine &m,
                              const Schedule &schedule) {
    const Gpu &gpu = m.gpu.value();
    int64_t vector = schedule.integer("vector"), tile_x = schedule.integer("tile_x");
    int64_t threads = schedule.integer("threads");
    bool along_x = schedule.choice("lanes") == "x";
    std::string problem = check_extent("tile_x", tile_x, s.axes[0].out, "pixels in a row");
    if (problem.empty() && along_x && vector != 1)
        problem = "`vector` is for `lanes` = c";
    if (problem.empty())
        problem = check_gpu_vector(w, vector, s.groups, "channels");
    if (problem.empty())
        problem = check_gpu_threads(gpu, threads);
    // Sums, and the input under them that stays for the next window position.
    if (problem.empty())
        problem = check_gpu_registers(gpu, 4 * tile_x * vector + 32, threads);
    if (problem.empty())
        problem = check_gpu_blocks(gpu, ceil_div(window_points(s, tile_x, vector), threads));
    return problem;
}

// Neighbouring pixels of a thread share what they read, as long as enough threads are left.
Schedule window_model(std::string_view family, const Contraction &s, const Machine &m) {
    const Gpu &gpu = m.gpu.value();
    bool along_x = s.out[4] != 1 && s.out[1] == 1;
    int64_t tile_x = 1;
    for (int64_t tile : {2, 4})
        if (!along_x && s.axes[0].kernel > s.axes[0].stride && s.axes[0].out % tile == 0 &&
            window_points(s, tile, 1) >= gpu.multiprocessors * gpu.threads_per_multiprocessor)
            tile_x = tile;
    return {std::string(family),
            {{"tile_x", tile_x},
             {"vector", int64_t(1)},
             {"lanes", along_x ? "x" : "c"},
             {"threads", threads_for(gpu, window_points(s, tile_x, 1))}}};
}

std::vector<FamilyParam> window_params() {
    return {{"tile_x", 1, 8, {}, "output pixels of a row in a thread's registers"},
            gpu_vector_param(),
            {"lanes", 0, 0, {"c", "x"}, "what neighbouring threads make: channels, or pixels"},
            threads_param()};
}

bool depthwise_fits(const Workload &w) {
    return std::holds_alternative<Conv>(w.anchor) && contraction_of(w).depthwise();
}
std::string depthwise_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return window_constraint(w, contraction_of(w), m, schedule);
}
Schedule depthwise_model(const Workload &w, const Machine &m) {
    return window_model("gpu_depthwise", contraction_of(w), m);
}

bool pool_fits(const Workload &w) {
    return std::holds_alternative<MaxPool>(w.anchor) || std::holds_alternative<AvgPool>(w.anchor);
}
std::string pool_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return window_constraint(w, pooling_of(w), m, schedule);
}
Schedule pool_model(const Workload &w, const Machine &m) {
    return window_model("gpu_pool", pooling_of(w), m);
}

// ---- reduce ----

bool reduce_fits(const Workload &w) {
    return std::holds_alternative<Softmax>(w.anchor) || std::holds_alternative<Reduce>(w.anchor) ||
           std::holds_alternative<ArgReduce>(w.anchor) || std::holds_alternative<TopK>(w.anchor);
}

int64_t inner_reduced(const Reduction &r) {
    return r.extents.empty() ? 1 : r.extents[0];
}

// What one thread leaves in shared memory, all stages of halving together; softmax has two folds.
int64_t shared_per_lane(const Workload &w) {
    if (std::holds_alternative<ArgReduce>(w.anchor))
        return 2 * (dtype_bytes(w.inputs[0].dtype) + 4);
    return 2 * dtype_bytes(w.inputs[0].dtype) * (std::holds_alternative<Softmax>(w.anchor) ? 2 : 1);
}

// Places for what all of top_k's threads find, the last block's idle ones included.
int64_t topk_places(const Workload &w, int64_t points, int64_t rows) {
    const auto *top = std::get_if<TopK>(&w.anchor);
    return top ? round_up(points, std::min(rows, points)) * top->k : 0;
}

std::string reduce_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    const Gpu &gpu = m.gpu.value();
    const Reduction r = reduction_of(w);
    int64_t lanes = schedule.integer("lanes"), rows = schedule.integer("rows");
    if (lanes > 1 && std::holds_alternative<TopK>(w.anchor))
        return "`lanes` is 1 for topk";
    if ((lanes & (lanes - 1)) != 0)
        return fmt::format("`lanes` is {}, not a power of two", lanes);
    std::string problem = check_extent("lanes", lanes, inner_reduced(r), "elements");
    if (problem.empty() && lanes > 1 && inner(r.kept) % rows != 0)
        problem = fmt::format("`rows` is {}, which does not divide {}", rows, inner(r.kept));
    if (problem.empty())
        problem = check_gpu_threads(gpu, lanes * rows);
    if (problem.empty())
        problem = check_gpu_shared(gpu, lanes > 1 ? lanes * rows * shared_per_lane(w) : 0);
    if (problem.empty())
        problem = check_gpu_blocks(gpu, ceil_div(product(r.kept.extents), rows));
    if (problem.empty() && topk_places(w, product(r.kept.extents), rows) > gpu.most_elements)
        problem = fmt::format("`rows` is {}: more threads than there is memory for", rows);
    return problem;
}

// Threads share the work where there are too few rows to keep the machine busy, or where the
// elements of a row lie side by side, so that the threads of a warp should read them together.
Schedule reduce_model(const Workload &w, const Machine &m) {
    const Gpu &gpu = m.gpu.value();
    const Reduction r = reduction_of(w);
    int64_t points = product(r.kept.extents), reduced = inner_reduced(r);
    const auto &strides = r.kept.operands[0];
    bool kept_inner = !strides.empty() && strides[0] == 1;
    int64_t lanes = 1;
    while (
        !std::holds_alternative<TopK>(w.anchor) && lanes * 2 <= std::min<int64_t>(256, reduced) &&
        ((!kept_inner && lanes < gpu.warp) || points * lanes < gpu.multiprocessors * usual_threads))
        lanes *= 2;
    int64_t rows = threads_for(gpu, points);
    while (rows > 1 && topk_places(w, points, rows) > gpu.most_elements)
        rows /= 2;
    if (lanes > 1) {
        int64_t most = std::max<int64_t>(1, usual_threads / lanes);
        rows = 1;
        while (rows * 2 <= most && inner(r.kept) % (rows * 2) == 0 &&
               points / (rows * 2) >= gpu.multiprocessors)
            rows *= 2;
        while (kept_inner && rows < 8 && lanes * rows * 2 <= gpu.threads_per_block &&
               inner(r.kept) % (rows * 2) == 0)
            rows *= 2;
    }
    return {"gpu_reduce",
            {{"lanes", lanes}, {"rows", rows}, {"inner", kept_inner ? "kept" : "reduced"}}};
}

} // namespace

std::string check_gpu_threads(const Gpu &gpu, int64_t threads) {
    if (threads <= gpu.threads_per_block)
        return "";
    return fmt::format("{} threads in a block; the GPU takes {}", threads, gpu.threads_per_block);
}

std::string check_gpu_shared(const Gpu &gpu, int64_t bytes) {
    if (bytes <= gpu.shared_bytes)
        return "";
    return fmt::format("{} bytes of shared memory; a block has {}", bytes, gpu.shared_bytes);
}

std::string check_gpu_registers(const Gpu &gpu, int64_t registers, int64_t threads) {
    if (registers > gpu.registers_per_thread)
        return fmt::format("some {} registers; a thread has {}", registers,
                           gpu.registers_per_thread);
    // They are given out to whole warps, eight a thread at a time.
    int64_t all = round_up(registers, 8) * round_up(threads, gpu.warp);
    if (all <= gpu.registers_per_block)
        return "";
    return fmt::format("{} threads of some {} registers; a block has {}", threads, registers,
                       gpu.registers_per_block);
}

std::string check_gpu_results(const Gpu &gpu, int64_t results) {
    if (results <= gpu.most_elements)
        return "";
    return fmt::format("{} results with those of ragged tiles; kernels address {}", results,
                       gpu.most_elements);
}

std::string check_gpu_blocks(const Gpu &gpu, int64_t blocks) {
    if (blocks <= gpu.most_blocks[0])
        return "";
    return fmt::format("{} blocks; the GPU takes {}", blocks, gpu.most_blocks[0]);
}

const Family &gpu_pointwise_family() {
    static const Family family = {"gpu_pointwise",
                                  "element-by-element work and copies",
                                  {gpu_vector_param(), threads_param()},
                                  pointwise_fits,
                                  pointwise_constraint,
                                  pointwise_model,
                                  nullptr,
                                  true};
    return family;
}

const Family &gpu_sample_family() {
    static const Family family = {"gpu_sample",
                                  "elements picked or blended by tables: resize, pad, tile",
                                  {gpu_vector_param(), threads_param()},
                                  sample_fits,
                                  sample_constraint,
                                  sample_model,
                                  nullptr,
                                  true};
    return family;
}

const Family &gpu_depthwise_family() {
    static const Family family = {"gpu_depthwise",
                                  "convolution of each channel with a window of its own",
                                  window_params(),
                                  depthwise_fits,
                                  depthwise_constraint,
                                  depthwise_model,
                                  nullptr,
                                  true};
    return family;
}

const Family &gpu_pool_family() {
    static const Family family = {"gpu_pool",      "maximum or average over windows",
                                  window_params(), pool_fits,
                                  pool_constraint, pool_model,
                                  nullptr,         true};
    return family;
}

const Family &gpu_reduce_family() {
    static const Family family = {
        "gpu_reduce",
        "sums, means, maxima, their positions, top_k and softmax",
        {{"lanes", 1, 1024, {}, "threads that share a row's work; a power of two"},
         {"rows", 1, 1024, {}, "rows of a block; with `lanes` = 1 its threads"},
         {"inner",
          0,
          0,
          {"kept", "reduced"},
          "what neighbouring threads read: elements of different rows, or of one"}},
        reduce_fits,
        reduce_constraint,
        reduce_model,
        nullptr,
        true};
    return family;
}

} // namespace cnnc
