// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The walk over a graph's nodes. What a node needs is there before it; a node that fails leaves
// nothing for its readers, which then have nothing to say.
#include "compiler/onnx/import_graph.h"

#include "compiler/onnx/order.h"

#include <limits>

namespace cnnc {
namespace {

bool is_standard(const std::string &domain) {
    return domain.empty() || domain == "ai.onnx";
}

void count_uses(const pb::GraphProto &graph, std::unordered_map<std::string, int> &uses) {
    for (const pb::NodeProto &node : graph.node()) {
        for (const std::string &input : node.input())
            ++uses[input];
        for (const pb::AttributeProto &attribute : node.attribute()) {
            if (attribute.has_g())
                count_uses(attribute.g(), uses);
        }
    }
    for (const pb::ValueInfoProto &output : graph.output())
        ++uses[output.name()];
}

// Initializers are read when a node needs them: their data may be large, and nobody's.
class Initializers {
  public:
    Initializers(ImportState &state, Scope &scope, const pb::GraphProto &graph)
        : state_(state), scope_(scope) {
        for (const pb::TensorProto &tensor : graph.initializer()) {
            if (!tensors_.emplace(tensor.name(), &tensor).second)
                state.diags.report<diag::onnx_two_values>({}, brief(tensor.name()));
        }
        for (const pb::SparseTensorProto &tensor : graph.sparse_initializer())
            state.diags.report<diag::onnx_sparse>({}, brief(tensor.values().name()));
    }

    bool has(const std::string &name) const { return tensors_.count(name) > 0; }

    void read(const std::string &name) {
        auto tensor = tensors_.find(name);
        if (tensor == tensors_.end() || scope_.values.count(name))
            return;
        std::optional<TensorData> data =
            read_tensor(*tensor->second, name, state_.files, state_.diags);
        scope_.values[name] = data ? Result(known_tensor(*data, name)) : Result();
    }

    // Those that nodes inside subgraphs may read.
    void read_for(const pb::NodeProto &node) {
        for (const std::string &input : node.input())
            read(input);
        for (const pb::AttributeProto &attribute : node.attribute()) {
            if (!attribute.has_g())
                continue;
            for (const pb::NodeProto &inner : attribute.g().node())
                read_for(inner);
            for (const pb::ValueInfoProto &output : attribute.g().output())
                read(output.name());
        }
    }

  private:
    ImportState &state_;
    Scope &scope_;
    std::unordered_map<std::string, const pb::TensorProto *> tensors_;
};

void import_node(ImportState &state, Scope &scope, const pb::NodeProto &proto, std::string path) {
    OnnxNode node(state, scope, proto, std::move(path));
    const OnnxRule *rule = is_standard(proto.domain()) ? find_onnx_rule(proto.op_type()) : nullptr;
    state.diags.push_context(
        {diag::onnx_in_node::format(node_title(proto), brief(proto.op_type())), {}});
    if (!rule) {
        node.unsupported();
    } else if (node.read_inputs(size_t(rule->min_inputs), rule->max_inputs < 0
                                                              ? std::numeric_limits<size_t>::max()
                                                              : size_t(rule->max_inputs))) {
        rule->import(node);
    } else {
        node.fail_quietly();
    }
    node.finish();
    state.diags.pop_context();
}

} // namespace

bool import_nodes(ImportState &state, Scope &scope, const pb::GraphProto &graph,
                  const std::string &prefix) {
    size_t errors = state.diags.error_count();
    count_uses(graph, scope.uses);
    Initializers initializers(state, scope, graph);
    auto is_outer = [&](const std::string &name) {
        return initializers.has(name) || scope.find(name) != nullptr;
    };
    auto nodes = ordered_nodes(graph, is_outer, state.diags);
    if (!nodes || state.diags.error_count() > errors)
        return false;
    NodeNames names(*nodes);
    for (const pb::NodeProto *node : *nodes) {
        if (state.diags.full())
            return false;
        initializers.read_for(*node);
        std::string path = names.path(*node);
        import_node(state, scope, *node, prefix.empty() ? path : prefix + "." + path);
    }
    for (const pb::ValueInfoProto &output : graph.output())
        initializers.read(output.name());
    return true;
}

std::optional<std::vector<Result>> import_subgraph(ImportState &state, const Scope &outer,
                                                   const pb::GraphProto &graph,
                                                   const std::string &prefix) {
    Scope scope{&outer};
    if (!import_nodes(state, scope, graph, prefix))
        return std::nullopt;
    std::vector<Result> results;
    for (const pb::ValueInfoProto &output : graph.output()) {
        const Result *value = scope.find(output.name());
        results.push_back(value ? *value : Result());
    }
    return results;
}

} // namespace cnnc
