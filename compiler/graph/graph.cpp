// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Questions about a graph: names, users, multiply-adds, equality.
#include "compiler/graph/graph.h"

#include "compiler/graph/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace cnnc {

namespace {

// ASCII only, whatever the locale.
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](char c) { return is_letter(c) || is_digit(c); });
}

std::vector<TensorType> operand_types(const Graph &graph, const Node &node) {
    std::vector<TensorType> types;
    for (NodeId input : node.inputs) {
        types.push_back(graph[input].type);
    }
    return types;
}

// Products saturate here, far above any real network, so that hostile extents cannot overflow.
constexpr int64_t max_multiply_adds = int64_t(1) << 53;

int64_t saturating_product(int64_t a, int64_t b) {
    return b != 0 && a > max_multiply_adds / b ? max_multiply_adds : a * b;
}

// Compares two graphs piece by piece; the first difference ends it, in words.
class Comparison {
  public:
    Comparison(const Graph &a, const Graph &b) : a_(a), b_(b) {}

    bool same() {
        return (a_.name == b_.name || differ("network", a_.name, b_.name)) && same_inputs() &&
               same_nodes() && same_outputs();
    }
    const std::string &why() const { return why_; }

  private:
    bool differ(std::string_view what, const std::string &a, const std::string &b) {
        why_ = fmt::format("{}: `{}` and `{}`", what, a, b);
        return false;
    }
    bool same_text(std::string_view what, const std::string &a, const std::string &b) {
        return a == b || differ(what, a, b);
    }

    // Everything about a node but its operands, which same_operand() compares.
    std::string text(const Graph &graph, NodeId id) const {
        const Node &node = graph[id];
        std::string text = node.name + " = " + op_name(node.op, operand_types(graph, node));
        for (const auto &[name, value] : op_arguments(node.op)) {
            text += fmt::format(" {}={}", name, value_text(value));
        }
        for (ParamId param : node.params) {
            const Param &p = graph.params[size_t(param)];
            text += fmt::format(" {}: {}", p.name, type_text(p.type));
        }
        return text + " -> " + type_text(node.type);
    }

    static std::string constant_text(const Constant &c) {
        return c.is_scalar() ? number_text(c.value()) : shape_text(c.type.shape) + " numbers";
    }

    // Constants are equal by value; everything else is compared before it is used.
    bool same_operand(const std::string &what, NodeId a, NodeId b) {
        const Constant *x = std::get_if<Constant>(&a_[a].op);
        const Constant *y = std::get_if<Constant>(&b_[b].op);
        if (!x || !y) {
            return same_text(what, x ? "a constant" : a_[a].name, y ? "a constant" : b_[b].name);
        }
        // Not by ==, for which no NaN is equal and 0 is -0.
        const auto same_value = [](double p, double q) {
            return std::memcmp(&p, &q, sizeof p) == 0;
        };
        return same_text(what, type_text(x->type), type_text(y->type)) &&
               (std::equal(x->values.begin(), x->values.end(), y->values.begin(), y->values.end(),
                           same_value) ||
                differ(what, constant_text(*x), constant_text(*y)));
    }

    bool same_node(NodeId a, NodeId b) {
        const Node &x = a_[a], &y = b_[b];
        if (!same_text("node", text(a_, a), text(b_, b))) {
            return false;
        }
        if (x.inputs.size() != y.inputs.size()) {
            return differ("operands of " + x.name, std::to_string(x.inputs.size()),
                          std::to_string(y.inputs.size()));
        }
        for (size_t i = 0; i < x.inputs.size(); ++i) {
            if (!same_operand("operand of " + x.name, x.inputs[i], y.inputs[i])) {
                return false;
            }
        }
        return true;
    }

    bool same_inputs() { return same_sequence("inputs", a_.inputs, b_.inputs); }

    bool same_sequence(const char *what, const std::vector<NodeId> &a,
                       const std::vector<NodeId> &b) {
        if (a.size() != b.size()) {
            return differ(what, std::to_string(a.size()), std::to_string(b.size()));
        }
        for (size_t i = 0; i < a.size(); ++i) {
            if (!same_node(a[i], b[i])) {
                return false;
            }
        }
        return true;
    }

