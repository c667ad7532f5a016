// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batch norm at inference is y = x * scale + shift per channel, with
//
//     scale = weight / sqrt(running_var + eps)        shift = bias - running_mean * scale
//
// Behind a convolution or linear layer that nothing else reads, W' = W * scale and
// b' = b * scale + shift compute the same; elsewhere it becomes a multiplication and an addition,
// which fuse like any other. Folded weights are computed in double and rounded once.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"

#include <cassert>
#include <cmath>

namespace cnnc {
namespace {

struct ScaleShift {
    std::vector<double> scale, shift;
};

bool has_data(const Graph &graph, const Node &node) {
    for (ParamId p : node.params)
        if (!graph.params[size_t(p)].data.defined())
            return false;
    return true;
}

const float *param_floats(const Graph &graph, const Node &node, size_t i) {
    return graph.params[size_t(node.params[i])].data.floats();
}

ScaleShift scale_shift(const Graph &graph, const Node &node) {
    const auto &norm = std::get<BatchNorm>(node.op);
    const size_t statistics = norm.affine ? 2 : 0;
    const float *mean = param_floats(graph, node, statistics);
    const float *variance = param_floats(graph, node, statistics + 1);
    ScaleShift result;
    for (int64_t c = 0; c < node.type.shape[1]; c++) {
        double weight = norm.affine ? param_floats(graph, node, 0)[c] : 1.0;
        double bias = norm.affine ? param_floats(graph, node, 1)[c] : 0.0;
        double scale = weight / std::sqrt(double(variance[c]) + norm.eps);
        result.scale.push_back(scale);
        result.shift.push_back(bias - mean[c] * scale);
    }
    return result;
}

std::vector<float> rounded(const std::vector<double> &values) {
    return {values.begin(), values.end()};
}

// The weight and bias data of `layer` with the norm in them.
std::pair<TensorData, TensorData> fold_data(const Graph &graph, const Node &layer,
                                            const Node &norm) {
    if (!has_data(graph, layer) || !has_data(graph, norm))
        return {};
    const ScaleShift fold = scale_shift(graph, norm);
    const Shape &shape = graph.params[size_t(layer.params[0])].type.shape;
    const auto channels = size_t(shape[0]);
    const size_t per_channel = size_t(element_count(shape)) / channels;
    const float *weight = param_floats(graph, layer, 0);
    const float *bias = layer.params.size() > 1 ? param_floats(graph, layer, 1) : nullptr;
    std::vector<float> new_weight(channels * per_channel), new_bias(channels);
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < per_channel; i++)
            new_weight[c * per_channel + i] = float(weight[c * per_channel + i] * fold.scale[c]);
        new_bias[c] = float((bias ? bias[c] * fold.scale[c] : 0.0) + fold.shift[c]);
    }
    return {TensorData::from_floats(shape, std::move(new_weight)),
            TensorData::from_floats({int64_t(channels)}, std::move(new_bias))};
}

class Folder {
  public:
    explicit Folder(const Graph &graph)
        : graph_(graph), rewriter_(graph), users_(users(graph)), is_output_(graph.nodes.size()) {
        for (const Output &output : graph.outputs)
            is_output_[size_t(output.node)] = true;
    }

    Graph run() {
        for (size_t n = 0; n < graph_.nodes.size(); n++) {
            const auto id = NodeId(n);
            const Node &node = graph_[id];
            if (NodeId norm = norm_to_fold(id); norm >= 0)
                fold(id, norm);
            else if (!std::holds_alternative<BatchNorm>(node.op))
                rewriter_.copy(id);
            else if (rewriter_.mapped(id) < 0)
                expand(id);
        }
        return rewriter_.finish();
    }

  private:
    // The batch norm that goes into layer `id`, or -1.
    NodeId norm_to_fold(NodeId id) const {
        const Node &node = graph_[id];
        // The channel of a linear layer's result is its last dimension only at rank 2.
        const bool is_layer =
            std::holds_alternative<Conv>(node.op) ||
            (std::holds_alternative<Linear>(node.op) && node.type.shape.size() == 2);
        const auto &readers = users_[size_t(id)];
        if (!is_layer || is_output_[size_t(id)] || readers.size() != 1 ||
            !std::holds_alternative<BatchNorm>(graph_[readers[0]].op))
            return -1;
        return readers[0];
    }

    void fold(NodeId id, NodeId norm) {
        Node node = graph_[id];
        auto [weight, bias] = fold_data(graph_, node, graph_[norm]);
        std::string path = weights_path(graph_, id).value_or(node.name);
        path = rewriter_.free_path(path, {"weight", "bias"}, id);
        const TensorType type = graph_.params[size_t(node.params[0])].type;
        node.params = {add_param(path + ".weight", type, weight, node),
                       add_param(path + ".bias", {type.dtype, {type.shape[0]}}, bias, node)};
        if (auto *conv = std::get_if<Conv>(&node.op))
            conv->bias = true;
        else
            std::get<Linear>(node.op).bias = true;
        node.inputs[0] = rewriter_.mapped(node.inputs[0]);
        rewriter_.map(id, rewriter_.append(std::move(node)));
        rewriter_.map(norm, rewriter_.mapped(id));
    }

    void expand(NodeId id) {
        const Node &norm = graph_[id];
        ScaleShift data;
        if (has_data(graph_, norm))
            data = scale_shift(graph_, norm);
        NodeId scale = parameter(id, norm.name + ".scale", data.scale);
        NodeId shift = parameter(id, norm.name + ".shift", data.shift);
        NodeId x = rewriter_.mapped(norm.inputs[0]);
        NodeId product = rewriter_.append({Binary{BinaryKind::mul},
                                           {x, scale},
                                           {},
                                           norm.type,
                                           rewriter_.fresh_name(norm.name + ".mul"),
                                           norm.span});
        // The sum is the norm's value, and keeps its name.
        rewriter_.map(
            id,
            rewriter_.append(
                {Binary{BinaryKind::add}, {product, shift}, {}, norm.type, norm.name, norm.span}));
    }

    // A Parameter node that broadcasts along the channels of norm `id`: [C, 1, 1] for images.
    NodeId parameter(NodeId id, const std::string &wanted, const std::vector<double> &values) {
        const Node &norm = graph_[id];
        Shape shape(norm.type.shape.size() - 1, 1);
        shape[0] = norm.type.shape[1];
        const TensorType type{norm.type.dtype, shape};
        TensorData data;
        if (!values.empty())
            data = TensorData::from_floats(shape, rounded(values));
        const std::string name = rewriter_.fresh_name(wanted);
        const ParamId param = add_param(rewriter_.free_path(name, {""}, id), type, data, norm);
        return rewriter_.append({Parameter{shape}, {}, {param}, type, name, norm.span});
    }

    ParamId add_param(std::string name, TensorType type, TensorData data, const Node &node) {
        return rewriter_.add_param({std::move(name), std::move(type), std::move(data), node.span});
    }

    const Graph &graph_;
    Rewriter rewriter_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<bool> is_output_;
};

} // namespace

Graph fold_batch_norm(Graph graph) {
    return Folder(graph).run();
}

} // namespace cnnc
