// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See sink_reshapes.h: one walk in topological order, then the dead reshapes are dropped.
#include "compiler/passes/sink_reshapes.h"

#include "compiler/passes/passes.h"

#include <utility>

namespace cnnc {
namespace {

// relu(flatten(x)) becomes flatten(relu(x)): the two nodes change places.
void swap_with_reshape(Graph &graph, NodeId reshape, NodeId unary) {
    Node &first = graph[reshape], &second = graph[unary];
    std::swap(first.op, second.op);
    std::swap(first.name, second.name);
    std::swap(first.span, second.span);
    first.type = graph[first.inputs[0]].type;
}

} // namespace

bool is_reshape(const Op &op) {
    return std::holds_alternative<Flatten>(op) || std::holds_alternative<Reshape>(op);
}

Graph sink_reshapes(Graph graph) {
    const auto readers = users(graph);
    std::vector<bool> is_output(graph.nodes.size());
    for (const Output &output : graph.outputs)
        is_output[size_t(output.node)] = true;

    for (size_t n = 0; n < graph.nodes.size(); n++) {
        Node &node = graph.nodes[n];
        if (node.inputs.empty() || !is_reshape(graph[node.inputs[0]].op))
            continue;
        const NodeId before = node.inputs[0];
        if (std::holds_alternative<Unary>(node.op)) {
            if (readers[size_t(before)].size() == 1 && !is_output[size_t(before)])
                swap_with_reshape(graph, before, NodeId(n));
        } else if (is_reshape(node.op)) {
            node.op = Reshape{node.type.shape};
            node.inputs[0] = graph[before].inputs[0];
        }
    }
    return remove_dead_code(remove_no_ops(std::move(graph)));
}

} // namespace cnnc
