// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Builds a new graph from an old one node by node, as every graph pass does: ids are mapped, and
// only the params that are still used come along.
#pragma once

#include "compiler/graph/graph.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cnnc {

class Rewriter {
  public:
    explicit Rewriter(const Graph &from);

    // Appends old node `id` as it is; its inputs must be mapped already.
    NodeId copy(NodeId id);
    // Appends a node whose inputs and params are already those of the new graph.
    NodeId append(Node node);
    // Appends an operator without weights, of the type that infer_type says; it must fit.
    NodeId append(Op op, std::vector<NodeId> inputs, std::string name, Span span);
    // A param whose name is free (see free_path).
    ParamId add_param(Param param);
    void set_params(NodeId id, std::vector<ParamId> params) { to_[id].params = std::move(params); }
    void rename(NodeId id, std::string name) { to_[id].name = std::move(name); }
    // Makes another operator of the same type of a node of the new graph.
    void replace(NodeId id, Op op, std::vector<NodeId> inputs) {
        to_[id].op = std::move(op);
        to_[id].inputs = std::move(inputs);
    }
    // `wanted`, or `wanted` with a number, such that no other param is called path.role ("" role:
    // path). Names that in the old graph only `owner` uses are free: the pass replaces them.
    std::string free_path(const std::string &wanted, const std::vector<std::string> &roles,
                          NodeId owner) const;
    // A node name that neither graph uses: `wanted`, or `wanted` with a number.
    std::string fresh_name(const std::string &wanted);

    // Readers of old node `id` will read new node `to`.
    void map(NodeId id, NodeId to) { map_[size_t(id)] = to; }
    NodeId mapped(NodeId id) const { return map_[size_t(id)]; }

    // The new graph so far.
    const Graph &graph() const { return to_; }
    // The new graph, with the old one's inputs and outputs, mapped.
    Graph finish();

  private:
    const Graph &from_;
    Graph to_;
    std::vector<NodeId> map_;
    std::vector<ParamId> param_map_;
    std::vector<std::vector<NodeId>> param_users_; // of the old graph
    std::unordered_set<std::string> node_names_;
    std::unordered_set<std::string> new_params_;          // names of those added
    std::unordered_map<std::string, ParamId> old_params_; // by name
};

} // namespace cnnc
