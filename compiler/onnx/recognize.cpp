// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One walk in the nodes' order; each node may swallow those before it.
#include "compiler/onnx/recognize.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

using Dims = std::vector<int64_t>;

class Recognizer {
  public:
    explicit Recognizer(Graph &graph) : graph_(graph), readers_(graph.nodes.size()) {
        for (const Node &node : graph.nodes) {
            for (NodeId input : node.inputs)
                ++readers_[size_t(input)];
        }
        for (const Output &output : graph.outputs)
            ++readers_[size_t(output.node)];
    }

    void run() {
        for (NodeId id = 0; id < NodeId(graph_.nodes.size()); ++id) {
            if (std::holds_alternative<Reshape>(graph_[id].op))
                shuffle(id);
            else if (std::holds_alternative<Slice>(graph_[id].op))
                merge_slices(id);
            else if (const Binary *binary = std::get_if<Binary>(&graph_[id].op))
                gate(id, binary->kind);
        }
    }

  private:
    // The operator of a node's only operand, if it is an `Op` and nobody else reads it.
    template <typename Op>
    const Op *sole(NodeId id) const {
        const Node &node = graph_[id];
        bool only = node.inputs.size() == 1 && readers_[size_t(node.inputs[0])] == 1;
        return only ? std::get_if<Op>(&graph_[node.inputs[0]].op) : nullptr;
    }

    void become(NodeId id, Op op, NodeId operand) {
        Node &node = graph_[id];
        for (NodeId input : node.inputs)
            --readers_[size_t(input)];
        ++readers_[size_t(operand)];
        node.op = std::move(op);
        node.inputs = {operand};
    }

    void shuffle(NodeId id) {
        const Permute *permute = sole<Permute>(id);
        NodeId middle = permute ? graph_[id].inputs[0] : -1;
        if (!permute || !sole<Reshape>(middle))
            return;
        NodeId first = graph_[middle].inputs[0], x = graph_[first].inputs[0];
        const Shape &from = graph_[x].type.shape, &parts = graph_[first].type.shape;
        const Shape &to = graph_[id].type.shape;
        if (from.size() < 3 || to.size() != from.size() || parts.size() <= from.size() ||
            parts[0] != from[0] || to[0] != from[0])
            return;
        if (from.size() == 4 && permute->dims == Dims{0, 1, 4, 2, 5, 3})
            shuffle_pixels(id, x, from, parts, to);
        else if (from.size() == 4 && permute->dims == Dims{0, 1, 3, 5, 2, 4})
            unshuffle_pixels(id, x, from, parts, to);
        else if (from == to)
            shuffle_channels(id, x, permute->dims, parts);
    }

    void shuffle_pixels(NodeId id, NodeId x, const Shape &from, const Shape &parts,
                        const Shape &to) {
        int64_t r = parts[2];
        bool matches = parts == Shape{from[0], from[1] / (r * r), r, r, from[2], from[3]} &&
                       to == Shape{from[0], parts[1], from[2] * r, from[3] * r};
        if (matches && r > 1)
            become(id, PixelShuffle{r}, x);
    }

    void unshuffle_pixels(NodeId id, NodeId x, const Shape &from, const Shape &parts,
                          const Shape &to) {
        int64_t r = parts[3];
        bool matches = parts == Shape{from[0], from[1], from[2] / r, r, from[3] / r, r} &&
                       to == Shape{from[0], from[1] * r * r, from[2] / r, from[3] / r};
        if (matches && r > 1)
            become(id, PixelUnshuffle{r}, x);
    }

    void shuffle_channels(NodeId id, NodeId x, const Dims &dims, const Shape &parts) {
        const Shape &shape = graph_[x].type.shape;
        bool matches = parts.size() == shape.size() + 1 && dims[0] == 0 && dims[1] == 2 &&
                       dims[2] == 1 && std::is_sorted(dims.begin() + 3, dims.end()) &&
                       parts[1] * parts[2] == shape[1] &&
                       std::equal(shape.begin() + 2, shape.end(), parts.begin() + 3);
        if (matches && parts[1] > 1)
            become(id, ChannelShuffle{parts[1]}, x);
    }

    // Of one dimension: two dimensions read better one after the other.
    void merge_slices(NodeId id) {
        const Slice *inner = sole<Slice>(id);
        if (!inner)
            return;
        NodeId x = graph_[graph_[id].inputs[0]].inputs[0];
        const Shape &shape = graph_[x].type.shape;
        Slice merged = std::get<Slice>(graph_[id].op);
        int cut = 0;
        for (size_t d = 0; d < merged.starts.size(); ++d) {
            merged.starts[d] = inner->starts[d] + merged.starts[d] * inner->steps[d];
            merged.steps[d] = merged.extents[d] > 1 ? merged.steps[d] * inner->steps[d] : 1;
            cut += merged.extents[d] != shape[d] || merged.steps[d] != 1;
        }
        if (cut <= 1)
            become(id, merged, x);
    }

    // x times a function of x.
    void gate(NodeId id, BinaryKind kind) {
        if (kind != BinaryKind::mul)
            return;
        for (size_t i : {0, 1}) {
            NodeId x = graph_[id].inputs[i], function = graph_[id].inputs[1 - i];
            const Unary *unary = std::get_if<Unary>(&graph_[function].op);
            if (!unary || readers_[size_t(function)] != 1)
                continue;
            if (std::optional<UnaryKind> gated = gated_kind(*unary, function, x)) {
                become(id, Unary{*gated}, x);
                return;
            }
        }
    }

    std::optional<UnaryKind> gated_kind(const Unary &unary, NodeId function, NodeId x) const {
        bool direct = graph_[function].inputs[0] == x;
        if (direct && unary.kind == UnaryKind::sigmoid)
            return UnaryKind::silu;
        bool sixth = std::abs(unary.a - 1.0 / 6) < 1e-7 && unary.b == 0.5;
        if (direct && unary.kind == UnaryKind::hard_sigmoid && sixth)
            return UnaryKind::hard_swish;
        const Unary *inner = unary.kind == UnaryKind::tanh ? sole<Unary>(function) : nullptr;
        bool softplus = inner && inner->kind == UnaryKind::softplus && inner->a == 1;
        if (softplus && graph_[graph_[function].inputs[0]].inputs[0] == x)
            return UnaryKind::mish;
        return std::nullopt;
    }

    Graph &graph_;
    std::vector<int> readers_;
};

} // namespace

void recognize_operators(Graph &graph) {
    Recognizer(graph).run();
}

} // namespace cnnc
