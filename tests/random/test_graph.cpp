// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/random/test_graph.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace cnnc {

NodeId TestGraph::push(Op op, TensorType type, const std::string &name) {
    Node node;
    node.op = std::move(op);
    node.type = std::move(type);
    node.name = name;
    graph_.nodes.push_back(std::move(node));
    return NodeId(graph_.nodes.size()) - 1;
}

NodeId TestGraph::input(const std::string &name, Shape shape, Layout layout, DType dtype) {
    const NodeId id = push(Input{layout}, {dtype, std::move(shape)}, name);
    graph_.inputs.push_back(id);
    return id;
}

NodeId TestGraph::constant(Constant value) {
    const TensorType type = value.type;
    return push(std::move(value), type, fmt::format("constant.{}", constants_++));
}

std::optional<NodeId> TestGraph::try_add(Op op, std::vector<NodeId> operands,
                                         const std::string &name, int64_t max_elements) {
    std::vector<TensorType> types;
    for (NodeId operand : operands) {
        types.push_back(graph_[operand].type);
    }
    Diagnostics diags;
    const std::optional<TensorType> type = infer_type(op, types, {}, diags);
    if (!type || element_count(type->shape) > max_elements) {
        return std::nullopt;
    }
    const NodeId id = push(std::move(op), *type, name);
    Node &node = graph_[id];
    node.inputs = std::move(operands);
    for (const ParamSpec &spec : param_types(node.op, types)) {
        const std::string suffix = spec.role.empty() ? "" : "." + spec.role;
        node.params.push_back(ParamId(graph_.params.size()));
        graph_.params.push_back({name + suffix, spec.type, {}, {}});
    }
    return id;
}

NodeId TestGraph::add(Op op, std::vector<NodeId> operands, const std::string &name) {
    const std::optional<NodeId> id =
        try_add(std::move(op), std::move(operands), name, cnnc::max_elements);
    if (!id) {
        fmt::print(stderr, "the test's node `{}` does not fit its operands\n", name);
        std::abort();
    }
    return *id;
}

NodeId TestGraph::add_shared(NodeId like, std::vector<NodeId> operands, const std::string &name) {
    Node node = graph_[like];
    node.inputs = std::move(operands);
    node.name = name;
    graph_.nodes.push_back(std::move(node));
    return NodeId(graph_.nodes.size()) - 1;
}

void TestGraph::output(const std::string &name, NodeId node, Layout layout) {
    graph_.outputs.push_back({name, node, layout, {}});
}

namespace {

std::vector<int64_t> each(int spatial_rank, int64_t value) {
    return std::vector<int64_t>(size_t(spatial_rank), value);
}

} // namespace

Conv conv(int spatial_rank, int64_t out_channels, int64_t kernel, int64_t stride, int64_t padding,
          int64_t groups, bool bias) {
    const auto all = [&](int64_t value) { return each(spatial_rank, value); };
    return {out_channels, all(kernel), all(stride), all(padding),
            all(padding), all(1),      groups,      bias};
}

MaxPool max_pool(int spatial_rank, int64_t kernel, int64_t stride, int64_t padding) {
    const auto all = [&](int64_t value) { return each(spatial_rank, value); };
    return {all(kernel), all(stride), all(padding), all(padding), all(1), false};
}

AvgPool avg_pool(int spatial_rank, int64_t kernel, int64_t stride, int64_t padding) {
    const auto all = [&](int64_t value) { return each(spatial_rank, value); };
    return {all(kernel), all(stride), all(padding), all(padding), false, true};
}

} // namespace cnnc