    static std::vector<NodeId> operators(const Graph &graph) {
        std::vector<NodeId> ids;
        for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
            const Op &op = graph[id].op;
            if (!std::holds_alternative<Input>(op) && !std::holds_alternative<Constant>(op)) {
                ids.push_back(id);
            }
        }
        return ids;
    }

    bool same_nodes() { return same_sequence("operators", operators(a_), operators(b_)); }

    static std::string text(const Output &output) {
        return output.name + (output.layout == Layout::nhwc ? " layout NHWC" : "");
    }

    bool same_outputs() {
        if (a_.outputs.size() != b_.outputs.size()) {
            return differ("outputs", std::to_string(a_.outputs.size()),
                          std::to_string(b_.outputs.size()));
        }
        for (size_t i = 0; i < a_.outputs.size(); ++i) {
            const Output &x = a_.outputs[i], &y = b_.outputs[i];
            if (!same_text("output", text(x), text(y)) ||
                !same_operand("output " + x.name, x.node, y.node)) {
                return false;
            }
        }
        return true;
    }

    const Graph &a_;
    const Graph &b_;
    std::string why_;
};

} // namespace

bool is_path(std::string_view text) {
    const size_t dot = text.find('.');
    const std::string_view first = text.substr(0, dot);
    const bool number = !first.empty() && std::all_of(first.begin(), first.end(), is_digit);
    if (!number && (!is_word(first) || is_digit(first[0]))) {
        return false;
    }
    for (size_t begin = dot; begin != std::string_view::npos;) {
        const size_t end = text.find('.', begin + 1);
        if (!is_word(text.substr(begin + 1, end - begin - 1))) {
            return false;
        }
        begin = end;
    }
    return true;
}

std::vector<std::vector<NodeId>> users(const Graph &graph) {
    std::vector<std::vector<NodeId>> result(graph.nodes.size());
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        for (NodeId input : graph[id].inputs) {
            result[size_t(input)].push_back(id);
        }
    }
    return result;
}

std::optional<std::string> weights_path(const Graph &graph, NodeId id) {
    const Node &node = graph[id];
    const std::vector<ParamSpec> specs = param_types(node.op, operand_types(graph, node));
    if (specs.empty() || specs.size() != node.params.size()) {
        return std::nullopt;
    }
    std::optional<std::string> path;
    for (size_t i = 0; i < specs.size(); ++i) {
        const std::string &name = graph.params[size_t(node.params[i])].name;
        const std::string suffix = specs[i].role.empty() ? "" : "." + specs[i].role;
        if (name.size() <= suffix.size() ||
            name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
            return std::nullopt;
        }
        const std::string own = name.substr(0, name.size() - suffix.size());
        if (path && *path != own) {
            return std::nullopt;
        }
        path = own;
    }
    return path;
}

int64_t multiply_adds(const Graph &graph, NodeId id) {
    const Node &node = graph[id];
    const int64_t results = element_count(node.type.shape);
    return match(
        node.op,
        [&](const Conv &c) {
            int64_t terms = graph[node.inputs[0]].type.shape[1] / c.groups;
            for (int64_t extent : c.kernel) {
                terms = saturating_product(terms, extent);
            }
            return saturating_product(results, terms);
        },
        [&](const ConvTranspose &c) {
            int64_t terms = c.out_channels / c.groups;
            for (int64_t extent : c.kernel) {
                terms = saturating_product(terms, extent);
            }
            return saturating_product(element_count(graph[node.inputs[0]].type.shape), terms);
        },
        [&](const Linear &) {
            return saturating_product(results, graph[node.inputs[0]].type.shape.back());
        },
        [&](const MatMul &) {
            return saturating_product(results, graph[node.inputs[0]].type.shape.back());
        },
        [](const auto &) -> int64_t { return 0; });
}

bool same_graph(const Graph &a, const Graph &b, std::string *why) {
    Comparison comparison(a, b);
    const bool same = comparison.same();
    if (!same && why) {
        *why = comparison.why();
    }
    return same;
}

} // namespace cnnc
