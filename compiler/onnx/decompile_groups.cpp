// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Groups the nodes of a graph by the paths of their weights.
#include "compiler/onnx/decompile_names.h"

#include <algorithm>
#include <unordered_map>

namespace cnnc::decompiler {

namespace {

constexpr int max_depth = 10; // of groups; the words of deeper paths stay together

bool is_constant(const Node &node) {
    return std::holds_alternative<Constant>(node.op);
}

// Operators that belong to the layer before them rather than to the one behind.
bool is_elementwise(const Op &op) {
    return std::holds_alternative<Unary>(op) || std::holds_alternative<Binary>(op) ||
           std::holds_alternative<Where>(op) || std::holds_alternative<Concat>(op);
}

class Grouping {
  public:
    explicit Grouping(const Graph &graph) : graph_(graph), users_(users(graph)) {
        tree_.groups.emplace_back();
        children_.emplace_back();
        tree_.owner.assign(graph.nodes.size(), -1);
        paths_.resize(graph.nodes.size());
    }

    GroupTree run() {
        for (NodeId id = 0; id < count(); ++id) {
            if (!graph_[id].params.empty()) {
                paths_[size_t(id)] = weights_path(graph_, id).value_or(graph_[id].name);
                owner(id) = insert(paths_[size_t(id)]);
            }
        }
        place_by_name();
        if (!names_say_something_) {
            place_by_neighbours();
        }
        for (NodeId id = 0; id < count(); ++id) {
            if (owner(id) < 0 && !is_constant(graph_[id])) {
                owner(id) = 0;
            }
        }
        release_joins();
        number();
        count_contents();
        find_results();
        find_sharing();
        return std::move(tree_);
    }

  private:
    NodeId count() const { return NodeId(graph_.nodes.size()); }
    int &owner(NodeId id) { return tree_.owner[size_t(id)]; }
    Group &group(int id) { return tree_.groups[size_t(id)]; }
    bool is_weighted(NodeId id) const { return !graph_[id].params.empty(); }

    // The group of a path: all words but the last.
    int insert(std::string_view path) {
        const std::vector<std::string_view> words = words_of(path);
        int current = 0;
        for (size_t i = 0; i + 1 < words.size() && i < size_t(max_depth); ++i) {
            current = child(current, words[i]);
        }
        return current;
    }

    int child(int parent, std::string_view word) {
        const int next = int(tree_.groups.size());
        const int result = children_[size_t(parent)].emplace(word, next).first->second;
        if (result == next) {
            Group group;
            group.word = word;
            group.parent = parent;
            group.depth = tree_.groups[size_t(parent)].depth + 1;
            tree_.groups.push_back(std::move(group));
            children_.emplace_back();
        }
        return result;
    }

    // Operators without weights whose names begin with a group's path.
    void place_by_name() {
        for (NodeId id = 0; id < count(); ++id) {
            const Node &node = graph_[id];
            if (is_weighted(id) || is_constant(node) || std::holds_alternative<Input>(node.op)) {
                continue;
            }
            int current = 0;
            std::vector<std::string_view> words = words_of(node.name);
            words.pop_back();
            for (std::string_view word : words) {
                const auto &children = children_[size_t(current)];
                const auto found = children.find(std::string(word));
                if (found == children.end()) {
                    break;
                }
                current = found->second;
            }
            if (current != 0) {
                owner(id) = current;
                names_say_something_ = true;
            }
        }
    }

    // Where their names say nothing: activations and joins to the layer before them, everything
    // else to the group it lies inside of.
    void place_by_neighbours() {
        std::vector<int> behind(graph_.nodes.size(), -1); // the group of the next layer
        for (NodeId id = count(); id-- > 0;) {
            for (NodeId user : users_[size_t(id)]) {
                if (behind[size_t(id)] < 0) {
                    behind[size_t(id)] = is_weighted(user) ? owner(user) : behind[size_t(user)];
                }
            }
        }
        for (NodeId id = 0; id < count(); ++id) {
            const Node &node = graph_[id];
            if (owner(id) >= 0 || is_constant(node) || node.inputs.empty()) {
                continue;
            }
            const int before = group_before(node);
            const int around =
                before > 0 && behind[size_t(id)] > 0 ? common(before, behind[size_t(id)]) : 0;
            owner(id) = is_elementwise(node.op) ? before : std::max(around, 0);
        }
    }

    // The group of the latest operand, or the one around it if another operand is in that.
    int group_before(const Node &node) {
        NodeId latest = -1;
        for (NodeId input : node.inputs) {
            latest = owner(input) >= 0 ? std::max(latest, input) : latest;
        }
        int result = latest < 0 ? 0 : owner(latest);
        for (NodeId input : node.inputs) {
            const int other = owner(input);
            if (other > 0 && common(other, result) == other) {
                result = other;
            }
        }
        return result;
    }

    int common(int a, int b) {
        while (a != b) {
            int &deeper = group(a).depth >= group(b).depth ? a : b;
            deeper = group(deeper).parent;
        }
        return a;
    }

