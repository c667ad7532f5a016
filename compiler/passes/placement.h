// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decides where every stored value lives, so that as little as possible has to be copied.
//
// A value is placed, in this order of preference,
//   1. in the caller's memory, if it is an output (of several outputs, the first);
//   2. in a part of the value that a reader makes of it: its slice of a concatenation, or a reshape
//      or permutation that itself has a place;
//   3. in a buffer of its own, in the order that layouts.h proposes. A view has none but where a
//      reshape of a permutation needs a copy unless its operand is written as that needs it.
// Readers come first: nodes are walked from the last to the first.
#pragma once

#include "compiler/graph/kernel_graph.h"
#include "compiler/passes/fuse.h"

#include <optional>
#include <vector>

namespace cnnc {

// A stored value: its buffer, where in it, and how. `view.shape` is the node's shape.
struct Place {
    TensorRef ref;
    TensorView view;
};

// [begin, begin + extent) of one of its dimensions.
Place part(const Place &whole, size_t dim, int64_t begin, int64_t extent);

struct Placement {
    std::vector<Buffer> buffers; // inputs, outputs, then temporaries
    // Per node. Empty for values inside a kernel, for constants, and for views that only look at
    // what they read.
    std::vector<std::optional<Place>> places;
    // Per node: the reader in whose place it is written (rule 2), or -1.
    std::vector<NodeId> written_into;
    std::vector<Place> outputs; // per output of the graph
};

Placement place_values(const Graph &graph, const Clusters &clusters,
                       const std::vector<TensorView> &layouts);

} // namespace cnnc
