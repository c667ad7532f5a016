// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Drops what no output needs. The network's inputs stay: they are its interface.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"

namespace cnnc {

Graph remove_dead_code(Graph graph) {
    std::vector<bool> needed(graph.nodes.size());
    for (NodeId input : graph.inputs)
        needed[size_t(input)] = true;
    for (const Output &output : graph.outputs)
        needed[size_t(output.node)] = true;
    for (size_t n = graph.nodes.size(); n-- > 0;)
        if (needed[n])
            for (NodeId input : graph.nodes[n].inputs)
                needed[size_t(input)] = true;

    Rewriter rewriter(graph);
    for (size_t n = 0; n < graph.nodes.size(); n++)
        if (needed[n])
            rewriter.copy(NodeId(n));
    return rewriter.finish();
}

} // namespace cnnc