    // Joins of many tensors that all come from outside: the group is simpler with the result as its
    // operand, and equal to others of which fewer are joined.
    void release_joins() {
        for (NodeId id = 0; id < count(); ++id) {
            const Node &node = graph_[id];
            while (std::holds_alternative<Concat>(node.op) && owner(id) > 0) {
                const int own = owner(id);
                const bool foreign =
                    std::all_of(node.inputs.begin(), node.inputs.end(), [&](NodeId input) {
                        return owner(input) < 0 || common(owner(input), own) != own;
                    });
                if (!foreign) {
                    break;
                }
                owner(id) = group(own).parent;
            }
        }
    }

    // Numbers the groups depth first, so that what lies inside of one is a range.
    void number() {
        std::vector<int> order, todo = {0};
        while (!todo.empty()) {
            const int id = todo.back();
            todo.pop_back();
            order.push_back(id);
            std::vector<int> inner;
            for (const auto &[word, child] : children_[size_t(id)]) {
                inner.push_back(child);
            }
            std::sort(inner.rbegin(), inner.rend()); // first come, first numbered
            todo.insert(todo.end(), inner.begin(), inner.end());
        }
        std::vector<int> to(order.size());
        std::vector<Group> groups;
        for (size_t i = 0; i < order.size(); ++i) {
            to[size_t(order[i])] = int(i);
            groups.push_back(std::move(group(order[i])));
            groups.back().first = groups.back().last = int(i);
        }
        for (Group &group : groups) {
            group.parent = group.parent < 0 ? -1 : to[size_t(group.parent)];
        }
        for (size_t i = groups.size(); i-- > 1;) {
            Group &parent = groups[size_t(groups[i].parent)];
            parent.last = std::max(parent.last, groups[i].last);
        }
        for (int &own : tree_.owner) {
            own = own < 0 ? -1 : to[size_t(own)];
        }
        tree_.groups = std::move(groups);
    }

    void count_contents() {
        for (NodeId id = 0; id < count(); ++id) {
            if (owner(id) >= 0) {
                ++group(owner(id)).size;
                group(owner(id)).weighted += is_weighted(id);
            }
        }
        for (size_t i = tree_.groups.size(); i-- > 1;) {
            const Group &inner = tree_.groups[i];
            group(inner.parent).size += inner.size;
            group(inner.parent).weighted += inner.weighted;
        }
        for (NodeId id = 0; id < count(); ++id) {
            if (is_weighted(id)) {
                check_paths(owner(id), paths_[size_t(id)]);
            }
        }
    }

    // Inside of a group the path begins behind the group's own, and has to be one still.
    void check_paths(int own, std::string_view path) {
        const std::vector<std::string_view> words = words_of(path);
        for (int g = own; g > 0; g = group(g).parent) {
            const size_t depth = size_t(group(g).depth);
            group(g).closed &= depth < words.size() && is_path(words[depth]);
        }
    }

    // A node is a result of every group that it is in and one of its users is not.
    void find_results() {
        std::vector<bool> is_output(graph_.nodes.size(), false);
        for (const Output &output : graph_.outputs) {
            is_output[size_t(output.node)] = true;
        }
        for (NodeId id = 0; id < count(); ++id) {
            if (owner(id) < 0) {
                continue;
            }
            int inmost = owner(id);
            const bool outside = is_output[size_t(id)] || users_[size_t(id)].empty();
            for (NodeId user : users_[size_t(id)]) {
                inmost = common(inmost, owner(user));
            }
            const int end = outside ? 0 : inmost;
            for (int g = owner(id); g != end; g = group(g).parent) {
                ++group(g).results;
                group(g).result = id;
            }
        }
    }

    void find_sharing() {
        std::vector<int> home(graph_.params.size(), -1); // the innermost group with all its users
        for (NodeId id = 0; id < count(); ++id) {
            for (ParamId param : graph_[id].params) {
                int &known = home[size_t(param)];
                known = known < 0 ? owner(id) : common(known, owner(id));
            }
        }
        for (NodeId id = 0; id < count(); ++id) {
            for (ParamId param : graph_[id].params) {
                for (int g = owner(id); g != home[size_t(param)]; g = group(g).parent) {
                    group(g).closed = false;
                }
            }
        }
    }

    const Graph &graph_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<std::string> paths_; // of weights
    GroupTree tree_;
    std::vector<std::unordered_map<std::string, int>> children_; // as numbered while inserting
    bool names_say_something_ = false;
};

} // namespace

std::string GroupTree::path(int group, int outer) const {
    std::string path;
    for (; group != outer; group = groups[size_t(group)].parent) {
        const std::string &word = groups[size_t(group)].word;
        path = path.empty() ? word : word + "." + path;
    }
    return path;
}

GroupTree group_by_paths(const Graph &graph) {
    return Grouping(graph).run();
}

} // namespace cnnc::decompiler
