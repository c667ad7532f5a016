// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The declarations of single families, and what their models share. Internal to schedules/.
#pragma once

#include "schedules/family.h"
#include "schedules/shape.h"

#include <string>
#include <vector>

namespace cnnc {

const Family &direct_family();
const Family &small_family();
const Family &planar_family();
const Family &gemm_family();
const Family &depthwise_family();
const Family &pool_family();
const Family &pointwise_family();
const Family &sample_family();
const Family &matmul_family();
const Family &reduce_family();

const Family &gpu_split_family();
const Family &gpu_direct_family();
const Family &gpu_matmul_family();
const Family &gpu_depthwise_family();
const Family &gpu_pool_family();
const Family &gpu_pointwise_family();
const Family &gpu_sample_family();
const Family &gpu_reduce_family();

// What a search may try (FamilyParam::values).
using Values = std::vector<int64_t>;
// Whole divisions of an extent into even parts, and those rounded up: tiles and blocks that leave
// little over. At most `most`.
Values even_splits(int64_t extent, int64_t most);
// Powers of two, and three halves of them, up to `most`.
Values round_numbers(int64_t most);
// One to eight vectors of the machine's width or half of it, and what an extent below that needs.
Values channel_tiles(int64_t extent, const Machine &machine);
Values vector_widths(const Workload &workload, const Machine &machine);

// Parameters that several families have.
FamilyParam vector_param();
FamilyParam parallel_param(std::vector<std::string_view> choices);

// Below this much work a parallel loop costs more than it saves: waking a sleeping thread takes
// some 5 us, and in 20 us one core does about this many multiply-adds, or moves as many bytes.
constexpr int64_t parallel_macs = 2'000'000;
constexpr int64_t parallel_bytes = 1 << 20;

// The smallest power of two that holds `extent`, at most `limit`: a vector for channels whose
// weights are padded.
int64_t vector_for(int64_t extent, int64_t limit);
// The largest power of two within both: a vector for loops over memory that nobody padded, which
// must not read beyond it.
int64_t vector_within(int64_t extent, int64_t limit);

// Rows per block such that the blocks are even and at most `most` rows high.
int64_t even_rows(int64_t extent, int64_t most);

// Whether what a window's rows read of one vector of channels crowds in few sets of the first
// cache, so that its lines drive one another out: pixels lie apart by a multiple of a large power
// of two.
bool crowds_sets(const Contraction &window, const Machine &machine);

// Constraints that several families share; each returns "" or what is wrong.
std::string check_vector(const Machine &machine, int64_t vector);
std::string check_multiple(std::string_view name, int64_t value, int64_t vector);
// Whole tiles in every block of rows, the last one included.
std::string check_rows(int64_t tile_y, int64_t rows, int64_t extent);
// Where tiles do not fill a loop, the last overlaps the one before it. Blocks of tiles that go to
// different threads must not part the two: both would write the same results, to the last bit only
// if the compiler treated both alike.
std::string check_overlap(std::string_view name, int64_t extent, int64_t tile, int64_t block);
std::string check_extent(std::string_view name, int64_t value, int64_t extent,
                         std::string_view what);

// What a GPU would only report when a kernel is launched; each returns "" or what is wrong.
// Registers are an estimate.
std::string check_gpu_threads(const Gpu &gpu, int64_t threads);
std::string check_gpu_shared(const Gpu &gpu, int64_t bytes);
std::string check_gpu_registers(const Gpu &gpu, int64_t registers, int64_t threads);
std::string check_gpu_blocks(const Gpu &gpu, int64_t blocks);
std::string check_gpu_results(const Gpu &gpu, int64_t results);

} // namespace cnnc
