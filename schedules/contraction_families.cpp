// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Families for convolution and linear layers.
#include "schedules/families.h"
#include "schedules/register_tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

int64_t weight_bytes(const Contraction &s) {
    return s.groups * s.k * s.c * s.window() * 4;
}

// Rows of a block, so that what is staged for it leaves room in the second cache: for the weights
// too where all of them fit, else as much as possible, since each block reads all weights again.
int64_t block_rows(const Contraction &s, const Machine &m) {
    const Axis &y = s.axes[1];
    int64_t row_bytes = std::max<int64_t>(1, input_row_bytes(s));
    int64_t budget = weight_bytes(s) <= m.l2_bytes / 2 ? m.l2_bytes / 4 : m.l2_bytes / 2;
    int64_t window = y.dilation * (y.kernel - 1);
    int64_t rows = (budget / row_bytes - window) / y.stride;
    return even_rows(y.out, std::max<int64_t>(1, rows));
}

bool worth_threads(const Contraction &s, const Machine &m) {
    return m.cores > 1 && s.macs() > parallel_macs;
}

// Threads take row blocks where there are enough for every core, else channel blocks.
std::string parallel_choice(const Contraction &s, const Machine &m, int64_t &rows, int64_t blocks) {
    if (!worth_threads(s, m))
        return "none";
    int64_t outer = s.n * s.groups * s.axes[2].out;
    int64_t wanted = 2 * m.cores;
    if (outer * s.axes[1].out >= 4 * wanted && weight_bytes(s) <= m.l2_bytes) {
        while (rows > 1 && outer * ceil_div(s.axes[1].out, rows) < wanted)
            rows = even_rows(s.axes[1].out, rows - 1);
        return "y";
    }
    if (s.groups * blocks >= m.cores)
        return "c";
    return outer * s.axes[1].out > 1 ? "y" : "none";
}

std::string check_tile(const Contraction &s, const Machine &m, std::string_view pixels_name,
                       std::string_view channels_name, int64_t pixels, int64_t channels,
                       int64_t vector) {
    std::string problem = check_vector(m, vector);
    if (problem.empty())
        problem = check_multiple(channels_name, channels, vector);
    if (problem.empty())
        problem = check_extent(pixels_name, pixels, s.axes[0].out, "pixels in a row");
    if (problem.empty() && channels > round_up(s.k, vector))
        problem = check_extent(channels_name, channels, round_up(s.k, vector), "channels");
    return problem;
}

// Threads take blocks of rows of all images as one loop. Where that loop has to tell the last,
// lower block of each image, Halide does not find the size of what is staged for tiles of several
// rows.
std::string check_blocks(const Contraction &s, int64_t tile_y, int64_t rows,
                         const std::string &parallel) {
    bool one_image = s.n * s.groups * s.axes[2].out == 1;
    if (parallel != "y" || one_image || tile_y == 1 || s.axes[1].out % rows == 0)
        return "";
    return fmt::format("`tile_y` is {}; with `parallel` = y and several images, blocks of {} rows "
                       "have to fill {}",
                       tile_y, rows, s.axes[1].out);
}

// Twenty to forty steps of a hot loop: longer than memory takes to answer.
constexpr int64_t prefetch_distance = 2048;

// Tiles of a block of channels above which its next block's weights are not worth fetching ahead:
// what the first tile waits is a small part by then, and a line's share of a tile a small part of
// it.
constexpr int64_t preloaded_passes = 64;

// Whether the next block's weights can come while a block's are multiplied `passes` times.
bool worth_preload(const Contraction &s, const Machine &m, int64_t channels, int64_t passes,
                   int64_t input_bytes) {
    const int64_t panel = channels * s.c * s.window() * 4;
    return s.k > channels && passes > 1 && passes <= preloaded_passes &&
           holds_next_panel(m, double(panel), double(input_bytes));
}

// Steps per iteration of the hot loop: counting them takes places from multiply-adds. What several
// steps load needs registers, half of them to be sure; where a multiply-add broadcasts from memory
// itself, it needs none.
int64_t steps_unrolled(const Contraction &s, const Machine &m, const RegisterTile &tile) {
    const bool free = m.memory_broadcast || 2 * tile.pixels * tile.vectors < m.vector_registers;
    return free ? std::min<int64_t>(s.c, 4) : tile.unroll;
}

// ---- direct ----

bool direct_fits(const Workload &w) {
    return is_contraction(w);
}

