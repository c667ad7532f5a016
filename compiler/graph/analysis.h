// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Facts about a network that `summary` shows: receptive fields, parameters, work, activations.
#pragma once

#include "compiler/graph/graph.h"

#include <cstdint>
#include <vector>

namespace cnnc {

struct NodeFacts {
    // Per spatial dimension of the network's input: how many input positions one element depends on
    // (counting those in the padding, as the literature does), and how far apart in the input
    // neighbouring elements are. Behind a flatten they are those of the map that was flattened; a
    // linear layer sees all of it.
    std::vector<int64_t> receptive_field, jump;
    int64_t parameters = 0;
    int64_t multiply_adds = 0;
    int64_t activation_bytes = 0;
};

std::vector<NodeFacts> analyze(const Graph &graph);

// Elements of all params; one that several nodes share counts once.
int64_t parameter_count(const Graph &graph);

} // namespace cnnc
