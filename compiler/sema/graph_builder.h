// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adds nodes to a graph, keeping the names of nodes unique and giving each its weights.
#pragma once

#include "compiler/graph/graph.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cnnc {

// Where an instance stands in the network; see elaborate.h.
struct InstancePath {
    std::string name;    // wanted for the node
    std::string weights; // what the weights' names start with
    bool shared = false; // whether they may exist already
    Span span;           // the text that gave the path
};

std::string join_path(const std::string &prefix, const std::string &name);

class GraphBuilder {
  public:
    explicit GraphBuilder(Diagnostics &diags) : diags_(diags) {}

    const Graph &graph() const { return graph_; }
    const TensorType &type(NodeId node) const { return graph_[node].type; }

    NodeId add_input(const std::string &name, TensorType type, Layout layout, Span span);
    // A scalar; it is named when the graph is finished.
    NodeId add_constant(DType dtype, double value, Span span);
    // Infers the type and makes the weights. Nothing after a mistake was reported.
    std::optional<NodeId> add(Op op, std::vector<NodeId> inputs, const InstancePath &path,
                              const CallSpans &where, Span span);
    void add_output(Output output) { graph_.outputs.push_back(std::move(output)); }

    // The whole graph, everything in it named.
    Graph finish(std::string network);

  private:
    std::string unique_name(const std::string &wanted);
    std::optional<std::vector<ParamId>> make_params(const std::vector<ParamSpec> &specs,
                                                    const InstancePath &path);

    Diagnostics &diags_;
    Graph graph_;
    std::unordered_set<std::string> names_;
    std::unordered_map<std::string, int> suffixes_; // last number tried behind a name
    std::unordered_map<std::string, ParamId> params_;
};

} // namespace cnnc
