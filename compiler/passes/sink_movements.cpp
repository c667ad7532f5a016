// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See sink_movements.h: one walk in topological order, then what nobody reads any more is dropped.
#include "compiler/passes/sink_movements.h"

#include "compiler/passes/fuse.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <algorithm>

namespace cnnc {
namespace {

// Operators move in front of no more views than this, so that it takes no time.
constexpr size_t max_views = 8;

class Sinker {
  public:
    explicit Sinker(const Graph &graph)
        : rewriter_(graph), graph_(graph), old_uses_(count_uses(graph)) {}

    Graph run() {
        for (size_t n = 0; n < graph_.nodes.size(); n++) {
            const auto id = NodeId(n);
            const bool moved = operand_of(graph_, id) >= 0 && sink(id);
            if (!moved)
                rewriter_.copy(id);
            set_uses(rewriter_.mapped(id), old_uses_[n]);
        }
        return rewriter_.finish();
    }

  private:
    const Graph &to() const { return rewriter_.graph(); }

    void set_uses(NodeId id, int uses) {
        if (uses_.size() <= size_t(id))
            uses_.resize(size_t(id) + 1, 1);
        uses_[size_t(id)] = uses;
    }
    int uses(NodeId id) const { return size_t(id) < uses_.size() ? uses_[size_t(id)] : 1; }

    // Which operand an elementwise node works on, if the others are numbers; -1 elsewhere.
    static int operand_of(const Graph &graph, NodeId id) {
        const Node &node = graph[id];
        int found = -1;
        if (!is_elementwise(node.op))
            return -1;
        for (size_t i = 0; i < node.inputs.size(); i++) {
            const Node &input = graph[node.inputs[i]];
            if (std::holds_alternative<Constant>(input.op) && input.type.shape.empty())
                continue;
            if (found >= 0)
                return -1;
            found = int(i);
        }
        return found;
    }

    // Whether elementwise operators fuse into what makes a value.
    bool is_kernel_for_one(NodeId id) const {
        const Op &op = to()[id].op;
        return !is_constant(op) && !std::holds_alternative<Input>(op) &&
               !std::holds_alternative<Concat>(op) && !is_view(op) && uses(id) == 1;
    }

    bool sink(NodeId id) {
        const size_t operand = size_t(operand_of(graph_, id));
        std::vector<NodeId> views; // the last one first
        NodeId x = rewriter_.mapped(graph_[id].inputs[operand]);
        for (; is_view(to()[x].op) && uses(x) == 1 && views.size() < max_views;
             x = to()[x].inputs[0])
            views.push_back(x);
        // A part of what others need too, or of what no kernel makes, is better sliced first.
        if (!is_kernel_for_one(x)) {
            auto slice = std::find_if(views.begin(), views.end(), [&](NodeId view) {
                return std::holds_alternative<Slice>(to()[view].op);
            });
            if (slice != views.end())
                x = *slice;
            views.erase(slice, views.end());
        }
        if (views.empty())
            return false;
        NodeId value = append_like(graph_[id], operand, x, graph_[id].name, true);
        for (size_t i = views.size(); i-- > 0;)
            value = append_again(views[i], 0, value);
        rewriter_.map(id, value);
        return true;
    }

    // A node of the new graph once more, on another operand; it takes over the name.
    NodeId append_again(NodeId id, size_t operand, NodeId x) {
        const Node node = to()[id];
        rewriter_.rename(id, rewriter_.fresh_name(node.name));
        return append_like(node, operand, x, node.name, false);
    }

    NodeId append_like(const Node &node, size_t operand, NodeId x, const std::string &name,
                       bool is_old) {
        std::vector<NodeId> inputs = node.inputs;
        if (is_old)
            for (NodeId &input : inputs)
                input = rewriter_.mapped(input);
        inputs[operand] = x;
        const NodeId id = rewriter_.append(node.op, std::move(inputs), name, node.span);
        set_uses(id, 1);
        return id;
    }

    Rewriter rewriter_;
    const Graph &graph_;
    std::vector<int> old_uses_, uses_; // of the old graph's values, and of the new one's
};

} // namespace

bool is_view(const Op &op) {
    return std::holds_alternative<Reshape>(op) || std::holds_alternative<Flatten>(op) ||
           std::holds_alternative<Permute>(op) || std::holds_alternative<Slice>(op) ||
           std::holds_alternative<Expand>(op);
}

Graph sink_movements(Graph graph) {
    const Graph merged = merge_movements(remove_no_ops(std::move(graph)));
    const Graph sunk = Sinker(merged).run();
    return remove_dead_code(merge_movements(sunk));
}

} // namespace cnnc
