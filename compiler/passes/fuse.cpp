// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One walk in topological order puts each elementwise node behind the kernel that feeds it, if
// nothing else needs what that kernel computed; then kernels are sorted.
#include "compiler/passes/fuse.h"

#include "compiler/passes/sink_movements.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <queue>

namespace cnnc {
namespace {

bool is_source(const Op &op) {
    return std::holds_alternative<Input>(op) || is_constant(op);
}

// Tensors that a kernel reads. Those of GPUs take the addresses as arguments, for which OpenCL
// promises room for 128.
constexpr int most_operands = 96;

bool is_concat(const Op &op) {
    return std::holds_alternative<Concat>(op);
}

// Operators that kernels compute or arrange (ops.h), and what is there before any kernel runs.
[[maybe_unused]] bool is_core(const Op &op) {
    return match(
        op, [](const Conv &) { return true; }, [](const Linear &) { return true; },
        [](const MatMul &) { return true; }, [](const MaxPool &) { return true; },
        [](const AvgPool &) { return true; }, [](const Softmax &) { return true; },
        [](const Reduce &r) {
            return r.keepdim && r.kind != ReduceKind::l2 && r.kind != ReduceKind::log_sum_exp;
        },
        [](const ArgReduce &r) { return r.keepdim; }, [](const TopK &) { return true; },
        [](const Sample &) { return true; },
        [&](const auto &) {
            return is_source(op) || is_concat(op) || is_view(op) || is_elementwise(op);
        });
}

class Fuser {
  public:
    explicit Fuser(const Graph &graph)
        : graph_(graph), users_(users(graph)), is_output_(graph.nodes.size()) {
        result_.of_node.assign(graph.nodes.size(), -1);
        for (const Output &output : graph.outputs)
            is_output_[size_t(output.node)] = true;
    }

    Clusters run() {
        for (size_t n = 0; n < graph_.nodes.size(); n++) {
            const Op &op = graph_.nodes[n].op;
            assert(is_core(op));
            if (!is_source(op) && !is_concat(op) && !is_view(op))
                add(NodeId(n));
        }
        sort();
        return std::move(result_);
    }

  private:
    // Puts a node into the kernel of one of its operands, or into a new one.
    void add(NodeId id) {
        const Node &node = graph_[id];
        int best = -1;
        NodeId fused_operand = -1;
        if (is_elementwise(node.op))
            for (NodeId operand : node.inputs) {
                if (!obstacle(id, operand).empty())
                    continue;
                // Of two kernels the later one: then nothing needs to be reordered.
                int cluster = result_.of_node[size_t(operand)];
                if (best < 0 || cluster_at(cluster).anchor() > cluster_at(best).anchor()) {
                    best = cluster;
                    fused_operand = operand;
                }
            }
        if (best < 0)
            return start(id);
        Cluster &cluster = result_.clusters[size_t(best)];
        cluster.nodes.push_back(id);
        operands_[size_t(best)] += operand_count(node) - 1;
        cluster.notes.push_back(fusion_note(node, fused_operand));
        result_.of_node[size_t(id)] = best;
    }

    void start(NodeId id) {
        Cluster cluster{{id}, {}};
        std::vector<std::string> reasons;
        if (is_elementwise(graph_[id].op))
            for (NodeId operand : graph_[id].inputs)
                if (!is_constant(graph_[operand].op))
                    reasons.push_back(obstacle(id, operand));
        reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
        if (!reasons.empty())
            cluster.notes = {fmt::format("a kernel of its own: {}", fmt::join(reasons, "; "))};
        result_.of_node[size_t(id)] = int(result_.clusters.size());
        result_.clusters.push_back(std::move(cluster));
        operands_.push_back(operand_count(graph_[id]));
    }

    // Numbers are written into kernels and need no place.
    int operand_count(const Node &node) const {
        return int(std::count_if(node.inputs.begin(), node.inputs.end(), [&](NodeId input) {
            const auto *constant = std::get_if<Constant>(&graph_[input].op);
            return !constant || constant->values.size() != 1;
        }));
    }

