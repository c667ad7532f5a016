// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See rewriter.h: new nodes and params, under names that are free.
#include "compiler/passes/rewriter.h"

#include <algorithm>
#include <cassert>

namespace cnnc {
namespace {

// A path again, also where the last component is a number.
std::string numbered(const std::string &path, int i) {
    return path + ".copy" + std::to_string(i);
}

} // namespace

Rewriter::Rewriter(const Graph &from)
    : from_(from), map_(from.nodes.size(), -1), param_map_(from.params.size(), -1),
      param_users_(from.params.size()) {
    to_.name = from.name;
    to_.nodes.reserve(from.nodes.size());
    for (size_t n = 0; n < from.nodes.size(); n++) {
        node_names_.insert(from.nodes[n].name);
        for (ParamId p : from.nodes[n].params)
            param_users_[size_t(p)].push_back(NodeId(n));
    }
    for (size_t p = 0; p < from.params.size(); p++)
        old_params_[from.params[p].name] = ParamId(p);
}

NodeId Rewriter::copy(NodeId id) {
    Node node = from_[id];
    for (NodeId &input : node.inputs) {
        input = mapped(input);
        assert(input >= 0);
    }
    for (ParamId &param : node.params) {
        ParamId &to = param_map_[size_t(param)];
        if (to < 0) {
            to = ParamId(to_.params.size());
            to_.params.push_back(from_.params[size_t(param)]);
        }
        param = to;
    }
    map(id, append(std::move(node)));
    return mapped(id);
}

NodeId Rewriter::append(Node node) {
    to_.nodes.push_back(std::move(node));
    return NodeId(to_.nodes.size()) - 1;
}

NodeId Rewriter::append(Op op, std::vector<NodeId> inputs, std::string name, Span span) {
    std::vector<TensorType> operands;
    for (NodeId input : inputs)
        operands.push_back(to_[input].type);
    Diagnostics none;
    std::optional<TensorType> type = infer_type(op, operands, {}, none);
    assert(type && "a pass made an operator that does not fit");
    return append({std::move(op), std::move(inputs), {}, *type, std::move(name), span});
}

ParamId Rewriter::add_param(Param param) {
    const bool is_new = new_params_.insert(param.name).second;
    assert(is_new);
    (void)is_new;
    to_.params.push_back(std::move(param));
    return ParamId(to_.params.size()) - 1;
}

std::string Rewriter::free_path(const std::string &wanted, const std::vector<std::string> &roles,
                                NodeId owner) const {
    auto is_free = [&](const std::string &name) {
        if (new_params_.count(name) > 0)
            return false;
        auto old = old_params_.find(name);
        if (old == old_params_.end())
            return true;
        const auto &users = param_users_[size_t(old->second)];
        return std::all_of(users.begin(), users.end(), [&](NodeId u) { return u == owner; });
    };
    std::string path = wanted;
    auto all_free = [&] {
        return std::all_of(roles.begin(), roles.end(), [&](const std::string &role) {
            return is_free(role.empty() ? path : path + "." + role);
        });
    };
    for (int i = 1; !all_free(); i++)
        path = numbered(wanted, i);
    return path;
}

std::string Rewriter::fresh_name(const std::string &wanted) {
    std::string name = wanted;
    for (int i = 1; !node_names_.insert(name).second; i++)
        name = numbered(wanted, i);
    return name;
}

Graph Rewriter::finish() {
    for (NodeId input : from_.inputs)
        to_.inputs.push_back(mapped(input));
    for (Output output : from_.outputs) {
        output.node = mapped(output.node);
        to_.outputs.push_back(output);
    }
    return std::move(to_);
}

} // namespace cnnc
