// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Computes at compile time what depends on no input, with the reference interpreter.
#include "compiler/passes/constants.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"
#include "compiler/reference/interpret.h"

#include <algorithm>
#include <optional>

namespace cnnc {
namespace {

// Larger results would cost more memory in the library than computing them costs time, and larger
// nodes too much time in the compiler.
constexpr int64_t max_folded_elements = int64_t(1) << 18;
constexpr int64_t max_folded_work = int64_t(1) << 26;
// Of all values together, so that no network makes the compiler run out of memory.
constexpr int64_t max_total_elements = int64_t(1) << 24;

// Elements that one element of the result is made of, at most; convolutions apart.
int64_t terms(const Node &node) {
    auto window = [](const auto &pool) {
        return checked_elements(pool.kernel).value_or(max_elements);
    };
    return match(
        node.op, [&](const MaxPool &o) { return window(o); },
        [&](const AvgPool &o) { return window(o); },
        [](const LocalResponseNorm &o) { return o.size; }, [](const auto &) { return int64_t(1); });
}

class Folder {
  public:
    explicit Folder(const Graph &graph)
        : graph_(graph), rewriter_(graph), values_(graph.nodes.size()) {}

    Graph run() {
        for (size_t n = 0; n < graph_.nodes.size(); n++) {
            const auto id = NodeId(n);
            find_value(id);
            if (values_[n] && !graph_[id].inputs.empty())
                fold(id);
            else
                rewriter_.copy(id);
        }
        return rewriter_.finish();
    }

  private:
    void find_value(NodeId id) {
        const Node &node = graph_[id];
        if (std::holds_alternative<Input>(node.op) || !params_are_small(node) ||
            element_count(node.type.shape) > max_folded_elements ||
            multiply_adds(graph_, id) > max_folded_work || terms(node) > max_folded_elements ||
            terms(node) * element_count(node.type.shape) > max_folded_work)
            return;
        std::vector<const TensorD *> operands;
        for (NodeId input : node.inputs) {
            if (!values_[size_t(input)])
                return;
            operands.push_back(&*values_[size_t(input)]);
        }
        total_elements_ += element_count(node.type.shape);
        if (total_elements_ <= max_total_elements)
            values_[size_t(id)] = interpret_node(graph_, id, operands);
    }

    bool params_are_small(const Node &node) const {
        return std::all_of(node.params.begin(), node.params.end(), [&](ParamId p) {
            const Param &param = graph_.params[size_t(p)];
            return param.data.defined() && element_count(param.type.shape) <= max_folded_elements;
        });
    }

    void fold(NodeId id) {
        const Node &node = graph_[id];
        const std::vector<double> &values = values_[size_t(id)]->values;
        // Single numbers go into kernels as such.
        if (values.size() == 1) {
            rewriter_.map(
                id, rewriter_.append(
                        {Constant{node.type, values}, {}, {}, node.type, node.name, node.span}));
            return;
        }
        const ParamId param =
            rewriter_.add_param({rewriter_.free_path(node.name, {""}, id), node.type,
                                 encode(node.type, values), node.span});
        const Parameter op{node.type.shape, node.type.dtype};
        rewriter_.map(id, rewriter_.append({op, {}, {param}, node.type, node.name, node.span}));
    }

    const Graph &graph_;
    Rewriter rewriter_;
    int64_t total_elements_ = 0;
    std::vector<std::optional<TensorD>> values_; // of nodes that depend on no input
};

} // namespace

Graph fold_constants(Graph graph) {
    return Folder(graph).run();
}

} // namespace cnnc
