// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One walk in topological order carries, per spatial dimension, receptive field and jump along.
#include "compiler/graph/analysis.h"

#include <algorithm>

namespace cnnc {
namespace {

// Fields and jumps stop growing here, so that no chain of layers makes them overflow.
constexpr int64_t largest_field = int64_t(1) << 40;

int64_t capped_product(int64_t a, int64_t b) {
    return b != 0 && a > largest_field / b ? largest_field : a * b;
}

int64_t capped_sum(int64_t a, int64_t b) {
    return std::min(a + b, largest_field);
}

// What one spatial dimension of a value knows about the input.
struct Axis {
    int64_t field = 1, jump = 1;
    int64_t extent = 1; // of the map; also behind a flatten
};
using Axes = std::vector<Axis>;

// A window of `span` neighbours, moved by `stride`.
void slide(Axis &axis, int64_t span, int64_t stride) {
    axis.field = capped_sum(axis.field, capped_product(span - 1, axis.jump));
    axis.jump = capped_product(axis.jump, stride);
}

// One element per map.
void cover(Axis &axis) {
    slide(axis, axis.extent, axis.extent);
    axis.extent = 1;
}

Axes spatial_axes(const Shape &shape) {
    Axes axes;
    for (size_t d = 2; d < shape.size(); d++)
        axes.push_back({1, 1, shape[d]});
    return axes;
}

// The largest field and jump among a node's operands.
Axes joined(const std::vector<Axes> &all, const Node &node) {
    Axes axes;
    for (NodeId input : node.inputs) {
        const Axes &operand = all[size_t(input)];
        axes.resize(std::max(axes.size(), operand.size()));
        for (size_t d = 0; d < operand.size(); d++) {
            axes[d].field = std::max(axes[d].field, operand[d].field);
            axes[d].jump = std::max(axes[d].jump, operand[d].jump);
            axes[d].extent = std::max(axes[d].extent, operand[d].extent);
        }
    }
    return axes;
}

void apply_window(Axes &axes, const std::vector<int64_t> &kernel,
                  const std::vector<int64_t> &stride, const std::vector<int64_t> &dilation) {
    for (size_t d = 0; d < kernel.size() && d < axes.size(); d++)
        slide(axes[d], capped_product(kernel[d] - 1, dilation.empty() ? 1 : dilation[d]) + 1,
              stride[d]);
}

void apply_softmax(Axes &axes, const Softmax &softmax, size_t rank) {
    if (rank > 2 && softmax.dim >= 2 && size_t(softmax.dim) - 2 < axes.size()) {
        Axis &axis = axes[size_t(softmax.dim) - 2];
        slide(axis, axis.extent, 1);
    } else if (rank <= 2) {
        std::for_each(axes.begin(), axes.end(), cover);
    }
}

Axes axes_of(const Graph &graph, NodeId id, const std::vector<Axes> &all) {
    const Node &node = graph[id];
    if (std::holds_alternative<Input>(node.op))
        return spatial_axes(node.type.shape);
    Axes axes = joined(all, node);
    match(
        node.op, [&](const Conv &c) { apply_window(axes, c.kernel, c.stride, c.dilation); },
        [&](const MaxPool &p) { apply_window(axes, p.kernel, p.stride, p.dilation); },
        [&](const AvgPool &p) { apply_window(axes, p.kernel, p.stride, {}); },
        [&](const GlobalAvgPool &) { std::for_each(axes.begin(), axes.end(), cover); },
        [&](const Linear &) {
            if (node.type.shape.size() <= 2)
                std::for_each(axes.begin(), axes.end(), cover);
        },
        [&](const Softmax &s) { apply_softmax(axes, s, node.type.shape.size()); },
        [](const auto &) {});
    for (size_t d = 2; d < node.type.shape.size() && d - 2 < axes.size(); d++)
        axes[d - 2].extent = node.type.shape[d];
    return axes;
}

} // namespace

std::vector<NodeFacts> analyze(const Graph &graph) {
    std::vector<NodeFacts> facts(graph.nodes.size());
    std::vector<Axes> axes(graph.nodes.size());
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        const Node &node = graph.nodes[n];
        axes[n] = axes_of(graph, NodeId(n), axes);
        for (const Axis &axis : axes[n]) {
            facts[n].receptive_field.push_back(axis.field);
            facts[n].jump.push_back(axis.jump);
        }
        for (ParamId param : node.params)
            facts[n].parameters += element_count(graph.params[size_t(param)].type.shape);
        facts[n].multiply_adds = multiply_adds(graph, NodeId(n));
        facts[n].activation_bytes =
            element_count(node.type.shape) * int64_t(dtype_bytes(node.type.dtype));
    }
    return facts;
}

int64_t parameter_count(const Graph &graph) {
    int64_t count = 0;
    for (const Param &param : graph.params)
        count += element_count(param.type.shape);
    return count;
}

} // namespace cnnc
