// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tensors on their way in and out of a network: files, random values, the user's memory layouts.
#pragma once

#include "compiler/driver/console.h"
#include "compiler/graph/graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// The value of every input, in the network's order: from `NAME=FILE` texts (.npy, PNG, JPEG). An
// input without a file is random (mean 0, variance 1) if `seed` is given, else a Failure names it.
// Mistakes are shown on the console. Values are in the logical order of the shape, whatever the
// layout.
std::vector<TensorData> load_inputs(const Graph &graph, const std::vector<std::string> &files,
                                    const uint64_t *seed, Console &console);

// A dense block of the layout as a view of a tensor of this shape: strides in elements.
std::vector<int64_t> layout_strides(const Shape &shape, Layout layout);

// Copies f32 elements in the logical order to places given by strides, and back.
void scatter(const float *logical, const Shape &shape, const std::vector<int64_t> &strides,
             float *memory);
void gather(const float *memory, const Shape &shape, const std::vector<int64_t> &strides,
            float *logical);

} // namespace cnnc
