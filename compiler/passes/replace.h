// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Passes that look at one node at a time and write others in its place.
#pragma once

#include "compiler/passes/rewriter.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// What takes the place of one node. Ids of nodes are those of the new graph, in which the node's
// operands are there already. New nodes are called after the node: NODE.role; the one that makes
// its value (role "") has its name.
class Replacement {
  public:
    Replacement(const Graph &from, Rewriter &to, NodeId id) : from_(from), to_(to), id_(id) {}

    const Node &node() const { return from_[id_]; } // of the old graph, as are its params
    const Graph &old_graph() const { return from_; }
    NodeId old_id() const { return id_; }

    NodeId mapped(NodeId old) const { return to_.mapped(old); }
    NodeId input(size_t i = 0) const { return to_.mapped(node().inputs[i]); }
    std::vector<NodeId> inputs() const;
    const Graph &graph() const { return to_.graph(); }
    const Node &at(NodeId id) const { return graph()[id]; } // until a node is added
    Shape shape(NodeId id) const { return at(id).type.shape; }

    NodeId add(Op op, std::vector<NodeId> inputs, const std::string &role);
    NodeId unary(UnaryKind kind, NodeId x, const std::string &role = "unary");
    NodeId binary(BinaryKind kind, NodeId a, NodeId b, const std::string &role = "binary");
    // The same with a number, of the operand's type.
    NodeId binary(BinaryKind kind, NodeId a, double b, const std::string &role = "binary");
    NodeId number(double value, DType dtype = DType::f32);
    NodeId constant(TensorType type, std::vector<double> values, const std::string &role);
    // A Parameter node: the node's i-th weight under another shape of as many elements.
    NodeId parameter(size_t i, Shape shape, const std::string &role);
    // A Parameter node with new data; without any where `values` is empty.
    NodeId new_parameter(Shape shape, const std::vector<double> &values, const std::string &role);
    // A layer with weights, whose params lie under `path` or a name like it.
    NodeId layer(Op op, NodeId x, const std::string &path, const std::vector<TensorData> &weights,
                 const std::string &role);

    // Finishes the node with a copy of it (its name and its params) that is another operator of the
    // same weights, and reads `x`.
    void copy_as(Op op, NodeId x);
    // The node's readers read `value` from now on.
    void finish(NodeId value) { to_.map(id_, value); }

  private:
    NodeId add_parameter(const TensorType &type, TensorData data, const std::string &role);
    std::string name(const std::string &role);

    const Graph &from_;
    Rewriter &to_;
    NodeId id_;
};

// Calls `rule` for every node in order. Where it returns true it has finished the node; elsewhere
// the node is copied.
Graph replace_nodes(const Graph &graph, const std::function<bool(Replacement &)> &rule);

// Per node, how often its value is needed: by readers, and as outputs.
std::vector<int> count_uses(const Graph &graph);

// The same for the graph that replace_nodes() is making; nodes that a rule added are used once.
class UseCounts {
  public:
    explicit UseCounts(const Graph &from) : old_(count_uses(from)) {}

    // To be called for every node, before the rule adds any.
    const std::vector<int> &before(const Replacement &r);

  private:
    std::vector<int> old_, new_;
};

} // namespace cnnc
