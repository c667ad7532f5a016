// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Products of two computed matrices.
#include "schedules/families.h"
#include "schedules/register_tile.h"

#include <algorithm>

namespace cnnc {

namespace {

struct MatmulTile {
    int64_t rows = 1, columns = 1, vector = 1;
    double cycles = 0;
};

// Whole tiles only: the last ones overlap those before them.
MatmulTile best_tile(const Product &s, const Machine &m) {
    MatmulTile best;
    int64_t lanes = vector_within(s.n, m.lanes(4));
    int64_t spare = (m.fma ? 1 : 2) + m.spare_registers;
    for (int64_t vectors = 1; vectors <= std::min<int64_t>(8, s.n / lanes); ++vectors) {
        int64_t most = std::max<int64_t>(1, (m.vector_registers - vectors - spare) / vectors);
        for (int64_t rows = 1; rows <= std::min(most, s.m); ++rows) {
            double tiles = double(ceil_div(s.m, rows)) * double(ceil_div(s.n, vectors * lanes));
            double cycles =
                tiles * tile_cycles(m, rows, vectors, lanes, {double(s.k), s.m > rows, false});
            if (best.cycles == 0 || cycles < best.cycles * 0.999)
                best = {rows, vectors * lanes, lanes, cycles};
        }
    }
    return best;
}

bool matmul_fits(const Workload &w) {
    return std::holds_alternative<MatMul>(w.anchor);
}

std::string matmul_constraint(const Workload &w, const Machine &m, const Schedule &schedule) {
    Product s = product_of(w);
    int64_t vector = schedule.integer("vector"), tile_n = schedule.integer("tile_n");
    int64_t tile_m = schedule.integer("tile_m");
    std::string problem = check_vector(m, vector);
    if (problem.empty())
        problem = check_multiple("tile_n", tile_n, vector);
    if (problem.empty())
        problem = check_extent("tile_n", tile_n, s.n, "columns");
    if (problem.empty())
        problem = check_extent("tile_m", tile_m, s.m, "rows");
    if (problem.empty())
        problem = check_extent("unroll", schedule.integer("unroll"), s.k, "products in a sum");
    if (problem.empty() && schedule.choice("parallel") == "m")
        problem = check_overlap("block_m", s.m, tile_m, schedule.integer("block_m"));
    return problem;
}

Schedule matmul_model(const Workload &w, const Machine &m) {
    Product s = product_of(w);
    MatmulTile tile = best_tile(s, m);
    int64_t tiles = ceil_div(s.m, tile.rows);
    bool threads = m.cores > 1 && workload_macs(w) > parallel_macs;
    // Each block copies its own panels, which some tiles have to repay.
    int64_t parts = threads ? ceil_div(4 * m.cores, s.batches()) : 1;
    int64_t block = even_rows(tiles, std::max<int64_t>(6, ceil_div(tiles, parts)));
    while (threads && !check_overlap("block_m", s.m, tile.rows, block).empty())
        ++block;
    // A panel that only a tile or two read is not worth copying.
    bool panel = s.b[0] != 1 || tiles > 2;
    return {"matmul",
            {{"tile_m", tile.rows},
             {"tile_n", tile.columns},
             {"vector", tile.vector},
             {"block_m", block},
             {"right", panel ? "panel" : "direct"},
             {"unroll", std::min<int64_t>(s.k, tile.rows * tile.columns < 8 * tile.vector ? 4 : 1)},
             {"parallel", threads ? "m" : "none"}}};
}

Values rows_in_registers(const Workload &w, const Machine &m) {
    return even_splits(product_of(w).m, m.vector_registers);
}
Values columns_in_registers(const Workload &w, const Machine &m) {
    return channel_tiles(product_of(w).n, m);
}
Values row_blocks(const Workload &w, const Machine &) {
    return round_numbers(product_of(w).m);
}
Values summands(const Workload &w, const Machine &) {
    return round_numbers(std::min<int64_t>(8, product_of(w).k));
}

} // namespace

const Family &matmul_family() {
    static const Family family = {
        "matmul",
        "product of two computed matrices",
        {{"tile_m", 1, 64, {}, "rows in registers", rows_in_registers},
         {"tile_n", 1, 512, {}, "columns in registers", columns_in_registers},
         vector_param(),
         {"block_m",
          1,
          1 << 30,
          {},
          "tiles of rows that share a panel of the right operand",
          row_blocks},
         {"right",
          0,
          0,
          {"panel", "direct"},
          "the right operand: copied into panels of tile_n columns, or read where it lies"},
         {"unroll", 1, 16, {}, "products per iteration of the innermost loop", summands},
         parallel_param({"none", "m"})},
        matmul_fits,
        matmul_constraint,
        matmul_model};
    return family;
}

} // namespace cnnc
