// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Families whose speed is bounded by loads and stores: depthwise convolution, pooling, pointwise
// kernels, sampling and reductions.
#include "schedules/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc {

namespace {

// ---- depthwise and pool: windows within a channel ----

int64_t tensor_bytes(const Contraction &s) {
    int64_t in = s.groups * s.n * s.axes[0].in * s.axes[1].in * s.axes[2].in;
    return 4 * (in + s.groups * s.pixels());
}

// Halide 14 reads vectors with a stride of 2 to 4 as dense ones that may start before the tensor,
// where borders make constants part of the address.
bool needs_scalars(const Contraction &s, bool along_x) {
    int64_t stride = s.in[along_x ? 1 : 4];
    return s.staged() && stride >= 2 && stride <= 4;
}

std::string window_constraint(const Contraction &s, const Machine &m, const Schedule &schedule) {
    int64_t vector = schedule.integer("vector"), rows = schedule.integer("rows");
    int64_t tile_c = schedule.integer("tile_c"), tile_x = schedule.integer("tile_x");
    bool along_x = schedule.choice("lanes") == "x";
    std::string problem = check_vector(m, vector);
    if (problem.empty())
        problem = along_x ? check_multiple("tile_x", tile_x, vector)
                          : check_multiple("tile_c", tile_c, vector);
    if (problem.empty())
        problem = check_extent("tile_c", tile_c, s.groups, "channels");
    if (problem.empty())
        problem = check_extent("tile_x", tile_x, s.axes[0].out, "pixels in a row");
    if (problem.empty())
        problem = check_rows(schedule.integer("tile_y"), rows, s.axes[1].out);
    if (problem.empty() && vector > 1 && needs_scalars(s, along_x))
        problem = "`vector` has to be 1: the input's elements lie 2 to 4 apart";
    // Overlapping tasks would compute what they share by different instructions.
    if (problem.empty() && schedule.choice("parallel") == "c" && s.groups % tile_c != 0)
        problem = fmt::format("`parallel` = c needs whole tiles, but {} channels are not a "
                              "multiple of `tile_c` = {}",
                              s.groups, tile_c);
    return problem;
}

// Widest even tile of at most `most` pixels: no pixel is computed twice, where that is possible.
int64_t even_tile(int64_t extent, int64_t most) {
    most = std::min(most, extent);
    for (int64_t tile = most; tile * 2 > most; --tile)
        if (extent % tile == 0)
            return tile;
    return most;
}

// The vectors of a tile go down all rows of a block before their neighbours': each line is read
// once, as long as the first cache keeps it for the rows below. Where it does not, or few rows
// want it again, all channels of a row come before the next row: the processor fetches ahead what
// is read in order.
bool row_by_row(const Contraction &s, const Machine &m) {
    const Axis &y = s.axes[1];
    return y.kernel < 2 * y.stride || crowds_sets(s, m);
}

// Vectors of channels beside one another in a tile. Memory is best read as it lies, and not a part
// of each pixel at a time. A pool does little else: as many as half of the registers hold.
// Depthwise convolution has weights of its own for each vector, which multiply-adds of AVX read
// where they lie: that is worth it for lines that are not kept, where they come from beyond the
// second cache. There whole pixels are best; where only a part comes from there, two lines, which
// processors fetch together.
int64_t vectors_across(const Contraction &s, const Machine &m, int64_t vector, bool weights) {
    constexpr int64_t pair = 128;
    if (vector < m.lanes(4) || s.groups % vector != 0 || (weights && m.vector_bytes < 32))
        return 1;
    int64_t most = m.vector_registers / 2;
    if (weights) {
        const int64_t pixel = 4 * s.groups, bytes = tensor_bytes(s);
        if (2 * bytes <= m.l2_bytes || !(row_by_row(s, m) || pixel <= pair))
            return 1;
        if (2 * bytes <= 3 * m.l2_bytes)
            return crowds_sets(s, m) && pixel % pair == 0 ? ceil_div(pair, 4 * vector) : 1;
        most -= 2;
    }
    int64_t all = s.groups / vector;
    most = std::min(all, most);
    while (all % most != 0)
        --most;
    return most;
}

// Pixels of a row in registers. A whole row needs no tiles of its own for the borders.
int64_t window_tile_x(const Contraction &s, const Machine &m, int64_t across, int64_t weights) {
    const int64_t row = s.axes[0].out, registers = m.vector_registers;
    if (across == 1 && weights > 0 && row + weights + 5 <= registers)
        return row;
    // Several vectors' weights are read where they are used.
    const int64_t room = (registers - (across == 1 ? weights : 0)) / 2 / across;
    return even_tile(row, std::clamp<int64_t>(room, across == 1 || weights > 0 ? 2 : 1, 8));
}

// A tile keeps the window's weights, its accumulators and the inputs it shares in registers.
Schedule window_model(std::string_view family, const Contraction &s, const Machine &m,
                      int64_t weights_in_registers) {
    // Vectors go along what lies side by side in the result.
    bool along_x = s.out[1] == 1 && s.axes[0].out > 1;
    int64_t vector = vector_within(along_x ? s.axes[0].out : s.groups, m.lanes(4));
    if (needs_scalars(s, along_x))
        vector = 1;
    int64_t across = along_x ? 1 : vectors_across(s, m, vector, weights_in_registers > 0);
    int64_t tile_c = along_x ? 1 : across * vector;
    int64_t tile_x = along_x ? vector : window_tile_x(s, m, across, weights_in_registers);
    const bool by_row = weights_in_registers > 0 && !along_x && (across > 1 || row_by_row(s, m));
    const bool threads = m.cores > 1 && tensor_bytes(s) > parallel_bytes;
    const int64_t all_rows = s.n * s.axes[1].out;
    int64_t rows = by_row ? 1 : s.axes[1].out;
    std::string parallel = "none";
    if (threads && all_rows >= (by_row ? 2 : 4) * m.cores) {
        rows = even_rows(rows, std::max<int64_t>(1, all_rows / (4 * m.cores)));
        parallel = "y";
    } else if (threads && s.groups % tile_c == 0 && s.groups / tile_c >= m.cores) {
        rows = s.axes[1].out;
        parallel = "c";
    }
    return {std::string(family),
            {{"tile_x", tile_x},
             {"tile_y", int64_t(1)},
             {"tile_c", tile_c},
             {"vector", vector},
             {"lanes", along_x ? "x" : "c"},
             {"rows", rows},
             {"border", "split"},
             {"parallel", parallel}}};
}

Contraction window_of(const Workload &w) {
    return std::holds_alternative<Conv>(w.anchor) ? contraction_of(w) : pooling_of(w);
}

// Pixels one by one, or vectors of them.
Values row_tiles(const Workload &w, const Machine &m) {
    int64_t extent = window_of(w).axes[0].out;
    Values values = even_splits(extent, m.vector_registers);
    for (int64_t v : channel_tiles(extent, m))
        values.push_back(v);
    return values;
}
Values row_counts(const Workload &w, const Machine &) {
    return even_splits(window_of(w).axes[1].out, 8);
}
Values block_heights(const Workload &w, const Machine &) {
    return even_splits(window_of(w).axes[1].out, 1 << 30);
}
// A vector of pixels leaves one channel, or few, to a tile.
Values channel_counts(const Workload &w, const Machine &m) {
    int64_t channels = window_of(w).groups;
    Values values = even_splits(channels, 4);
    for (int64_t v : channel_tiles(channels, m))
        values.push_back(v);
    return values;
}

std::vector<FamilyParam> window_params() {
    return {{"tile_x", 1, 64, {}, "output pixels of a row in registers", row_tiles},
            {"tile_y", 1, 8, {}, "output rows in registers", row_counts},
            {"tile_c", 1, 256, {}, "channels in registers", channel_counts},
            vector_param(),
            {"lanes", 0, 0, {"c", "x"}, "what a vector holds: channels, or pixels of a row"},
            {"rows", 1, 1 << 30, {}, "output rows of a block", block_heights},
            {"border",
             0,
             0,
             {"split", "stage"},
             "borders where they are read, in loops of their own, or staged in scratch memory"},
            parallel_param({"none", "y", "c"})};
}

bool depthwise_fits(const Workload &w) {
    return std::holds_alternative<Conv>(w.anchor) && contraction_of(w).depthwise();
}
std::string depthwise_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return window_constraint(contraction_of(w), m, schedule);
}
Schedule depthwise_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    return window_model("depthwise", s, m, std::min<int64_t>(s.window(), 9));
}

