// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Prepares operators that only move elements for form_kernels.
#pragma once

#include "compiler/graph/graph.h"

namespace cnnc {

// Moves views behind operators of one operand that alone read them, so that these fuse into the
// kernel before the view and a linear layer behind them reads through it. Views of one kind that
// read one another become one.
[[nodiscard]] Graph sink_movements(Graph graph);

// Whether the operator's result can be its operand under other strides: Reshape, Flatten, Permute,
// Slice, Expand.
bool is_view(const Op &op);

} // namespace cnnc
