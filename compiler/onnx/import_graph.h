// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Importing the nodes of a graph, the model's or a subgraph.
#pragma once

#include "compiler/onnx/onnx_node.h"

namespace cnnc {

// Initializers, then the nodes that the outputs depend on. `scope` has the graph's inputs already.
// The outputs' values are in `scope` then; false if something is wrong with the graph as a whole.
bool import_nodes(ImportState &state, Scope &scope, const pb::GraphProto &graph,
                  const std::string &prefix);

// A graph that stands in another one and reads its values: the values of its outputs.
std::optional<std::vector<Result>> import_subgraph(ImportState &state, const Scope &outer,
                                                   const pb::GraphProto &graph,
                                                   const std::string &prefix);

} // namespace cnnc
