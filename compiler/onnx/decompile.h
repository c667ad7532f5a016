// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a graph to a .cnn text that a person would like to read: chains, only the arguments that say
// something, blocks for what repeats, loops where it repeats exactly.
#pragma once

#include "compiler/graph/graph.h"

#include <string>

namespace cnnc {

struct DecompileOptions {
    std::string origin; // where the network comes from, for the comment above it: "resnet50.onnx"
    bool blocks = true; // find blocks and loops
};

// The text elaborates to the same network (same_network): every parameter keeps its name, and the
// node it belongs to has the name of its weights' path. Nodes are reordered to read well, operators
// without weights are named anew. `graph` verifies.
std::string decompile(const Graph &graph, const DecompileOptions &options = {});

// Whether two graphs compute the same from the same parameters: equal inputs, outputs, operators
// and names of parameters, whatever the order of the nodes and the names of those without weights.
// Otherwise *why (if not null) tells the first difference.
bool same_network(const Graph &a, const Graph &b, std::string *why = nullptr);

// Names from which decompile() can tell the structure. Where layers are called by meaningless
// numbers ("Conv_193", "onnx.Conv_193"), residual blocks and branches are found by how data flows
// and become paths (block3.conv1). Of names that say something, those numbered in front and alike
// behind ("fire2_conv1", "fire3_conv1") become paths (fire2.conv1), the others stay.
Graph name_by_structure(Graph graph);

} // namespace cnnc
