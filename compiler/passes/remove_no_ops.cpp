// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What changes nothing at inference vanishes: later passes need not look through it.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"

namespace cnnc {
namespace {

bool is_no_op(const Graph &graph, const Node &node) {
    auto keeps_type = [&] { return graph[node.inputs[0]].type == node.type; };
    return match(
        node.op,
        [](const Unary &u) {
            return u.kind == UnaryKind::identity || u.kind == UnaryKind::dropout;
        },
        [&](const Flatten &) { return keeps_type(); },
        [&](const Reshape &) { return keeps_type(); }, [](const auto &) { return false; });
}

} // namespace

Graph remove_no_ops(Graph graph) {
    Rewriter rewriter(graph);
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        const Node &node = graph.nodes[n];
        if (is_no_op(graph, node))
            rewriter.map(NodeId(n), rewriter.mapped(node.inputs[0]));
        else
            rewriter.copy(NodeId(n));
    }
    return rewriter.finish();
}

} // namespace cnnc
