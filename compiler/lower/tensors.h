// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernel arguments as Halide images with every bound and stride a constant. Internal to
// compiler/lower.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/lower/epilogue.h"
#include "compiler/lower/halide.h"

#include <string>
#include <vector>

namespace cnnc {

// A tensor in memory. A bool is a byte there.
struct Image {
    Halide::ImageParam param;
    DType dtype = DType::f32;

    // The element at a point, as a value (a bool of type UInt(1)).
    Halide::Expr operator()(const std::vector<Halide::Expr> &at) const;
};

// An input whose dimension i has extent extents[i] and stride strides[i].
Image image(const std::string &name, DType dtype, const std::vector<int64_t> &extents,
            const std::vector<int64_t> &strides);
// Packed weights: dense f32, first dimension innermost, 64-byte aligned.
Halide::ImageParam packed_image(const std::string &name, const std::vector<int64_t> &extents);
// A value as it is stored: a bool as a byte.
Halide::Expr stored(const Halide::Expr &value);
// Fixes bounds and strides of a kernel's result, and of the loops that make it.
void fix_output(Halide::Func output, const std::vector<Halide::Var> &vars,
                const std::vector<int64_t> &extents, const std::vector<int64_t> &strides);

} // namespace cnnc
