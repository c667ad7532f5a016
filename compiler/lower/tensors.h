// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernel arguments as Halide images with every bound and stride a constant, and epilogues as
// expressions. Internal to compiler/lower.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/lower/halide.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// An input image whose dimension i has extent extents[i] and stride strides[i].
Halide::ImageParam image(const std::string &name, const std::vector<int64_t> &extents,
                         const std::vector<int64_t> &strides);
// Packed weights: dense, first dimension innermost, 64-byte aligned.
Halide::ImageParam packed_image(const std::string &name, const std::vector<int64_t> &extents);
// Fixes bounds and strides of a kernel's result, and of the loops that make it.
void fix_output(Halide::Func output, const std::vector<Halide::Var> &vars,
                const std::vector<int64_t> &extents, const std::vector<int64_t> &strides);

// One epilogue operand: the value at a point of the output.
using OperandAt = std::function<Halide::Expr(size_t operand)>;

// Applies the workload's epilogue to `value`. `operand(i)` reads Workload::inputs[i + 1].
Halide::Expr apply_epilogue(const Workload &workload, Halide::Expr value, const OperandAt &operand);

} // namespace cnnc
