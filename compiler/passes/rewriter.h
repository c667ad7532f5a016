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
    // A param whose name is free (see free_path).
    ParamId add_param(Param param);
    // `wanted`, or `wanted` with a number, such that no other param is called path.role ("" role:
    // path). Names that in the old graph only `owner` uses are free: the pass replaces them.
    std::string free_path(const std::string &wanted, const std::vector<std::string> &roles,
                          NodeId owner) const;
    // A node name that neither graph uses: `wanted`, or `wanted` with a number.
    std::string fresh_name(const std::string &wanted);

    // Readers of old node `id` will read new node `to`.
    void map(NodeId id, NodeId to) { map_[size_t(id)] = to; }
    NodeId mapped(NodeId id) const { return map_[size_t(id)]; }

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
