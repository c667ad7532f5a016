// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adding nodes, and giving them weights and names.
#include "compiler/onnx/network_builder.h"

#include "compiler/graph/registry.h"
#include "compiler/import/file.h"
#include "compiler/onnx/onnx_diagnostics.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// Known values of at most this many elements stand in the text, the others in the weights file.
// What a model has as learned numbers belongs among the weights, unless it is next to nothing.
constexpr int64_t max_inline = 16, max_inline_learned = 4;

bool stands_in_text(const Tensor &value) {
    bool learned = value.type.dtype == DType::f32 && !value.name.empty();
    if (element_count(value.shape()) > (learned ? max_inline_learned : max_inline))
        return false;
    std::vector<double> numbers = to_double(value.data).values;
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](double x) { return std::isfinite(x) && can_hold(value.type.dtype, x); });
}

bool has_channels(const Op &op, const Shape &result, const TensorData &bias) {
    const Conv *conv = std::get_if<Conv>(&op);
    const Linear *linear = std::get_if<Linear>(&op);
    if ((!conv || conv->bias) && (!linear || linear->bias))
        return false;
    // NumPy's broadcasting: the bias' extents end where the result's do.
    size_t behind = conv ? result.size() - 2 : 0;
    const Shape &shape = bias.type.shape;
    if (shape.size() < behind + 1 || shape.size() > result.size())
        return false;
    int64_t channels = result[result.size() - 1 - behind];
    return shape[shape.size() - 1 - behind] == channels && element_count(shape) == channels &&
           bias.type.dtype == DType::f32;
}

} // namespace

Tensor known_tensor(TensorData data, std::string name) {
    Tensor tensor;
    tensor.type = data.type;
    tensor.data = std::move(data);
    tensor.name = std::move(name);
    return tensor;
}

NodeId NetworkBuilder::push(Op op, std::vector<NodeId> inputs, std::vector<ParamId> params,
                            TensorType type, std::string name) {
    NodeId id = NodeId(graph_.nodes.size());
    graph_.nodes.push_back({std::move(op),
                            std::move(inputs),
                            std::move(params),
                            std::move(type),
                            std::move(name),
                            {}});
    return id;
}

Tensor NetworkBuilder::add_input(const std::string &name, TensorType type) {
    NodeId id = push(Input(), {}, {}, type, name);
    graph_.inputs.push_back(id);
    return {std::move(type), id, {}, ""};
}

Result NetworkBuilder::add(Op op, const std::vector<Tensor> &operands, const std::string &name) {
    std::vector<TensorType> types;
    std::vector<const TensorData *> contents;
    for (const Tensor &operand : operands) {
        types.push_back(operand.type);
        if (operand.known())
            contents.push_back(&operand.data);
    }
    std::optional<TensorType> type = infer_type(op, types, {}, diags_);
    if (!type)
        return std::nullopt;
    if (type->shape.size() > max_onnx_rank) {
        diags_.report<diag::onnx_too_many_dims>({}, brief(name), type->shape.size(), max_onnx_rank);
        return std::nullopt;
    }
    if (contents.size() == operands.size() && !operands.empty()) {
        if (std::optional<TensorData> data = fold(op, contents, *type, budget_))
            return known_tensor(*data);
    }
    std::vector<NodeId> inputs;
    for (const Tensor &operand : operands)
        inputs.push_back(node_of(operand, name));
    std::string own = name;
    if (reserved_.count(own))
        own += "_";
    NodeId id = push(std::move(op), std::move(inputs), {}, *type, names_.unique(own));
    return Tensor{*type, id, {}, ""};
}

// A path under which neither a node nor a weight is yet.
std::string NetworkBuilder::unique_path(const std::string &wanted,
                                        const std::vector<ParamSpec> &specs) {
    auto is_free = [&](const std::string &path) {
        return !names_.taken(path) &&
               std::none_of(specs.begin(), specs.end(), [&](const ParamSpec &spec) {
                   return names_.taken(path + "." + spec.role);
               });
    };
    std::string path = wanted;
    while (!is_free(path))
        path = fmt::format("{}_{}", wanted, ++suffixes_[wanted]);
    names_.take(path);
    for (const ParamSpec &spec : specs)
        names_.take(path + "." + spec.role);
    return path;
}