std::string direct_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    Contraction s = contraction_of(w);
    int64_t tile_y = schedule.integer("tile_y"), rows = schedule.integer("rows");
    std::string problem = check_tile(s, m, "tile_x", "tile_c", schedule.integer("tile_x"),
                                     schedule.integer("tile_c"), schedule.integer("vector"));
    if (problem.empty())
        problem = check_rows(tile_y, rows, s.axes[1].out);
    if (problem.empty())
        problem = check_blocks(s, tile_y, rows, schedule.choice("parallel"));
    if (problem.empty())
        problem = check_extent("unroll", schedule.integer("unroll"), s.c, "input channels");
    return problem;
}

Schedule direct_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    RegisterTile tile = best_tile(s, m);
    int64_t rows = block_rows(s, m);
    int64_t channels = tile.vectors * tile.vector;
    std::string parallel = parallel_choice(s, m, rows, ceil_div(s.k, channels));
    const bool preload = worth_preload(s, m, channels, rows * ceil_div(s.axes[0].out, tile.pixels),
                                       input_row_bytes(s) * input_rows(s, rows));
    return {"direct",
            {{"tile_x", tile.pixels},
             {"tile_y", int64_t(1)},
             {"tile_c", channels},
             {"vector", tile.vector},
             {"rows", rows},
             {"order", "c"},
             {"unroll", steps_unrolled(s, m, tile)},
             {"prefetch", prefetch_distance},
             {"preload", preload ? "block" : "none"},
             {"parallel", parallel}}};
}

// ---- small ----

bool small_fits(const Workload &w) {
    if (!std::holds_alternative<Conv>(w.anchor))
        return false;
    Contraction s = contraction_of(w);
    return s.c < 8 && s.groups == 1 && s.axes[0].kernel > 1;
}

std::string small_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    Contraction s = contraction_of(w);
    std::string problem = check_tile(s, m, "tile_x", "tile_c", schedule.integer("tile_x"),
                                     schedule.integer("tile_c"), schedule.integer("vector"));
    if (problem.empty())
        problem = check_extent("rows", schedule.integer("rows"), s.axes[1].out, "rows");
    if (problem.empty())
        problem = check_extent("unroll", schedule.integer("unroll"), s.axes[0].kernel,
                               "positions in a row of the window");
    return problem;
}

Schedule small_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    Machine crowded = m; // LLVM unrolls a row of the window, and loads further ahead
    crowded.spare_registers *= 2;
    RegisterTile tile = best_tile(s, crowded);
    int64_t rows = block_rows(s, m);
    int64_t channels = tile.vectors * tile.vector;
    std::string parallel = parallel_choice(s, m, rows, ceil_div(s.k, channels));
    return {"small",
            {{"tile_x", tile.pixels},
             {"tile_c", channels},
             {"vector", tile.vector},
             {"rows", rows},
             {"unroll", int64_t(1)},
             {"prefetch", prefetch_distance},
             {"parallel", parallel}}};
}

// ---- planar ----

// The roles of pixels and channels change places: vectors of pixels, broadcast weights.

bool planar_fits(const Workload &w) {
    if (!std::holds_alternative<Conv>(w.anchor))
        return false;
    Contraction s = contraction_of(w);
    return s.groups == 1 && s.out[1] == 1;
}

// Vectors of few channels would be part empty. But pixels of channels-last input have to be
// gathered into rows first, which only a window's work repays.
bool planar_preferred(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    return s.k < m.lanes(4) && (s.in[1] == 1 || s.window() > 1);
}

std::string planar_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    Contraction s = contraction_of(w);
    int64_t vector = schedule.integer("vector"), rows = schedule.integer("rows");
    int64_t tile_x = schedule.integer("tile_x");
    std::string problem = check_vector(m, vector);
    if (problem.empty())
        problem = check_multiple("tile_x", tile_x, vector);
    if (problem.empty())
        problem = check_extent("tile_x", tile_x, s.axes[0].out, "pixels in a row");
    if (problem.empty())
        problem = check_extent("tile_c", schedule.integer("tile_c"), s.k, "channels");
    if (problem.empty())
        problem = check_rows(schedule.integer("tile_y"), rows, s.axes[1].out);
    if (problem.empty())
        problem = check_blocks(s, schedule.integer("tile_y"), rows, schedule.choice("parallel"));
    if (problem.empty())
        problem = check_extent("unroll", schedule.integer("unroll"), s.axes[0].kernel,
                               "positions in a row of the window");
    return problem;
}

