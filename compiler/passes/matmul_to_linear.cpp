// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A product with a constant matrix is a linear layer, whose weights are packed when the network is
// compiled.
#include "compiler/passes/constants.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <optional>

namespace cnnc {
namespace {

TensorData transpose(const TensorData &data) {
    const int64_t rows = data.type.shape[0], columns = data.type.shape[1];
    std::vector<float> values(size_t(rows * columns));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            values[size_t(j * rows + i)] = data.floats()[i * columns + j];
    return TensorData::from_floats({columns, rows}, std::move(values));
}

// The constant [K, N] matrix that a node is, in [N, K] order; undefined data where there is none.
// Looks through the transposition of a weight in PyTorch's order.
std::optional<TensorData> constant_matrix(const Graph &graph, NodeId id) {
    const Node &node = graph[id];
    if (node.type.shape.size() != 2)
        return std::nullopt;
    if (const auto *constant = std::get_if<Constant>(&node.op))
        return transpose(encode(constant->type, constant->values));
    if (std::holds_alternative<Parameter>(node.op)) {
        const Param &param = graph.params[size_t(node.params[0])];
        return param.data.defined() ? transpose(param.data) : TensorData{};
    }
    const bool transposes =
        std::holds_alternative<Permute>(node.op) && std::get<Permute>(node.op).dims[0] == 1;
    if (!transposes || !std::holds_alternative<Parameter>(graph[node.inputs[0]].op))
        return std::nullopt;
    return graph.params[size_t(graph[node.inputs[0]].params[0])].data;
}

} // namespace

Graph matmul_to_linear(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        if (!std::holds_alternative<MatMul>(r.node().op))
            return false;
        const auto weight = constant_matrix(r.old_graph(), r.node().inputs[1]);
        if (!weight)
            return false;
        const int64_t features = r.node().type.shape.back();
        r.finish(r.layer(Linear{features, false}, r.input(0), r.node().name, {*weight}, ""));
        return true;
    });
}

} // namespace cnnc
