// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which order of dimensions suits a value, before it is decided where it lives.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/graph/workload.h"

#include <vector>

namespace cnnc {

// Images of fewer channels than this lie channels-first: a vector of channels would be mostly
// empty, while one of pixels along a row is full. Eight is half of the widest vector.
constexpr int64_t few_channels = 8;

// Dense views of every node's shape. Images lie channels-last (those of few channels
// channels-first), what linear layers and matrix products make or read lies in rows; reshapes and
// permutations look at what they read, and everything else follows its operands.
std::vector<TensorView> preferred_layouts(const Graph &graph);

// How an image lies that no operand says anything about.
TensorView image_layout(const TensorType &type);

} // namespace cnnc
