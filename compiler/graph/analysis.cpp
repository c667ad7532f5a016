// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/analysis.h"

#include <algorithm>
#include <set>

namespace cnnc {
namespace {

int64_t bytes_of(const TensorType &type) {
    return element_count(type.shape) * int64_t(dtype_bytes(type.dtype));
}

// Numbers in the text are part of the code.
bool is_scalar_constant(const Node &node) {
    const auto *constant = std::get_if<Constant>(&node.op);
    return constant && constant->is_scalar();
}

int64_t bytes_moved(const Graph &graph, const Node &node) {
    if (node.inputs.empty())
        return 0;
    std::vector<NodeId> operands = node.inputs;
    std::sort(operands.begin(), operands.end());
    operands.erase(std::unique(operands.begin(), operands.end()), operands.end());
    int64_t bytes = bytes_of(node.type);
    for (const NodeId operand : operands)
        bytes += is_scalar_constant(graph[operand]) ? 0 : bytes_of(graph[operand].type);
    for (const ParamId param : node.params)
        bytes += bytes_of(graph.params[size_t(param)].type);
    return bytes;
}

// The params that training would change: not the statistics of a batch norm.
std::vector<ParamId> learned_params(const Graph &graph, const Node &node) {
    std::vector<TensorType> operands;
    for (const NodeId input : node.inputs)
        operands.push_back(graph[input].type);
    std::vector<ParamId> learned;
    const std::vector<ParamSpec> specs = param_types(node.op, operands);
    for (size_t i = 0; i < node.params.size(); i++)
        if (specs[i].role != "running_mean" && specs[i].role != "running_var")
            learned.push_back(node.params[i]);
    return learned;
}

} // namespace

std::vector<NodeFacts> analyze(const Graph &graph) {
    std::vector<NodeFacts> facts(graph.nodes.size());
    const auto fields = receptive_fields(graph);
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        const Node &node = graph.nodes[n];
        facts[n].fields = fields[n];
        for (ParamId param : learned_params(graph, node))
            facts[n].parameters += element_count(graph.params[size_t(param)].type.shape);
        facts[n].multiply_adds = multiply_adds(graph, NodeId(n));
        facts[n].activation_bytes = bytes_of(node.type);
        facts[n].bytes_moved = bytes_moved(graph, node);
    }
    return facts;
}

int64_t parameter_count(const Graph &graph) {
    std::set<ParamId> counted;
    int64_t count = 0;
    for (const Node &node : graph.nodes)
        for (ParamId param : learned_params(graph, node))
            if (counted.insert(param).second)
                count += element_count(graph.params[size_t(param)].type.shape);
    return count;
}

} // namespace cnnc
