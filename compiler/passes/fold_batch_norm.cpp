// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batch norm at inference is y = x * scale + shift per channel, with
//
//     scale = weight / sqrt(running_var + eps)        shift = bias - running_mean * scale
//
// Behind a convolution or linear layer that nothing else reads, W' = W * scale and
// b' = b * scale + shift compute the same; so do additions and multiplications of constants per
// channel. Elsewhere a batch norm becomes a multiplication and an addition, which fuse like any
// other. Folded weights are computed in double and rounded once.
#include "compiler/passes/constants.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <cassert>
#include <cmath>
#include <optional>

namespace cnnc {
namespace {

// Per channel, or empty where weights have no data.
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

ScaleShift batch_norm_values(const Graph &graph, const Node &node) {
    if (!has_data(graph, node))
        return {};
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

// Dimension of the result that is a layer's channels, or -1: no layer.
int channel_dim(const Node &node) {
    if (std::holds_alternative<Conv>(node.op) || std::holds_alternative<ConvTranspose>(node.op))
        return 1;
    return std::holds_alternative<Linear>(node.op) ? int(node.type.shape.size()) - 1 : -1;
}

// Whether a constant of this shape has one value, or one per channel.
bool is_per_channel(const Shape &shape, const Shape &layer, int dim) {
    if (shape.size() > layer.size())
        return false;
    const int missing = int(layer.size() - shape.size());
    for (int d = 0; d < int(shape.size()); d++)
        if (shape[size_t(d)] != 1 && (d + missing != dim || shape[size_t(d)] != layer[size_t(dim)]))
            return false;
    return true;
}

// What one operator behind a layer does to its channels.
class Step {
  public:
    Step(const Graph &graph, const Node &layer) : graph_(graph), layer_(layer) {}

    // Nothing where operator `id`, which reads `value`, is no scale or shift.
    std::optional<ScaleShift> read(NodeId id, NodeId value) const {
        const Node &node = graph_[id];
        const int dim = channel_dim(layer_);
        if (std::holds_alternative<BatchNorm>(node.op))
            return dim == 1 ? std::optional(batch_norm_values(graph_, node)) : std::nullopt;
        const auto *binary = std::get_if<Binary>(&node.op);
        if (!binary || node.type != layer_.type || node.inputs[0] == node.inputs[1])
            return std::nullopt;
        const bool constant_first = node.inputs[0] != value;
        const NodeId constant = node.inputs[constant_first ? 0 : 1];
        if (!is_constant(graph_[constant].op) ||
            !is_per_channel(graph_[constant].type.shape, layer_.type.shape, dim))
            return std::nullopt;
        return arithmetic(binary->kind, constant, constant_first);
    }

  private:
    std::optional<ScaleShift> arithmetic(BinaryKind kind, NodeId constant, bool first) const {
        const bool known = kind == BinaryKind::add || kind == BinaryKind::sub ||
                           kind == BinaryKind::mul || (kind == BinaryKind::div && !first);
        if (!known)
            return std::nullopt;
        const auto values = constant_values(graph_, constant);
        if (!values)
            return ScaleShift{};
        const size_t channels = size_t(layer_.type.shape[size_t(channel_dim(layer_))]);
        ScaleShift result{std::vector<double>(channels, 1), std::vector<double>(channels, 0)};
        for (size_t c = 0; c < channels; c++) {
            const double v = (*values)[values->size() == 1 ? 0 : c];
            if (kind == BinaryKind::mul)
                result.scale[c] = v;
            else if (kind == BinaryKind::div)
                result.scale[c] = 1 / v;
            else
                result.shift[c] = kind == BinaryKind::sub && !first ? -v : v;
            if (kind == BinaryKind::sub && first)
                result.scale[c] = -1;
        }
        return result;
    }

    const Graph &graph_;
    const Node &layer_;
};

// The output channel of every element of a layer's weight.
class WeightChannels {
  public:
    WeightChannels(const Node &layer, const Shape &weight) {
        per_channel_ = element_count(weight) / weight[0];
        channels_ = weight[0];
        if (const auto *conv = std::get_if<ConvTranspose>(&layer.op)) {
            // [C, K / groups, kernel...]
            inner_ = per_channel_ / weight[1];
            channels_ = weight[1];
            group_ = weight[0] / conv->groups * weight[1] * inner_;
            per_channel_ = inner_;
        }
    }

    int64_t of(int64_t i) const {
        const int64_t group = group_ > 0 ? i / group_ : 0;
        return group * channels_ + i / per_channel_ % channels_;
    }

  private:
    int64_t channels_, per_channel_, inner_ = 1, group_ = 0;
};

// The weight and bias data of `layer` with the scales and shifts in them, in order.
std::vector<TensorData> fold_data(const Graph &graph, const Node &layer,
                                  const std::vector<ScaleShift> &steps) {
    bool known = has_data(graph, layer);
    for (const ScaleShift &step : steps)
        known = known && !step.scale.empty();
    if (!known)
        return {};
    const size_t channels = steps[0].scale.size();
    std::vector<double> scale(channels, 1), shift(channels, 0);
    if (layer.params.size() > 1)
        shift.assign(param_floats(graph, layer, 1), param_floats(graph, layer, 1) + channels);
    for (const ScaleShift &step : steps)
        for (size_t c = 0; c < channels; c++) {
            scale[c] *= step.scale[c];
            shift[c] = shift[c] * step.scale[c] + step.shift[c];
        }
    const Shape &shape = graph.params[size_t(layer.params[0])].type.shape;
    const WeightChannels channel(layer, shape);
    const float *weight = param_floats(graph, layer, 0);
    std::vector<float> folded(size_t(element_count(shape)));
    for (size_t i = 0; i < folded.size(); i++)
        folded[i] = float(weight[i] * scale[size_t(channel.of(int64_t(i)))]);
    return {TensorData::from_floats(shape, std::move(folded)),
            TensorData::from_floats({int64_t(channels)}, {shift.begin(), shift.end()})};
}

class Folder {
  public:
    explicit Folder(const Graph &graph)
        : graph_(graph), users_(users(graph)), uses_(count_uses(graph)),
          folded_into_(graph.nodes.size(), -1) {}

    bool rule(Replacement &r) {
        const NodeId id = r.old_id();
        if (folded_into_[size_t(id)] >= 0)
            r.finish(folded_into_[size_t(id)]);
        else if (channel_dim(r.node()) >= 0)
            return fold(r);
        else if (std::holds_alternative<BatchNorm>(r.node().op))
            expand(r);
        else
            return false;
        return true;
    }

  private:
    // Takes along as many operators behind layer `id` as possible.
    bool fold(Replacement &r) {
        const NodeId id = r.old_id();
        const Node &layer = graph_[id];
        std::vector<ScaleShift> steps;
        std::vector<NodeId> folded;
        for (NodeId value = id; uses_[size_t(value)] == 1 && users_[size_t(value)].size() == 1;) {
            const NodeId reader = users_[size_t(value)][0];
            auto step = Step(graph_, layer).read(reader, value);
            if (!step)
                break;
            steps.push_back(std::move(*step));
            folded.push_back(reader);
            value = reader;
        }
        if (folded.empty())
            return false;
        Op op = layer.op;
        match(
            op, [](Conv &o) { o.bias = true; }, [](ConvTranspose &o) { o.bias = true; },
            [](Linear &o) { o.bias = true; }, [](auto &) {});
        const std::string path = weights_path(graph_, id).value_or(layer.name);
        const NodeId merged =
            r.layer(std::move(op), r.input(), path, fold_data(graph_, layer, steps), "");
        r.finish(merged);
        for (NodeId step : folded)
            folded_into_[size_t(step)] = merged;
        return true;
    }

    static void expand(Replacement &r) {
        const Node &norm = r.node();
        const ScaleShift values = batch_norm_values(r.old_graph(), norm);
        const NodeId scale = r.new_parameter(per_channel(norm), values.scale, "scale");
        const NodeId shift = r.new_parameter(per_channel(norm), values.shift, "shift");
        const NodeId product = r.binary(BinaryKind::mul, r.input(), scale, "mul");
        r.finish(r.binary(BinaryKind::add, product, shift, ""));
    }

    // [C, 1, 1] for images.
    static Shape per_channel(const Node &norm) {
        Shape shape(norm.type.shape.size() - 1, 1);
        shape[0] = norm.type.shape[1];
        return shape;
    }

    const Graph &graph_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<int> uses_;
    std::vector<NodeId>
        folded_into_; // per node that a layer took along: that layer, in the new graph
};

} // namespace

Graph fold_batch_norm(Graph graph) {
    Folder folder(graph);
    return replace_nodes(graph, [&](Replacement &r) { return folder.rule(r); });
}

} // namespace cnnc
