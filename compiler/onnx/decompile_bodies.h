// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph's nodes grouped by the paths of their weights, and the inside of a group as a sequence
// of calls: what a block's body will say.
#pragma once

#include "compiler/onnx/decompile_arguments.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cnnc::decompiler {

// The nodes whose weights' paths begin with the same words ("layer1.0"), and the operators without
// weights that belong to them.
struct Group {
    std::string word; // the last of its path
    int parent = -1;
    int depth = 0;
    int first = 0, last = 0; // the groups inside, itself included: ids of a depth-first numbering
    int size = 0;            // nodes, those of inner groups included
    int weighted = 0;        // those that have weights
    int results = 0;         // nodes that are used outside
    NodeId result = -1;      // the last one
    bool closed = true; // no weights are shared with other groups, and every path inside is one
                        // without this group's own before it
};

struct GroupTree {
    std::vector<Group> groups; // [0] is the network; a group comes before those inside
    std::vector<int> owner;    // per node, the innermost group; constants have none (-1)

    bool inside(NodeId node, int group) const {
        const int own = owner[size_t(node)];
        return own >= groups[size_t(group)].first && own <= groups[size_t(group)].last;
    }
    // The words between two groups of which one contains the other: "layer1.0".
    std::string path(int group, int outer) const;
};

GroupTree group_by_paths(const Graph &graph);

// What stands for a value in a body.
struct Operand {
    enum class Kind : uint8_t { item, input, text };
    Kind kind = Kind::text;
    int index = 0;    // of the item or the body's input
    std::string text; // a constant

    bool operator==(const Operand &o) const {
        return kind == o.kind && index == o.index && text == o.text;
    }
    bool operator!=(const Operand &o) const { return !(*this == o); }
};

// One call: of an operator, or of the block that stands for a group.
struct Item {
    NodeId node = -1; // whose value this is
    int group = -1;   // the group called; -1: the node's operator
    OperatorCall call;
    std::vector<Operand> operands;
    std::string path;    // behind `as`; empty for operators without weights
    bool shared = false; // weights that an item before has already

    bool is_block() const { return group >= 0; }
};

struct Body {
    std::vector<NodeId> inputs; // from outside, in the order in which they are met
    std::vector<Item> items;    // each behind its operands, and as near to them as can be
    std::vector<Operand> results;
};

// Builds bodies. Which groups inside are called is the caller's to say.
class BodyBuilder {
  public:
    BodyBuilder(const Graph &graph, const GroupTree &tree);

    const Graph &graph() const { return graph_; }
    const GroupTree &tree() const { return tree_; }
    // The call of a group is filled in from the group's own body and call.
    struct Callee {
        const std::vector<NodeId> *inputs = nullptr;
        OperatorCall call;
    };
    // Whether group `inner` is called inside of `outer`, and how.
    using Callees = std::function<std::optional<Callee>(int inner, int outer)>;

    // The inside of a group (0: the whole network). Where calls would need each other's results,
    // the groups in question are added to `tangled` and the result is not to be used.
    Body build(int group, const Callees &callees, std::vector<int> &tangled) const;
    // What node `id`'s call says, found once.
    const OperatorCall &call(NodeId id) const;

  private:
    friend class BodyWalk;

    const Graph &graph_;
    const GroupTree &tree_;
    std::vector<std::string> paths_; // of the weights, per node
    std::vector<bool> shared_;       // weights used by several nodes
    mutable std::vector<std::unique_ptr<OperatorCall>> calls_;
};

} // namespace cnnc::decompiler
