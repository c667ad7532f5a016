// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Prints a graph as flat .cnn.
#include "compiler/graph/graph.h"

#include "compiler/graph/registry_rows.h"
#include "dsl/lexer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace cnnc {

namespace {

// Words beside keywords, operators and types that mean something in .cnn where a value may stand.
constexpr std::string_view reserved_words[] = {"abs", "assert", "error", "float",  "inf",
                                               "int", "layout", "len",   "let",    "max",
                                               "min", "range",  "same",  "shared", "valid"};

bool is_reserved(const std::string &word) {
    return std::find(std::begin(reserved_words), std::end(reserved_words), word) !=
               std::end(reserved_words) ||
           is_keyword(word) || find_op(word) || dtype_from_name(word);
}

// Long names are cut, leaving room for a number behind; identifiers have a limit, paths have not.
std::string as_identifier(const std::string &name) {
    std::string identifier = name.substr(0, max_name_length - 16);
    for (char &c : identifier) {
        const bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        c = word ? c : '_';
    }
    const bool leading_digit = identifier[0] >= '0' && identifier[0] <= '9';
    return leading_digit ? "_" + identifier : identifier;
}

class Printer {
  public:
    explicit Printer(const Graph &graph) : graph_(graph), identifiers_(graph.nodes.size()) {
        // Inputs keep their names, whatever comes before them.
        for (NodeId id : graph.inputs) {
            identifiers_[size_t(id)] = graph[id].name;
            used_.insert(graph[id].name);
        }
        for (const Output &output : graph.outputs) {
            outputs_.emplace(output.name, output.node);
        }
        bind_constants();
        for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
            if (is_bound(id)) {
                identifiers_[size_t(id)] = choose_identifier(id);
            }
        }
    }

    std::string print() {
        std::string text = fmt::format("network {} {{\n", graph_.name);
        for (NodeId id : graph_.inputs) {
            text += "    " + input_text(id) + "\n";
        }
        for (NodeId id = 0; id < NodeId(graph_.nodes.size()); ++id) {
            if (is_bound(id)) {
                text += "    " + binding_text(id) + "\n";
            }
        }
        for (const Output &output : graph_.outputs) {
            text += fmt::format("    output {} = {}{}\n", output.name, operand_text(output.node),
                                layout_text(output.layout));
        }
        return text + "}\n";
    }

  private:
    bool is_bound(NodeId id) const {
        const Op &op = graph_[id].op;
        return std::holds_alternative<Constant>(op) ? bound_[size_t(id)]
                                                    : !std::holds_alternative<Input>(op);
    }

    // A constant stands inline where a plain number means the same.
    void bind_constants() {
        bound_.assign(graph_.nodes.size(), false);
        for (size_t id = 0; id < graph_.nodes.size(); ++id) {
            const Constant *constant = std::get_if<Constant>(&graph_.nodes[id].op);
            bound_[id] = constant && !constant->is_scalar();
        }
        for (const Output &output : graph_.outputs) {
            bound_[size_t(output.node)] = true;
        }
        for (const Node &node : graph_.nodes) {
            bind_constants_of(node);
        }
    }

    void bind_constants_of(const Node &node) {
        std::vector<std::optional<TensorType>> known;
        std::vector<TensorType> types;
        for (NodeId input : node.inputs) {
            const Constant *constant = std::get_if<Constant>(&graph_[input].op);
            types.push_back(graph_[input].type);
            known.push_back(constant && constant->is_scalar() ? std::nullopt
                                                              : std::optional(types.back()));
        }
        if (node.inputs.empty()) {
            return;
        }
        const OpSpec *spec = find_op(op_name(node.op, types));
        const bool numbers = spec && spec->numbers;
        const DType dtype = numbers ? scalar_dtype(*spec, known) : DType::f32;
        for (size_t i = 0; i < node.inputs.size(); ++i) {
            if (!known[i] && (!numbers || types[i].dtype != dtype)) {
                bound_[size_t(node.inputs[i])] = true;
            }
        }
    }

    // An output binds its name too; only the node that it names may have the same one.
    bool is_other_output(const std::string &identifier, NodeId id) const {
        const auto output = outputs_.find(identifier);
        return output != outputs_.end() && output->second != id;
    }

    std::string choose_identifier(NodeId id) {
        const std::string base = as_identifier(graph_[id].name);
        std::string identifier = base;
        while (is_reserved(identifier) || is_other_output(identifier, id) ||
               !used_.insert(identifier).second) {
            identifier = fmt::format("{}_{}", base, ++suffixes_[base]);
        }
        return identifier;
    }

    static std::string layout_text(Layout layout) {
        return layout == Layout::nhwc ? " layout NHWC" : "";
    }

    std::string input_text(NodeId id) const {
        const Node &node = graph_[id];
        const Input *input = std::get_if<Input>(&node.op);
        return fmt::format("input {}: {}{}", node.name, type_text(node.type),
                           layout_text(input ? input->layout : Layout::nchw));
    }

    std::string operand_text(NodeId id) const {
        const Constant *constant = std::get_if<Constant>(&graph_[id].op);
        return constant && !is_bound(id) ? value_text(nested(*constant)) : identifiers_[size_t(id)];
    }

    std::string call_text(const Node &node) const {
        std::vector<TensorType> types;
        std::vector<std::string> parts;
        for (NodeId input : node.inputs) {
            types.push_back(graph_[input].type);
            parts.push_back(operand_text(input));
        }
        for (std::string &argument : argument_texts(node.op)) {
            parts.push_back(std::move(argument));
        }
        return fmt::format("{}({})", op_name(node.op, types), fmt::join(parts, ", "));
    }

    std::string binding_text(NodeId id) const {
        const Node &node = graph_[id];
        std::string text =
            fmt::format("{} = {} as {}", identifiers_[size_t(id)], call_text(node), node.name);
        const std::optional<std::string> path = weights_path(graph_, id);
        if (path && *path != node.name) {
            text += " shared " + *path;
        }
        return fmt::format("{}  # {}", text, shape_text(node.type.shape));
    }

    const Graph &graph_;
    std::vector<std::string> identifiers_; // of inputs and what is bound
    std::vector<bool> bound_;              // of constants: whether they have a line of their own
    std::set<std::string> used_;
    std::map<std::string, int> suffixes_; // the last one tried, per base
    std::map<std::string, NodeId> outputs_;
};

} // namespace

std::string print_graph(const Graph &graph) {
    return Printer(graph).print();
}

} // namespace cnnc