Result NetworkBuilder::add_layer(Op op, const Tensor &operand, const std::vector<Tensor> &weights,
                                 const std::string &path, std::string_view op_type) {
    std::optional<TensorType> type = infer_type(op, {operand.type}, {}, diags_);
    if (!type)
        return std::nullopt;
    std::vector<ParamSpec> specs = param_types(op, {operand.type});
    LayerKey key{op.index(), {}};
    for (size_t i = 0; i < specs.size(); ++i) {
        if (i >= weights.size() || weights[i].type != specs[i].type) {
            diags_.report<diag::onnx_weight_type>(
                {}, specs[i].role, op_type, type_text(specs[i].type),
                i < weights.size() ? type_text(weights[i].type) : "nothing");
            return std::nullopt;
        }
        key.second.push_back(key_of(weights[i].data));
    }
    NodeId input = node_of(operand, path);
    auto before = layers_.find(key);
    if (before != layers_.end()) {
        const Node first = graph_[before->second]; // a copy: push() may move the nodes
        shared_.insert(before->second);
        NodeId id = push(std::move(op), {input}, first.params, *type, names_.unique(path));
        return Tensor{*type, id, {}, ""};
    }
    std::string own = unique_path(path, specs);
    std::vector<ParamId> params;
    for (size_t i = 0; i < specs.size(); ++i) {
        params.push_back(ParamId(graph_.params.size()));
        graph_.params.push_back(
            {own + "." + specs[i].role, specs[i].type, weights[i].data, Span()});
    }
    NodeId id = push(std::move(op), {input}, std::move(params), *type, own);
    first_layers_.emplace(id, layers_.emplace(std::move(key), id).first);
    return Tensor{*type, id, {}, ""};
}

bool NetworkBuilder::add_bias(const Tensor &value, const TensorData &bias) {
    if (value.node < 0 || !has_channels(graph_[value.node].op, value.shape(), bias))
        return false;
    Node &node = graph_[value.node];
    auto first = first_layers_.find(value.node);
    std::string name = node.name + ".bias";
    if (first == first_layers_.end() || shared_.count(value.node) || aliased_.count(value.node) ||
        names_.taken(name))
        return false;
    // A layer to come has another bias or none, and so is not this one again.
    layers_.erase(first->second);
    first_layers_.erase(first);
    names_.take(name);
    TensorData data = reshaped(bias, {element_count(bias.type.shape)});
    node.params.push_back(ParamId(graph_.params.size()));
    graph_.params.push_back({name, data.type, data, Span()});
    match(
        node.op, [](Conv &conv) { conv.bias = true; }, [](Linear &linear) { linear.bias = true; },
        [](auto &) {});
    return true;
}

Graph NetworkBuilder::finish() {
    std::vector<bool> live(graph_.nodes.size());
    for (const Output &output : graph_.outputs)
        live[size_t(output.node)] = true;
    for (NodeId input : graph_.inputs)
        live[size_t(input)] = true;
    for (size_t id = live.size(); id-- > 0;) {
        for (NodeId input : graph_.nodes[id].inputs)
            live[size_t(input)] = live[size_t(input)] || live[id];
    }
    Graph graph;
    std::vector<NodeId> nodes(live.size(), -1);
    std::vector<ParamId> params(graph_.params.size(), -1);
    for (size_t id = 0; id < live.size(); ++id) {
        if (!live[id])
            continue;
        nodes[id] = NodeId(graph.nodes.size());
        graph.nodes.push_back(std::move(graph_.nodes[id]));
        for (NodeId &input : graph.nodes.back().inputs)
            input = nodes[size_t(input)];
        for (ParamId &param : graph.nodes.back().params) {
            ParamId &kept = params[size_t(param)];
            if (kept < 0) {
                kept = ParamId(graph.params.size());
                graph.params.push_back(std::move(graph_.params[size_t(param)]));
            }
            param = kept;
        }
    }
    for (NodeId input : graph_.inputs)
        graph.inputs.push_back(nodes[size_t(input)]);
    for (Output &output : graph_.outputs) {
        output.node = nodes[size_t(output.node)];
        graph.outputs.push_back(std::move(output));
    }
    return graph;
}

NodeId NetworkBuilder::node_of(const Tensor &value, const std::string &fallback_name) {
    if (value.node >= 0)
        return value.node;
    auto [held, is_new] =
        held_.emplace(key_of(value.data), std::make_pair(NodeId(graph_.nodes.size()), value.data));
    if (!is_new)
        return held->second.first;
    if (stands_in_text(value)) {
        std::vector<double> numbers = to_double(value.data).values;
        if (value.type.dtype == DType::f32)
            std::transform(numbers.begin(), numbers.end(), numbers.begin(),
                           [](double number) { return short_number(float(number)); });
        return push(Constant(value.type, std::move(numbers)), {}, {}, value.type,
                    names_.unique("constant"));
    }
    std::string wanted = is_meaningless(value.name) ? "" : as_path(value.name);
    if (wanted.empty())
        wanted = fallback_name + ".values";
    std::string name = names_.unique(wanted);
    ParamId param = ParamId(graph_.params.size());
    graph_.params.push_back({name, value.type, value.data, Span()});
    return push(Parameter{value.type.shape, value.type.dtype}, {}, {param}, value.type, name);
}

} // namespace cnnc
