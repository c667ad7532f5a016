// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Small random networks for property tests: every operator, odd shapes and channel counts,
// branches, broadcasting, shared weights, several inputs and outputs.
#pragma once

#include "compiler/graph/graph.h"

#include <cstdint>
#include <vector>

namespace cnnc {

// Which operators: the classic ones of convolutional networks, all f32, or all of them.
enum class Variety : uint8_t { classic, all };

struct RandomGraphOptions {
    int operators = 12;           // at most; fewer where nothing fits any more
    int spatial_rank = 0;         // 1 to 3; 0: chosen at random
    int64_t max_elements = 20000; // of any tensor
    bool channels_last = true;    // some inputs and outputs are NHWC
    bool shared_weights = true;   // some layers use the weights of another
    Variety variety = Variety::classic;
};

// Equal seeds give equal graphs. The graph verifies, every param has data, and interpreting it on
// random_inputs() gives finite values of moderate size. Whatever is discrete in it (comparisons,
// positions, integers) comes out the same whether floats are computed in f32 or in double.
Graph random_graph(uint64_t seed, const RandomGraphOptions &options = {});

// Data for every input of a graph: floats with mean 0 and variance 1, u8 and i8 over their whole
// range, integers from -128 to 128.
std::vector<TensorData> random_inputs(const Graph &graph, uint64_t seed);

} // namespace cnnc
