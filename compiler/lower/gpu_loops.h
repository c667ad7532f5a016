// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What kernels for GPUs share: loops as blocks and threads, and sums in registers. Internal to
// compiler/lower.
#pragma once

#include "compiler/lower/lower.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// One loop over all of `vars` (innermost first, at least one).
Halide::Var fused(Halide::Func f, const std::vector<Halide::Var> &vars, const std::string &name);

// A thread for every `vector` elements along vars[0] (which it divides) and every point of the
// others, `threads` of them a block. Returns the loop over threads.
Halide::Var gpu_elementwise(Halide::Func f, std::vector<Halide::Var> vars,
                            const std::vector<int64_t> &extents, int vector, int threads);

// A stage that is computed by the threads of a block and stored in MemoryType::Register has storage
// of the whole block in every thread, who use their own elements only. This gives each thread just
// these, at constant places, so that they become registers. The stage's innermost dimensions are
// those of one thread; all others are dimensions of threads.
LoweredKernel with_sums_in_registers(LoweredKernel kernel);

} // namespace cnnc