Schedule planar_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    int64_t vector = vector_within(s.axes[0].out, m.lanes(4));
    // One vector of each of a few channels and rows: as many accumulators as there are registers.
    int64_t registers = m.vector_registers - (m.fma ? 2 : 3) - m.spare_registers;
    int64_t blocks = ceil_div(s.k, std::min<int64_t>(s.k, registers / 2));
    int64_t channels = ceil_div(s.k, blocks);
    int64_t rows = block_rows(s, m);
    std::string parallel = parallel_choice(s, m, rows, blocks);
    // Twice the accumulators that hide the latency: more only crowds the registers.
    int64_t enough = 2 * m.fma_ports * m.fma_latency;
    int64_t tile_y = std::min({ceil_div(enough, channels), registers / (channels + 1), rows});
    tile_y = std::clamp<int64_t>(tile_y, 1, 8);
    while (!check_rows(tile_y, rows, s.axes[1].out).empty() ||
           !check_blocks(s, tile_y, rows, parallel).empty())
        --tile_y;
    while (rows % tile_y != 0)
        --tile_y;
    return {"planar",
            {{"tile_x", vector},
             {"tile_y", tile_y},
             {"tile_c", channels},
             {"vector", vector},
             {"rows", rows},
             {"unroll", int64_t(1)},
             {"parallel", parallel}}};
}

// ---- gemm ----

bool gemm_fits(const Workload &w) {
    if (!is_contraction(w))
        return false;
    Contraction s = contraction_of(w);
    return s.window() == 1 && !s.staged() && s.axes[1].out == 1 && s.axes[2].out == 1 &&
           s.axes[0].stride == 1;
}

std::string gemm_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    Contraction s = contraction_of(w);
    std::string problem = check_tile(s, m, "tile_m", "tile_n", schedule.integer("tile_m"),
                                     schedule.integer("tile_n"), schedule.integer("vector"));
    if (problem.empty())
        problem = check_extent("unroll", schedule.integer("unroll"), s.c, "input channels");
    if (problem.empty() && schedule.choice("parallel") == "m")
        problem = check_overlap("block_m", s.axes[0].out, schedule.integer("tile_m"),
                                schedule.integer("block_m"));
    return problem;
}

Schedule gemm_model(const Workload &w, const Machine &m) {
    Contraction s = contraction_of(w);
    RegisterTile tile = best_tile(s, m);
    int64_t tiles = ceil_div(s.axes[0].out, tile.pixels);
    int64_t channels = tile.vectors * tile.vector;
    int64_t blocks = ceil_div(s.k, channels);
    // The outer loop's operand is read once, the other once per iteration of it: keep the weights
    // inside where they stay in the second cache.
    bool preload = worth_preload(s, m, channels, tiles, 4 * s.axes[0].out * s.c);
    bool pixels_outer = !preload && weight_bytes(s) <= m.l2_bytes / 2;
    std::string parallel = "none";
    if (worth_threads(s, m))
        parallel = tiles >= 4 * m.cores && pixels_outer ? "m" : blocks >= m.cores ? "n" : "none";
    int64_t block = even_rows(tiles, parallel == "m" ? ceil_div(tiles, 4 * m.cores) : tiles);
    while (!check_overlap("block_m", s.axes[0].out, tile.pixels, block).empty())
        ++block;
    return {"gemm",
            {{"tile_m", tile.pixels},
             {"tile_n", channels},
             {"vector", tile.vector},
             {"block_m", block},
             {"order", pixels_outer ? "m" : "n"},
             {"unroll", steps_unrolled(s, m, tile)},
             {"prefetch", prefetch_distance},
             {"preload", preload ? "block" : "none"},
             {"parallel", parallel}}};
}

// ---- the search space ----

using ValuesOf = Values (*)(const Workload &, const Machine &);

