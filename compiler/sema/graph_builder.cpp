// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adds nodes to a graph, keeping the names of nodes unique and giving each its weights.
#include "compiler/sema/graph_builder.h"

#include "compiler/sema/sema_diagnostics.h"

namespace cnnc {

std::string join_path(const std::string &prefix, const std::string &name) {
    return prefix.empty() ? name : prefix + "." + name;
}

std::string GraphBuilder::unique_name(const std::string &wanted) {
    std::string name = wanted;
    if (names_.count(name)) {
        int &suffix = suffixes_[wanted];
        do
            name = fmt::format("{}_{}", wanted, ++suffix);
        while (names_.count(name));
    }
    names_.insert(name);
    return name;
}

NodeId GraphBuilder::add_input(const std::string &name, TensorType type, Layout layout, Span span) {
    NodeId id = NodeId(graph_.nodes.size());
    graph_.nodes.push_back({Input{layout}, {}, {}, std::move(type), unique_name(name), span});
    graph_.inputs.push_back(id);
    return id;
}

NodeId GraphBuilder::add_constant(DType dtype, double value, Span span) {
    NodeId id = NodeId(graph_.nodes.size());
    TensorType type{dtype, {}};
    graph_.nodes.push_back({Constant(type, {value}), {}, {}, type, "", span});
    return id;
}

std::optional<NodeId> GraphBuilder::add(Op op, std::vector<NodeId> inputs, const InstancePath &path,
                                        const CallSpans &where, Span span) {
    std::vector<TensorType> operands;
    for (NodeId input : inputs)
        operands.push_back(type(input));
    std::optional<TensorType> type = infer_type(op, operands, where, diags_);
    if (!type)
        return std::nullopt;
    std::optional<std::vector<ParamId>> params = make_params(param_types(op, operands), path);
    if (!params)
        return std::nullopt;
    NodeId id = NodeId(graph_.nodes.size());
    graph_.nodes.push_back({std::move(op), std::move(inputs), std::move(*params), std::move(*type),
                            unique_name(path.name), span});
    return id;
}

std::optional<std::vector<ParamId>> GraphBuilder::make_params(const std::vector<ParamSpec> &specs,
                                                              const InstancePath &path) {
    std::vector<ParamId> params;
    for (const ParamSpec &spec : specs) {
        std::string name = spec.role.empty() ? path.weights : path.weights + "." + spec.role;
        auto [entry, is_new] = params_.emplace(name, ParamId(graph_.params.size()));
        params.push_back(entry->second);
        if (is_new) {
            graph_.params.push_back({name, spec.type, {}, path.span});
            continue;
        }
        const Param &before = graph_.params[size_t(entry->second)];
        if (!path.shared) {
            diags_.report<diag::duplicate_instance>(path.span, path.weights)
                .note<diag::first_layer_here>(before.span)
                .help("name the layer with `as`, or share the weights with `as shared`");
            return std::nullopt;
        }
        if (before.type != spec.type) {
            diags_
                .report<diag::shared_weights_differ>(path.span, name, type_text(spec.type),
                                                     type_text(before.type))
                .note<diag::first_layer_here>(before.span);
            return std::nullopt;
        }
    }
    return params;
}

Graph GraphBuilder::finish(std::string network) {
    graph_.name = std::move(network);
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
        for (NodeId input : graph_.nodes[i].inputs)
            if (graph_[input].name.empty())
                graph_[input].name = unique_name(graph_.nodes[i].name + ".constant");
    return std::move(graph_);
}

} // namespace cnnc
