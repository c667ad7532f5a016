// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is computed twice from the same values is computed once.
#include "compiler/graph/registry.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unordered_map>

namespace cnnc {
namespace {

// Writing out larger constants would cost more than merging them saves.
constexpr size_t max_constant = 4096;

// Equal for nodes that compute the same, unless empty.
std::string key_of(const Graph &graph, const Node &node, const std::vector<NodeId> &inputs) {
    if (std::holds_alternative<Input>(node.op))
        return "";
    if (const auto *constant = std::get_if<Constant>(&node.op))
        return constant->values.size() > max_constant
                   ? ""
                   : fmt::format("{} {}", type_text(node.type), fmt::join(constant->values, " "));
    std::vector<TensorType> operands;
    for (NodeId input : node.inputs)
        operands.push_back(graph[input].type);
    return fmt::format("{} {} ({}) ({})", op_name(node.op, operands),
                       fmt::join(argument_texts(node.op), ", "), fmt::join(inputs, ", "),
                       fmt::join(node.params, ", "));
}

} // namespace

Graph merge_equal(Graph graph) {
    Rewriter rewriter(graph);
    std::unordered_map<std::string, NodeId> known;
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        const Node &node = graph.nodes[n];
        std::vector<NodeId> inputs;
        for (NodeId input : node.inputs)
            inputs.push_back(rewriter.mapped(input));
        const std::string key = key_of(graph, node, inputs);
        auto found = known.find(key);
        if (!key.empty() && found != known.end()) {
            rewriter.map(NodeId(n), found->second);
            continue;
        }
        rewriter.copy(NodeId(n));
        known[key] = rewriter.mapped(NodeId(n));
    }
    return rewriter.finish();
}

} // namespace cnnc