// More pixels than registers would only spill.
Values row_pixels(const Workload &w, const Machine &m) {
    return even_splits(contraction_of(w).axes[0].out, m.vector_registers);
}
Values row_vectors(const Workload &w, const Machine &m) {
    return channel_tiles(contraction_of(w).axes[0].out, m);
}
Values tile_rows(const Workload &w, const Machine &) {
    return even_splits(contraction_of(w).axes[1].out, 8);
}
Values block_heights(const Workload &w, const Machine &) {
    return even_splits(contraction_of(w).axes[1].out, 1 << 30);
}
Values out_channels(const Workload &w, const Machine &m) {
    return channel_tiles(contraction_of(w).k, m);
}
Values single_channels(const Workload &w, const Machine &m) {
    return even_splits(contraction_of(w).k, m.vector_registers);
}
Values pixel_blocks(const Workload &w, const Machine &) {
    return round_numbers(contraction_of(w).axes[0].out);
}
Values channel_steps(const Workload &w, const Machine &) {
    return round_numbers(std::min<int64_t>(8, contraction_of(w).c));
}
Values window_steps(const Workload &w, const Machine &) {
    return even_splits(contraction_of(w).axes[0].kernel, 16);
}
Values prefetch_distances(const Workload &, const Machine &) {
    return {0, 1024, 2048};
}

FamilyParam prefetch_param() {
    return {"prefetch",
            0,
            65536,
            {},
            "bytes by which weights are asked for ahead; 0: not at all",
            prefetch_distances};
}

FamilyParam preload_param() {
    return {"preload",
            0,
            0,
            {"none", "block"},
            "whether the next channel block's weights are fetched while this one's are multiplied"};
}

FamilyParam tile_param(std::string_view name, int64_t most, std::string_view doc, ValuesOf values) {
    return {name, 1, most, {}, doc, values};
}

} // namespace

const Family &direct_family() {
    static const Family family = {
        "direct",
        "convolution with a register tile of output pixels by channel vectors",
        {tile_param("tile_x", 64, "output pixels of a row in registers", row_pixels),
         tile_param("tile_y", 8, "output rows in registers", tile_rows),
         tile_param("tile_c", 512, "output channels in registers; the block weights are packed in",
                    out_channels),
         vector_param(),
         tile_param("rows", 1 << 30,
                    "output rows of a block: its input is staged with borders at once",
                    block_heights),
         {"order", 0, 0, {"c", "y"}, "which loop of a block is outside: channel blocks or rows"},
         tile_param("unroll", 16, "input channels per iteration of the innermost loop",
                    channel_steps),
         prefetch_param(),
         preload_param(),
         parallel_param({"none", "y", "c"})},
        direct_fits,
        direct_constraint,
        direct_model,
    };
    return family;
}

const Family &small_family() {
    static const Family family = {
        "small",
        "convolution of few input channels: the innermost loop goes along the window's row",
        {tile_param("tile_x", 64, "output pixels of a row in registers", row_pixels),
         tile_param("tile_c", 512, "output channels in registers; the block weights are packed in",
                    out_channels),
         vector_param(),
         tile_param("rows", 1 << 30,
                    "output rows of a block: its input is staged with borders at once",
                    block_heights),
         tile_param("unroll", 16, "window positions per iteration of the innermost loop",
                    window_steps),
         prefetch_param(), parallel_param({"none", "y", "c"})},
        small_fits,
        small_constraint,
        small_model,
    };
    return family;
}

const Family &planar_family() {
    static const Family family = {
        "planar",
        "convolution into channels-first memory: vectors of pixels along a row",
        {tile_param("tile_x", 128, "output pixels of a row in registers", row_vectors),
         tile_param("tile_y", 8, "output rows in registers", tile_rows),
         tile_param("tile_c", 64, "output channels in registers; the block weights are packed in",
                    single_channels),
         vector_param(),
         tile_param("rows", 1 << 30,
                    "output rows of a block: its input is staged with borders at once",
                    block_heights),
         tile_param("unroll", 16, "window positions per iteration of the innermost loop",
                    window_steps),
         parallel_param({"none", "y", "c"})},
        planar_fits,
        planar_constraint,
        planar_model,
        planar_preferred,
    };
    return family;
}

const Family &gemm_family() {
    static const Family family = {
        "gemm",
        "1x1 convolution and linear layers as a matrix product",
        {tile_param("tile_m", 64, "pixels (rows) in registers", row_pixels),
         tile_param("tile_n", 512, "output channels in registers; the block weights are packed in",
                    out_channels),
         vector_param(),
         tile_param("block_m", 1 << 30, "pixel tiles of a block, which the outer loops go over",
                    pixel_blocks),
         {"order", 0, 0, {"m", "n"}, "which loop of a block is outside: pixels or channel blocks"},
         tile_param("unroll", 16, "input channels per iteration of the innermost loop",
                    channel_steps),
         prefetch_param(),
         preload_param(),
         parallel_param({"none", "m", "n"})},
        gemm_fits,
        gemm_constraint,
        gemm_model,
    };
    return family;
}

} // namespace cnnc
