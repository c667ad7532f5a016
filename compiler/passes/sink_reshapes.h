// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Prepares flatten and reshape for form_kernels.
#pragma once

#include "compiler/graph/graph.h"

namespace cnnc {

// Moves a reshape behind the unary operators that are its only readers, so that these fuse into the
// kernel before it and a linear layer behind them reads through the reshape; and lets a reshape of
// a reshape read the original. Afterwards no Flatten or Reshape reads another.
[[nodiscard]] Graph sink_reshapes(Graph graph);

bool is_reshape(const Op &op);

} // namespace cnnc
