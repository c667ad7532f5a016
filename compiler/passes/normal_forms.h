// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a workload has to look like (workload.h), piece by piece: operators, steps, and the views
// that kernels of one kind or another can read.
#pragma once

#include "compiler/graph/workload.h"

#include <optional>

namespace cnnc {

// Convolution and pooling, whose 1-D forms become 2-D.
bool is_spatial(const Op &op);
// A 1-D convolution or pooling as a 2-D one with H = 1.
Op as_2d(Op op);

// An elementwise operator as a step.
decltype(EpilogueStep::op) step_op(const Op &op);
// Whether the operands of a binary operator may change places.
bool commutes(const Op &op);

// Whether convolutions and pools can read a tensor like this: vectors of channels, or of pixels
// where channels are few.
bool is_image(const TensorView &view);

// A tensor as [rows, features...] with its leading dimensions joined to `rows` and the others to
// one if possible; nothing where no strides say that, or the features do not lie in runs.
std::optional<TensorView> split_rows(const TensorView &view, int64_t rows);

} // namespace cnnc