bool pool_fits(const Workload &w) {
    return std::holds_alternative<MaxPool>(w.anchor) || std::holds_alternative<AvgPool>(w.anchor);
}
std::string pool_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return window_constraint(pooling_of(w), m, schedule);
}
Schedule pool_model(const Workload &w, const Machine &m) {
    return window_model("pool", pooling_of(w), m, 0);
}

// ---- pointwise ----

bool is_pointwise(const Workload &w) {
    return std::holds_alternative<Unary>(w.anchor);
}

int64_t inner_extent(const Loops &loops) {
    return loops.extents.empty() ? 1 : loops.extents[0];
}

std::string elementwise_constraint(const Loops &loops, const Machine &m, const Schedule &schedule) {
    int64_t vector = schedule.integer("vector");
    std::string problem = check_vector(m, vector);
    if (problem.empty() && schedule.choice("parallel") == "outer")
        problem = check_overlap("block", inner_extent(loops), vector, schedule.integer("block"));
    return problem;
}

Schedule elementwise_model(std::string_view family, const Loops &loops, const Machine &m,
                           bool much_work) {
    int64_t inner = inner_extent(loops);
    int64_t vector = vector_within(inner, m.lanes(4));
    bool threads = m.cores > 1 && much_work;
    int64_t block = std::min<int64_t>(1 << 29, ceil_div(ceil_div(inner, vector), 4 * m.cores));
    while (!check_overlap("block", inner, vector, block).empty())
        ++block;
    return {std::string(family),
            {{"vector", vector}, {"block", block}, {"parallel", threads ? "outer" : "none"}}};
}

