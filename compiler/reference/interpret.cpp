// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The walk through a graph, and the nodes that only give a value.
#include "compiler/reference/interpret.h"

#include "compiler/reference/call.h"

#include <algorithm>
#include <cassert>

namespace cnnc {

namespace reference {

TensorD evaluate(const Constant &c, const Call &) {
    TensorD result = {c.type.shape, c.values};
    if (c.type.dtype == DType::f32) {
        for (double &value : result.values) {
            value = double(float(value));
        }
    }
    return result;
}

TensorD evaluate(const Parameter &, const Call &call) {
    return to_double(call.graph.params[size_t(call.node.params[0])].data);
}

TensorD evaluate(const Input &, const Call &) {
    assert(false && "inputs are given, not evaluated");
    return {};
}

} // namespace reference

namespace {

// For each node, the last one that reads it: itself if none does, past the end for an output.
std::vector<NodeId> last_uses(const Graph &graph) {
    std::vector<NodeId> last(graph.nodes.size());
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        last[size_t(id)] = id;
        for (NodeId input : graph[id].inputs) {
            last[size_t(input)] = id;
        }
    }
    for (const Output &output : graph.outputs) {
        last[size_t(output.node)] = NodeId(graph.nodes.size());
    }
    return last;
}

TensorD input_value(const Graph &graph, NodeId id, const std::vector<TensorData> &inputs) {
    const auto place = std::find(graph.inputs.begin(), graph.inputs.end(), id);
    const TensorData &data = inputs[size_t(place - graph.inputs.begin())];
    assert(data.type == graph[id].type);
    return to_double(data);
}

} // namespace

TensorD interpret_node(const Graph &graph, NodeId id,
                       const std::vector<const TensorD *> &operands) {
    const reference::Call call = {graph, graph[id], operands};
    return std::visit([&](const auto &op) { return reference::evaluate(op, call); }, call.node.op);
}

std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs,
                               const NodeVisitor &visit) {
    assert(inputs.size() == graph.inputs.size());
    const std::vector<NodeId> last = last_uses(graph);
    std::vector<TensorD> values(graph.nodes.size());
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        const Node &node = graph[id];
        std::vector<const TensorD *> operands;
        for (NodeId input : node.inputs) {
            operands.push_back(&values[size_t(input)]);
        }
        const bool is_input = std::holds_alternative<Input>(node.op);
        values[size_t(id)] =
            is_input ? input_value(graph, id, inputs) : interpret_node(graph, id, operands);
        if (visit) {
            visit(id, values[size_t(id)]);
        }
        for (NodeId used : node.inputs) {
            if (last[size_t(used)] == id) {
                values[size_t(used)] = {};
            }
        }
        if (last[size_t(id)] == id) {
            values[size_t(id)] = {};
        }
    }
    std::vector<TensorD> results;
    for (const Output &output : graph.outputs) {
        results.push_back(values[size_t(output.node)]);
    }
    return results;
}

std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs) {
    return interpret(graph, inputs, nullptr);
}

} // namespace cnnc
