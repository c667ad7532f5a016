// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random epilogues: every step, on every element type it works on.
//
// A result that jumps (a comparison, a rounding) may be compared with an oracle in double precision
// only where what comes before it is exact, and one that is steep (a logarithm, a quotient) only
// where its operand is; so the generator keeps track of that. Internal to random workloads.
#pragma once

#include "compiler/graph/workload.h"

#include <functional>
#include <random>

namespace cnnc {

// Makes a view of an operand of this element type that broadcasts to the output.
using OperandView = std::function<TensorView(DType)>;

// Appends up to `steps` steps and their operands, and sets the output's element type.
void add_random_epilogue(Workload &workload, int64_t steps, const OperandView &operand,
                         std::mt19937_64 &random);

} // namespace cnnc