Values task_sizes(const Workload &w, const Machine &) {
    return round_numbers(std::min<int64_t>(1 << 29, element_count(w.output.shape)));
}

std::vector<FamilyParam> elementwise_params() {
    return {vector_param(),
            {"block",
             1,
             1 << 30,
             {},
             "vectors of the innermost loop that a parallel task takes",
             task_sizes},
            parallel_param({"none", "outer"})};
}

std::string pointwise_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return elementwise_constraint(pointwise_loops(w), m, schedule);
}

Schedule pointwise_model(const Workload &w, const Machine &m) {
    return elementwise_model("pointwise", pointwise_loops(w), m,
                             workload_bytes(w) > parallel_bytes);
}

// ---- sample ----

bool sample_fits(const Workload &w) {
    return std::holds_alternative<Sample>(w.anchor);
}

std::string sample_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    return elementwise_constraint(sampling_of(w).loops, m, schedule);
}

Schedule sample_model(const Workload &w, const Machine &m) {
    Sampling s = sampling_of(w);
    double taps = double(s.all_taps()) * double(element_count(w.output.shape));
    return elementwise_model("sample", s.loops, m,
                             workload_bytes(w) > parallel_bytes || taps > double(parallel_macs));
}

// ---- reduce ----

bool reduce_fits(const Workload &w) {
    return std::holds_alternative<Softmax>(w.anchor) || std::holds_alternative<Reduce>(w.anchor) ||
           std::holds_alternative<ArgReduce>(w.anchor) || std::holds_alternative<TopK>(w.anchor);
}

std::string reduce_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    int64_t vector = schedule.integer("vector");
    bool along_reduced = schedule.choice("along") == "reduced";
    if (along_reduced && std::holds_alternative<TopK>(w.anchor))
        return "`along` = reduced is not for topk";
    Reduction r = reduction_of(w);
    const std::vector<int64_t> &extents = along_reduced ? r.extents : r.kept.extents;
    std::string problem = check_vector(m, vector);
    if (problem.empty())
        problem = check_extent("vector", vector, extents.empty() ? 1 : extents[0], "elements");
    if (problem.empty() && !along_reduced && schedule.choice("parallel") == "outer")
        problem = check_overlap("vector", inner_extent(r.kept), vector, 1);
    return problem;
}

Schedule reduce_model(const Workload &w, const Machine &m) {
    Reduction r = reduction_of(w);
    int64_t kept = inner_extent(r.kept);
    int64_t reduced = r.extents.empty() ? 1 : r.extents[0];
    // Vectors go along the dimension whose elements lie side by side.
    bool kept_inner = !r.kept.operands[0].empty() && r.kept.operands[0][0] == 1;
    bool along_reduced = !std::holds_alternative<TopK>(w.anchor) && (!kept_inner || kept == 1);
    int64_t vector = vector_within(along_reduced ? reduced : kept, m.lanes(4));
    bool threads = m.cores > 1 && workload_bytes(w) > parallel_bytes &&
                   (along_reduced || check_overlap("vector", kept, vector, 1).empty());
    return {"reduce",
            {{"vector", vector},
             {"along", along_reduced ? "reduced" : "kept"},
             {"parallel", threads ? "outer" : "none"}}};
}

} // namespace

const Family &depthwise_family() {
    static const Family family = {
        "depthwise",          "convolution of each channel with a window of its own",
        window_params(),      depthwise_fits,
        depthwise_constraint, depthwise_model};
    return family;
}

const Family &pool_family() {
    static const Family family = {"pool",          "maximum or average over windows",
                                  window_params(), pool_fits,
                                  pool_constraint, pool_model};
    return family;
}

const Family &pointwise_family() {
    static const Family family = {"pointwise",          "element-by-element work and copies",
                                  elementwise_params(), is_pointwise,
                                  pointwise_constraint, pointwise_model};
    return family;
}

const Family &sample_family() {
    static const Family family = {"sample",
                                  "elements picked or blended by tables: resize, pad, tile",
                                  elementwise_params(),
                                  sample_fits,
                                  sample_constraint,
                                  sample_model};
    return family;
}

const Family &reduce_family() {
    static const Family family = {
        "reduce",
        "sums, means, maxima, their positions, top_k and softmax",
        {vector_param(),
         {"along", 0, 0, {"kept", "reduced"}, "the loop vectors go along"},
         parallel_param({"none", "outer"})},
        reduce_fits,
        reduce_constraint,
        reduce_model};
    return family;
}

} // namespace cnnc
