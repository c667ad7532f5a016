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
            split_names();
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

    // "fire2_conv1", "fire3_conv1": what is numbered in front and followed by the same words
    // becomes a path, fire2.conv1.
    void split_names() {
        std::map<std::string, std::set<std::string>> rests; // per front
        for (const std::string &path : paths_) {
            if (const size_t split = split_of(path)) {
                rests[path.substr(0, split)].insert(path.substr(split + 1));
            }
        }
        std::map<std::set<std::string>, int> times;
        for (const auto &[front, rest] : rests) {
            ++times[rest];
        }
        std::set<std::string> kinds; // fronts without their numbers
        for (const auto &[front, rest] : rests) {
            if (rest.size() > 1 && times[rest] > 1) {
                kinds.insert(without_digits(front));
            }
        }
        move_weights([&](NodeId id) {
            const std::string &path = paths_[size_t(id)];
            const size_t split = split_of(path);
            const bool wanted = split && kinds.count(without_digits(path.substr(0, split)));
            return wanted ? path.substr(0, split) + "." + path.substr(split + 1) : path;
        });
    }

    // Where a path of one word has its first `_` between a digit and something; 0: nowhere.
    static size_t split_of(const std::string &path) {
        for (size_t i = 1; i + 1 < path.size() && path.find('.') == path.npos; ++i) {
            if (path[i] == '_' && path[i - 1] >= '0' && path[i - 1] <= '9') {
                const bool word = !(path[0] >= '0' && path[0] <= '9') && path[i + 1] != '_';
                return word ? i : 0;
            }
        }
        return 0;
    }

    static std::string without_digits(std::string text) {
        text.erase(
            std::remove_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }),
            text.end());
        return text;
    }

    // Renames weights, and with each the first node that has it. Names that are taken stay.
    template <class NewPath>
    void move_weights(const NewPath &new_path) {
        std::set<std::string> taken(paths_.begin(), paths_.end());
        for (const Node &node : graph_.nodes) {
            taken.insert(node.name);
        }
        std::map<std::string, std::string> moved; // old to new
        for (NodeId id = 0; id < count(); ++id) {
            const std::string &old = paths_[size_t(id)];
            const std::string wanted = old.empty() ? "" : new_path(id);
            if (wanted == old || moved.count(old) || !taken.insert(wanted).second) {
                continue;
            }
            moved[old] = graph_[id].name = wanted;
            for (ParamId param : graph_[id].params) {
                std::string &name = graph_.params[size_t(param)].name;
                name = wanted + name.substr(old.size());
            }
        }
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