    // Why elementwise node `id` cannot go into the kernel that produces `operand`; "" if it can.
    // Nothing but `id` may read the operand; so nothing else depends on that kernel, and it can
    // wait for the other operand, wherever that stands in the text.
    std::string obstacle(NodeId id, NodeId operand) const {
        const Node &from = graph_[operand];
        if (is_source(from.op))
            return fmt::format("{} is an input", from.name);
        if (is_concat(from.op) || is_view(from.op))
            return fmt::format("{} is only a view", from.name);
        if (is_output_[size_t(operand)])
            return fmt::format("{} is an output", from.name);
        if (users_[size_t(operand)].size() > 1)
            return fmt::format("{} is read more than once", from.name);
        if (from.type.shape != graph_[id].type.shape)
            return fmt::format("{} is broadcast to {}", from.name,
                               shape_text(graph_[id].type.shape));
        const int cluster = result_.of_node[size_t(operand)];
        if (operands_[size_t(cluster)] + operand_count(graph_[id]) - 1 > most_operands)
            return fmt::format("the kernel of {} reads {} tensors", from.name,
                               operands_[size_t(cluster)]);
        const NodeId anchor = cluster_at(cluster).anchor();
        if (is_row_wise(graph_, anchor) && !operands_have_rows(id))
            return fmt::format("the rows of {} are broadcast over", from.name);
        return "";
    }

    // Whether each operand has all of the result's extents in front of the last one, or none.
    bool operands_have_rows(NodeId id) const {
        Shape rows = graph_[id].type.shape;
        rows.pop_back();
        for (NodeId operand : graph_[id].inputs) {
            Shape shape = graph_[operand].type.shape;
            if (shape.empty())
                continue;
            shape.pop_back();
            if (shape != rows &&
                !std::all_of(shape.begin(), shape.end(), [](int64_t e) { return e == 1; }))
                return false;
        }
        return true;
    }

    std::string fusion_note(const Node &node, NodeId fused_operand) const {
        std::string note =
            fmt::format("{} fused: the only reader of {}", node.name, graph_[fused_operand].name);
        for (NodeId operand : node.inputs)
            if (operand != fused_operand && !std::holds_alternative<Constant>(graph_[operand].op))
                note += fmt::format("; {} is computed before", graph_[operand].name);
        return note;
    }

    const Cluster &cluster_at(int i) const { return result_.clusters[size_t(i)]; }

    // What has to be done for `id` to exist: its kernel (known by its anchor), or itself.
    NodeId unit(NodeId id) const {
        int cluster = result_.of_node[size_t(id)];
        return cluster >= 0 ? cluster_at(cluster).anchor() : id;
    }

    // Topological order of units, always taking the first of the text that is ready.
    void sort() {
        const size_t n = graph_.nodes.size();
        std::vector<std::vector<NodeId>> successors(n);
        std::vector<int> missing(n, 0);
        for (size_t i = 0; i < n; i++)
            for (NodeId input : graph_.nodes[i].inputs) {
                NodeId from = unit(input), to = unit(NodeId(i));
                if (from == to)
                    continue;
                successors[size_t(from)].push_back(to);
                missing[size_t(to)]++;
            }
        std::priority_queue<NodeId, std::vector<NodeId>, std::greater<NodeId>> ready;
        for (size_t i = 0; i < n; i++)
            if (unit(NodeId(i)) == NodeId(i) && missing[i] == 0)
                ready.push(NodeId(i));
        while (!ready.empty()) {
            NodeId next = ready.top();
            ready.pop();
            if (!is_source(graph_[next].op))
                result_.order.push_back(next);
            for (NodeId to : successors[size_t(next)])
                if (--missing[size_t(to)] == 0)
                    ready.push(to);
        }
    }

    const Graph &graph_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<bool> is_output_;
    Clusters result_;
    std::vector<int> operands_; // per cluster: tensors that it reads
};

} // namespace

bool is_elementwise(const Op &op) {
    return std::holds_alternative<Unary>(op) || std::holds_alternative<Binary>(op) ||
           std::holds_alternative<Where>(op) || std::holds_alternative<Cast>(op);
}

bool is_row_wise(const Graph &graph, NodeId anchor) {
    return std::holds_alternative<Linear>(graph[anchor].op);
}

Clusters fuse(const Graph &graph) {
    return Fuser(graph).run();
}

} // namespace cnnc
