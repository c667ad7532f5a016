// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Computes at compile time what depends on no input, with the reference interpreter.
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
constexpr int64_t max_folded_multiply_adds = int64_t(1) << 26;
// Of all values together, so that no network makes the compiler run out of memory.
constexpr int64_t max_total_elements = int64_t(1) << 24;

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
            multiply_adds(graph_, id) > max_folded_multiply_adds)
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
        const TensorD &value = *values_[size_t(id)];
        std::vector<float> floats(value.values.begin(), value.values.end());
        const ParamId param = rewriter_.add_param(
            {rewriter_.free_path(node.name, {""}, id), node.type,
             TensorData::from_floats(value.shape, std::move(floats)), node.span});
        rewriter_.map(
            id, rewriter_.append(
                    {Parameter{node.type.shape}, {}, {param}, node.type, node.name, node.span}));
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
