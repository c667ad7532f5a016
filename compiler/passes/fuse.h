// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decides which nodes make up one kernel, and in which order kernels run.
#pragma once

#include "compiler/passes/constants.h"

#include <string>
#include <vector>

namespace cnnc {

// The nodes of one kernel: its anchor, then the elementwise nodes of its epilogue, each reading the
// one before. Every value but the last one's is read by the next node alone and never stored.
struct Cluster {
    std::vector<NodeId> nodes;
    std::vector<std::string> notes; // what was fused and why, or why not

    NodeId anchor() const { return nodes.front(); }
    NodeId result() const { return nodes.back(); }
};

struct Clusters {
    std::vector<Cluster> clusters;
    std::vector<int> of_node; // per node its cluster; -1: input, constant, view, concat
    // Anchors of clusters, and views and concats, in an order in which everything is there
    // before it is read: that of the text where that works.
    std::vector<NodeId> order;
};

// The graph must hold core operators only.
Clusters fuse(const Graph &graph);

bool is_elementwise(const Op &op);
// Extents in front of the last one are rows to a linear layer.
bool is_row_wise(const Graph &graph, NodeId anchor);

} // namespace cnnc
