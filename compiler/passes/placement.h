// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decides where every stored value lives, so that as little as possible has to be copied.
//
// A value is placed, in this order of preference,
//   1. in the caller's memory, if it is an output (of several outputs, the first);
//   2. in a part of the value that a reader makes of it: its slice of a concatenation, or a flatten
//      or reshape that itself is placed by rule 1 or 2;
//   3. in a buffer of its own, channels-last (images of few channels: channels-first).
// Readers come first: nodes are walked from the last to the first.
#pragma once

#include "compiler/graph/kernel_graph.h"
#include "compiler/passes/fuse.h"

#include <optional>
#include <vector>

namespace cnnc {

// Images of fewer channels than this lie channels-first: a vector of channels would be mostly
// empty, while one of pixels along a row is full. Eight is half of the widest vector.
constexpr int64_t few_channels = 8;

// A stored value: its buffer, where in it, and how. `view.shape` is the node's shape.
struct Place {
    TensorRef ref;
    TensorView view;
};

// [begin, begin + extent) of one of its dimensions.
Place part(const Place &whole, size_t dim, int64_t begin, int64_t extent);

struct Placement {
    std::vector<Buffer> buffers; // inputs, outputs, then temporaries
    // Per node. Empty for values inside a kernel, for constants, and for reshapes that only look
    // at what they read (rule 3 makes no place for these).
    std::vector<std::optional<Place>> places;
    // Per node: the reader in whose place it is written (rule 2), or -1.
    std::vector<NodeId> written_into;
    std::vector<Place> outputs; // per output of the graph
};

Placement place_values(const Graph &graph, const Clusters &clusters);

} // namespace cnnc
