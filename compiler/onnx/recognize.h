// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that exporters write as several others, found again: what people read should say what
// it means.
#pragma once

#include "compiler/graph/graph.h"

namespace cnnc {

// - reshape, permute, reshape that shuffle pixels or channels
// - slices of slices, along one dimension
// - x * sigmoid(x), x * hard_sigmoid(x), x * tanh(softplus(x))
// Only where nobody else reads what is in between, which is left without readers.
void recognize_operators(Graph &graph);

} // namespace cnnc
