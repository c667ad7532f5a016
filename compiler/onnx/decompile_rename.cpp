// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Names for layers that have none to speak of: residual blocks and branches are found by where data
// forks and joins, and their layers become block3.conv1, block3.bn1, ...
#include "compiler/onnx/decompile.h"
#include "compiler/onnx/decompile_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

namespace cnnc {

namespace {

using decompiler::is_generic;
using decompiler::words_of;

constexpr size_t max_region = 64; // nodes between a fork and its join

bool is_constant(const Node &node) {
    return std::holds_alternative<Constant>(node.op);
}

// "Conv_193", "onnx.Conv_193", "123": kinds and counters, of one or two words.
bool says_nothing(std::string_view path) {
    std::vector<std::string_view> words = words_of(path);
    if (words.size() > 1 && words[0] == "onnx") {
        words.erase(words.begin());
    }
    return words.size() == 1 && is_generic(words[0]);
}

class Renaming {
  public:
    explicit Renaming(Graph graph)
        : graph_(std::move(graph)), users_(users(graph_)), region_(graph_.nodes.size(), 0),
          is_output_(graph_.nodes.size(), false) {
        for (const Output &output : graph_.outputs) {
            is_output_[size_t(output.node)] = true;
        }
        for (NodeId id = 0; id < count(); ++id) {
            paths_.push_back(weights_path(graph_, id).value_or(""));
        }
    }

    Graph run() {
        if (!names_say_nothing()) {
            return std::move(graph_);
        }
        for (NodeId id = count(); id-- > 0;) {
            if (region_[size_t(id)] == 0 && is_join(id)) {
                find_region(id);
            }
        }
        number_regions();
        rename();
        return std::move(graph_);
    }

  private:
    NodeId count() const { return NodeId(graph_.nodes.size()); }

    bool names_say_nothing() const {
        size_t layers = 0, meaningless = 0;
        for (NodeId id = 0; id < count(); ++id) {
            if (!paths_[size_t(id)].empty()) {
                ++layers;
                meaningless += says_nothing(paths_[size_t(id)]);
            }
        }
        return layers > 0 && meaningless * 10 >= layers * 9;
    }

    bool is_join(NodeId id) const {
        const Node &node = graph_[id];
        const bool joins =
            std::holds_alternative<Binary>(node.op) || std::holds_alternative<Concat>(node.op);
        return joins && std::count_if(node.inputs.begin(), node.inputs.end(), [&](NodeId input) {
                            return !is_constant(graph_[input]);
                        }) > 1;
    }

    // The nodes between a join and the one value that everything in front of it comes from.
    void find_region(NodeId join) {
        std::set<NodeId> open; // operands of the region that are not in it
        std::vector<NodeId> inside;
        auto take_in = [&](NodeId id) {
            inside.push_back(id);
            for (NodeId input : graph_[id].inputs) {
                if (!is_constant(graph_[input])) {
                    open.insert(input);
                }
            }
        };
        take_in(join);
        while (open.size() > 1 && inside.size() < max_region) {
            const NodeId latest = *open.rbegin();
            open.erase(latest);
            if (region_[size_t(latest)] != 0 || std::holds_alternative<Input>(graph_[latest].op)) {
                return;
            }
            take_in(latest);
        }
        if (open.size() != 1 || !is_closed(inside, join) || layers(inside) < 2) {
            return;
        }
        add_activations(inside, join);
        ++regions_;
        for (NodeId id : inside) {
            region_[size_t(id)] = regions_;
        }
    }

    bool is_closed(const std::vector<NodeId> &inside, NodeId join) const {
        const std::unordered_set<NodeId> members(inside.begin(), inside.end());
        return std::all_of(inside.begin(), inside.end(), [&](NodeId id) {
            const std::vector<NodeId> &users = users_[size_t(id)];
            return id == join || (!is_output_[size_t(id)] && !users.empty() &&
                                  std::all_of(users.begin(), users.end(), [&](NodeId user) {
                                      return members.count(user) > 0;
                                  }));
        });
    }

    size_t layers(const std::vector<NodeId> &inside) const {
        return size_t(std::count_if(inside.begin(), inside.end(),
                                    [&](NodeId id) { return !graph_[id].params.empty(); }));
    }

    // Behind the join, as far as nothing else uses it.
    void add_activations(std::vector<NodeId> &inside, NodeId last) const {
        while (users_[size_t(last)].size() == 1 && !is_output_[size_t(last)]) {
            last = users_[size_t(last)][0];
            const Unary *unary = std::get_if<Unary>(&graph_[last].op);
            if (!unary || unary->kind == UnaryKind::dropout || unary->kind == UnaryKind::identity ||
                region_[size_t(last)] != 0) {
                return;
            }
            inside.push_back(last);
        }
    }

    // In the order of the network.
    void number_regions() {
        std::map<int, int> number;
        for (int &region : region_) {
            if (region != 0) {
                region = number.emplace(region, int(number.size()) + 1).first->second;
            }
        }
    }

    static std::string kind(const Node &node, const std::string &callee) {
        if (std::holds_alternative<Conv>(node.op)) {
            return "conv";
        }
        if (std::holds_alternative<BatchNorm>(node.op)) {
            return "bn";
        }
        return std::holds_alternative<Linear>(node.op) ? "fc" : callee;
    }

    std::string callee(const Node &node) const {
        std::vector<TensorType> types;
        for (NodeId input : node.inputs) {
            types.push_back(graph_[input].type);
        }
        return op_name(node.op, types);
    }

    // The next free name of a kind, in a region or outside of them.
    std::string next_name(int region, const std::string &kind, bool numbered) {
        const std::string prefix = region == 0 ? kind : fmt::format("block{}.{}", region, kind);
        for (;;) {
            const int number = ++counters_[prefix];
            std::string name =
                number == 1 && !numbered ? prefix : fmt::format("{}{}", prefix, number);
            if (names_.insert(name).second) {
                return name;
            }
        }
    }

    void rename() {
        for (NodeId id : graph_.inputs) {
            names_.insert(graph_[id].name);
        }
        std::map<std::string, std::string> renamed; // weights' paths, old to new
        for (NodeId id = 0; id < count(); ++id) {
            Node &node = graph_[id];
            if (std::holds_alternative<Input>(node.op)) {
                continue;
            }
            const int region = is_constant(node) ? 0 : region_[size_t(id)];
            const std::string &old = paths_[size_t(id)];
            node.name = next_name(region, kind(node, callee(node)), !old.empty());
            if (!old.empty() && renamed.emplace(old, node.name).second) {
                for (ParamId param : node.params) {
                    std::string &name = graph_.params[size_t(param)].name;
                    name = node.name + name.substr(old.size());
                }
            }
        }
    }

    Graph graph_;
    std::vector<std::vector<NodeId>> users_;
    std::vector<std::string> paths_; // of weights, per node; empty without
    std::vector<int> region_;        // per node; 0: none
    std::vector<bool> is_output_;
    int regions_ = 0;
    std::map<std::string, int> counters_;
    std::set<std::string> names_;
};

} // namespace

Graph name_by_structure(Graph graph) {
    return Renaming(std::move(graph)).run();
}

} // namespace cnnc
