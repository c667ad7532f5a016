// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See layouts.h: one walk in topological order.
#include "compiler/passes/layouts.h"

#include "compiler/passes/constants.h"
#include "compiler/passes/sink_movements.h"
#include "compiler/passes/views.h"

#include <algorithm>

namespace cnnc {
namespace {

// Few channels, and rows long enough for vectors.
bool is_planar(const Shape &shape) {
    return shape.size() >= 4 && shape[1] < few_channels && shape.back() >= few_channels;
}

class Layouts {
  public:
    explicit Layouts(const Graph &graph)
        : graph_(graph), users_(users(graph)), is_known_(graph.nodes.size()) {}

    std::vector<TensorView> run() {
        for (const Node &node : graph_.nodes)
            add(NodeId(views_.size()), node);
        return std::move(views_);
    }

  private:
    void add(NodeId id, const Node &node) {
        views_.push_back(image_layout(node.type));
        if (std::holds_alternative<Linear>(node.op) || std::holds_alternative<MatMul>(node.op))
            set(id, row_major(node.type.dtype, node.type.shape));
        else if (is_view(node.op))
            look_at_operand(id, node);
        else if (!is_image_operator(node.op))
            follow_operands(id, node);
        if (!is_known_[size_t(id)] && is_read_as_rows(id))
            set(id, row_major(node.type.dtype, node.type.shape));
    }

    void set(NodeId id, TensorView view) {
        views_[size_t(id)] = std::move(view);
        is_known_[size_t(id)] = true;
    }

    static bool is_image_operator(const Op &op) {
        return std::holds_alternative<Conv>(op) || std::holds_alternative<MaxPool>(op) ||
               std::holds_alternative<AvgPool>(op);
    }

    void look_at_operand(NodeId id, const Node &node) {
        const NodeId input = node.inputs[0];
        auto part = view_through(node.op, views_[size_t(input)], node.type.shape);
        if (!part)
            return;
        if (is_known_[size_t(input)] || std::holds_alternative<Permute>(node.op))
            set(id, dense_like(part->view, node.type.shape));
    }

    void follow_operands(NodeId id, const Node &node) {
        for (NodeId input : node.inputs)
            if (is_known_[size_t(input)] &&
                graph_[input].type.shape.size() == node.type.shape.size()) {
                set(id, dense_like(views_[size_t(input)], node.type.shape));
                views_[size_t(id)].dtype = node.type.dtype;
                return;
            }
    }

    // Linear layers, matrix products and reductions of the last dimension read runs of it.
    bool is_read_as_rows(NodeId id) const {
        const auto rank = int64_t(graph_[id].type.shape.size());
        const auto &readers = users_[size_t(id)];
        return std::any_of(readers.begin(), readers.end(), [&](NodeId reader) {
            return match(
                graph_[reader].op, [&](const Linear &) { return rank > 2; },
                [](const MatMul &) { return true; },
                [&](const Softmax &s) { return rank == 3 && s.dim == 2; },
                [&](const Reduce &r) { return rank == 3 && r.dims == std::vector<int64_t>{2}; },
                [](const auto &) { return false; });
        });
    }

    const Graph &graph_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<TensorView> views_;
    std::vector<bool> is_known_; // per node: whether its view is more than a default
};

} // namespace

TensorView image_layout(const TensorType &type) {
    const auto dense = is_planar(type.shape) ? row_major : channels_last;
    return normalized(dense(type.dtype, type.shape));
}

std::vector<TensorView> preferred_layouts(const Graph &graph) {
    return Layouts(graph).run();
}

} // namespace cnnc
