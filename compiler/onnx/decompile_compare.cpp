// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whether two graphs compute the same from the same parameters.
#include "compiler/onnx/decompile.h"

#include "compiler/graph/registry.h"

#include <fmt/format.h>

#include <set>

namespace cnnc {

namespace {

// Walks both graphs from their outputs at the same time and pairs up the nodes.
class Walk {
  public:
    Walk(const Graph &a, const Graph &b)
        : a_(a), b_(b), to_b_(a.nodes.size(), -1), to_a_(b.nodes.size(), -1) {}

    bool same() {
        if (a_.name != b_.name) {
            return differ("network", a_.name, b_.name);
        }
        return same_inputs() && same_outputs() && same_rest();
    }
    const std::string &why() const { return why_; }

  private:
    bool differ(std::string_view what, const std::string &a, const std::string &b) {
        why_ = fmt::format("{}: `{}` and `{}`", what, a, b);
        return false;
    }

    // Everything about a node but its operands and, unless it is an input, its own name.
    static std::string text(const Graph &graph, NodeId id) {
        const Node &node = graph[id];
        std::vector<TensorType> types;
        for (NodeId input : node.inputs) {
            types.push_back(graph[input].type);
        }
        std::string text = op_name(node.op, types);
        if (const Constant *constant = std::get_if<Constant>(&node.op)) {
            for (double value : constant->values) {
                text += " " + number_text(value);
            }
        } else {
            for (const auto &[name, value] : op_arguments(node.op)) {
                text += fmt::format(" {}={}", name, value_text(value));
            }
        }
        for (ParamId param : node.params) {
            const Param &p = graph.params[size_t(param)];
            text += fmt::format(" {}: {}", p.name, type_text(p.type));
        }
        if (std::holds_alternative<Input>(node.op)) {
            text += " " + node.name;
        }
        return text + " -> " + type_text(node.type);
    }

    bool pair_up(NodeId a, NodeId b) {
        const bool constant = std::holds_alternative<Constant>(a_[a].op);
        const NodeId known_b = to_b_[size_t(a)], known_a = to_a_[size_t(b)];
        if (!constant && (known_b >= 0 || known_a >= 0)) {
            return (known_b == b && known_a == a) || differ("node", a_[a].name, b_[b].name);
        }
        if (const std::string x = text(a_, a), y = text(b_, b); x != y) {
            return differ("node " + a_[a].name, x, y);
        }
        if (a_[a].inputs.size() != b_[b].inputs.size()) {
            return differ("operands of " + a_[a].name, std::to_string(a_[a].inputs.size()),
                          std::to_string(b_[b].inputs.size()));
        }
        to_b_[size_t(a)] = b;
        to_a_[size_t(b)] = a;
        for (size_t i = 0; i < a_[a].inputs.size(); ++i) {
            todo_.emplace_back(a_[a].inputs[i], b_[b].inputs[i]);
        }
        return true;
    }

    bool walk() {
        while (!todo_.empty()) {
            const auto [a, b] = todo_.back();
            todo_.pop_back();
            if (!pair_up(a, b)) {
                return false;
            }
        }
        return true;
    }

    bool same_inputs() {
        if (a_.inputs.size() != b_.inputs.size()) {
            return differ("inputs", std::to_string(a_.inputs.size()),
                          std::to_string(b_.inputs.size()));
        }
        for (size_t i = 0; i < a_.inputs.size(); ++i) {
            todo_.emplace_back(a_.inputs[i], b_.inputs[i]);
        }
        return walk();
    }

    bool same_outputs() {
        if (a_.outputs.size() != b_.outputs.size()) {
            return differ("outputs", std::to_string(a_.outputs.size()),
                          std::to_string(b_.outputs.size()));
        }
        for (size_t i = 0; i < a_.outputs.size(); ++i) {
            const Output &x = a_.outputs[i], &y = b_.outputs[i];
            if (x.name != y.name || x.layout != y.layout) {
                return differ("output", x.name, y.name);
            }
            todo_.emplace_back(x.node, y.node);
        }
        return walk();
    }

    // What no output depends on: the same number of nodes, the same parameters.
    bool same_rest() {
        const auto operators = [](const Graph &graph) {
            size_t count = 0;
            for (const Node &node : graph.nodes) {
                count += !std::holds_alternative<Constant>(node.op);
            }
            return count;
        };
        if (operators(a_) != operators(b_)) {
            return differ("number of operators", std::to_string(operators(a_)),
                          std::to_string(operators(b_)));
        }
        const auto params = [](const Graph &graph) {
            std::set<std::string> names;
            for (const Param &param : graph.params) {
                names.insert(param.name + ": " + type_text(param.type));
            }
            return names;
        };
        const std::set<std::string> x = params(a_), y = params(b_);
        for (const std::string &name : x) {
            if (!y.count(name)) {
                return differ("parameter", name, "");
            }
        }
        return x.size() == y.size() ||
               differ("parameters", std::to_string(x.size()), std::to_string(y.size()));
    }

    const Graph &a_;
    const Graph &b_;
    std::vector<NodeId> to_b_, to_a_;
    std::vector<std::pair<NodeId, NodeId>> todo_;
    std::string why_;
};

} // namespace

bool same_network(const Graph &a, const Graph &b, std::string *why) {
    Walk walk(a, b);
    const bool same = walk.same();
    if (!same && why) {
        *why = walk.why();
    }
    return same;
}

} // namespace cnnc
