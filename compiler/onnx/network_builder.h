// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph that comes out of an import, under construction: nodes, weights, and which values are
// known without computing anything.
#pragma once

#include "compiler/onnx/fold.h"
#include "compiler/onnx/names.h"

#include <map>
#include <set>
#include <tuple>

namespace cnnc {

// A value of the model: known elements, or a node of the graph, or both.
struct Tensor {
    TensorType type;
    NodeId node = -1;
    TensorData data;  // defined where the elements are known
    std::string name; // the initializer's; "" for what was computed
    bool known() const { return data.defined(); }
    const Shape &shape() const { return type.shape; }
    size_t rank() const { return type.shape.size(); }
};
using Result = std::optional<Tensor>; // nothing after a diagnostic

Tensor known_tensor(TensorData data, std::string name = "");

class NetworkBuilder {
  public:
    explicit NetworkBuilder(Diagnostics &diags) : diags_(diags) {}

    Tensor add_input(const std::string &name, TensorType type);
    // A node, or its result where that can be computed now. `name` is made unique.
    Result add(Op op, const std::vector<Tensor> &operands, const std::string &name);
    // A node with known weights, in the order of param_types(). `path` is the node's name and its
    // weights'; those of a node of the same weights are shared. The names of the weights' places
    // in messages are their roles.
    Result add_layer(Op op, const Tensor &operand, const std::vector<Tensor> &weights,
                     const std::string &path, std::string_view op_type);
    // Gives a convolution or linear layer without bias one, if `value` is such a node, nobody else
    // shares its weights, and the known `bias` has one element per channel.
    bool add_bias(const Tensor &value, const TensorData &bias);
    // That a name stands for a node; under several, it is not one layer's to change.
    void note_given(NodeId node) {
        if (node >= 0 && !given_.insert(node).second)
            aliased_.insert(node);
    }
    // The node that holds a value; for a known one a Constant, or a Parameter called after it.
    NodeId node_of(const Tensor &value, const std::string &fallback_name);
    // Keeps a name for layers with weights.
    void reserve(const std::string &path) { reserved_.insert(path); }

    // The graph without what no output needs: exporters ask for shapes of values that are used no
    // further. The builder is done then.
    Graph finish();

    NamePool &names() { return names_; }
    Graph &graph() { return graph_; }
    FoldBudget &budget() { return budget_; }

  private:
    std::string unique_path(const std::string &wanted, const std::vector<ParamSpec> &specs);
    NodeId push(Op op, std::vector<NodeId> inputs, std::vector<ParamId> params, TensorType type,
                std::string name);

    using DataKey = std::tuple<const std::byte *, DType, Shape>;
    static DataKey key_of(const TensorData &data) {
        return {data.bytes, data.type.dtype, data.type.shape};
    }

    Diagnostics &diags_;
    Graph graph_;
    NamePool names_; // of nodes and of params
    std::set<std::string> reserved_;
    FoldBudget budget_;
    // Known values that have a node. The data are kept, so that no others come to lie in their
    // place.
    std::map<DataKey, std::pair<NodeId, TensorData>> held_;
    // The first node of each operator and weights, and what is known of it.
    using LayerKey = std::pair<size_t, std::vector<DataKey>>;
    std::map<LayerKey, NodeId> layers_;
    std::map<NodeId, std::map<LayerKey, NodeId>::iterator> first_layers_;
    std::set<NodeId> shared_; // of these, the ones whose weights another layer has too
    std::set<NodeId> given_, aliased_;
    std::map<std::string, int> suffixes_; // the last one tried, per path
};

} // namespace cnnc
