// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The values of a network's inputs, from files or made up.
#pragma once

#include "compiler/driver/console.h"
#include "compiler/graph/graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// The value of every input, in the network's order, in the input's type: from `NAME=FILE` texts
// (.npy, PNG, JPEG). An input without a file is random if `seed` is given, else a Failure names it.
// Mistakes and what was done to a picture are shown on the console. Values are in the logical order
// of the shape, whatever the layout.
std::vector<TensorData> load_inputs(const Graph &graph, const std::vector<std::string> &files,
                                    const uint64_t *seed, Console &console);

// Random elements: f32 with mean 0 and variance 1, u8 and i8 of their whole range, i32 and i64 from
// -100 to 100, bools.
TensorData random_input(const TensorType &type, uint64_t seed, const std::string &name);

} // namespace cnnc
