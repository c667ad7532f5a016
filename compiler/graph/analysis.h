// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Facts about a network that `summary` shows: receptive fields, parameters, work, memory traffic.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/graph/receptive_field.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace cnnc {

struct NodeFacts {
    // Per spatial dimension of the network's input.
    std::vector<std::optional<ReceptiveField>> fields;
    int64_t parameters = 0; // learned: without the statistics of a batch norm
    int64_t multiply_adds = 0;
    int64_t activation_bytes = 0; // of the result
    // Operands, weights and result, each once: what has to move if nothing is fused.
    int64_t bytes_moved = 0;

    // Floating-point operations (two per multiply-add) per byte moved.
    double intensity() const {
        return bytes_moved ? 2.0 * double(multiply_adds) / double(bytes_moved) : 0;
    }
};

std::vector<NodeFacts> analyze(const Graph &graph);

// Elements of all learned params; one that several nodes share counts once.
int64_t parameter_count(const Graph &graph);

} // namespace cnnc
