// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Executes the rules at the top of graph.h.
#include "compiler/graph/graph.h"

#include "compiler/graph/registry.h"
#include "dsl/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace cnnc {

namespace {

using Lengths = std::initializer_list<size_t>;

// Spatial vectors of one length from 1 to 3, which infer_type relies on.
bool has_spatial_rank(const std::vector<int64_t> &kernel, Lengths others) {
    return kernel.size() >= 1 && kernel.size() <= 3 &&
           std::all_of(others.begin(), others.end(),
                       [&](size_t length) { return length == kernel.size(); });
}

bool has_consistent_vectors(const Op &op) {
    return match(
        op,
        [](const Conv &c) {
            return has_spatial_rank(
                c.kernel, {c.stride.size(), c.pad_lo.size(), c.pad_hi.size(), c.dilation.size()});
        },
        [](const MaxPool &p) {
            return has_spatial_rank(
                p.kernel, {p.stride.size(), p.pad_lo.size(), p.pad_hi.size(), p.dilation.size()});
        },
        [](const AvgPool &p) {
            return has_spatial_rank(p.kernel, {p.stride.size(), p.pad_lo.size(), p.pad_hi.size()});
        },
        [](const ConvTranspose &c) {
            return has_spatial_rank(c.kernel, {c.stride.size(), c.pad_lo.size(), c.pad_hi.size(),
                                               c.dilation.size(), c.output_padding.size()});
        },
        [](const AdaptiveAvgPool &p) { return has_spatial_rank(p.output_size, {}); },
        [](const AdaptiveMaxPool &p) { return has_spatial_rank(p.output_size, {}); },
        [](const Resize &r) { return has_spatial_rank(r.size, {r.scales.size()}); },
        [](const auto &) { return true; });
}

// Operators that share a name with another of a different number of operands.
bool has_own_operand_count(const Op &op, size_t operands) {
    const Binary *binary = std::get_if<Binary>(&op);
    return binary ? operands == 2 : std::holds_alternative<PRelu>(op) ? operands == 1 : true;
}

class Verifier {
  public:
    explicit Verifier(const Graph &graph) : graph_(graph) {}

    std::vector<std::string> run() {
        check_name("network", graph_.name);
        check_params();
        for (NodeId id = 0; id < NodeId(graph_.nodes.size()); ++id) {
            check_node(id);
        }
        check_inputs();
        check_outputs();
        return std::move(problems_);
    }

  private:
    template <typename... Args>
    void problem(fmt::format_string<Args...> text, Args &&...args) {
        problems_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }

    bool is_node(NodeId id) const { return id >= 0 && id < NodeId(graph_.nodes.size()); }
    bool is_param(ParamId id) const { return id >= 0 && id < ParamId(graph_.params.size()); }

    void check_name(const char *what, const std::string &name) {
        if (!is_identifier(name)) {
            problem("the name `{}` of {} is no identifier", name, what);
        }
    }

    void check_params() {
        std::set<std::string> names;
        for (const Param &param : graph_.params) {
            if (!names.insert(param.name).second) {
                problem("two params are named `{}`", param.name);
            }
            if (param.data.defined() && param.data.type != param.type) {
                problem("data of `{}` is {}, its type {}", param.name, type_text(param.data.type),
                        type_text(param.type));
            }
        }
    }

    void check_node(NodeId id) {
        const Node &node = graph_[id];
        if (!names_.insert(node.name).second) {
            problem("two nodes are named `{}`", node.name);
        }
        const bool constant = std::holds_alternative<Constant>(node.op);
        if (constant ? node.name.empty() : !is_path(node.name)) {
            problem("the name `{}` of node {} is no path", node.name, id);
        }
        if (!checked_elements(node.type.shape)) {
            problem("`{}` is too large: {}", node.name, type_text(node.type));
        }
        if (check_references(id) && check_type(node)) {
            check_node_params(id);
        }
    }

    // Whether the node can be looked at further.
    bool check_references(NodeId id) {
        const Node &node = graph_[id];
        for (NodeId input : node.inputs) {
            if (input < 0 || input >= id) {
                problem("`{}` reads node {}, which is not before it", node.name, input);
                return false;
            }
        }
        for (ParamId param : node.params) {
            if (!is_param(param)) {
                problem("`{}` has param {}, which does not exist", node.name, param);
                return false;
            }
        }
        if (!has_consistent_vectors(node.op)) {
            problem("`{}` has spatial attributes of different or impossible lengths", node.name);
            return false;
        }
        return check_operand_count(node);
    }

    bool check_operand_count(const Node &node) {
        const OpSpec *spec = find_op(op_name(node.op, operand_types(node)));
        const size_t min = spec ? size_t(spec->min_operands) : 0;
        const size_t max = spec ? size_t(spec->max_operands) : 0; // -1 becomes "any number"
        if (node.inputs.size() < min || node.inputs.size() > max ||
            !has_own_operand_count(node.op, node.inputs.size())) {
            problem("`{}` has {} operands", node.name, node.inputs.size());
            return false;
        }
        return true;
    }

    std::vector<TensorType> operand_types(const Node &node) const {
        std::vector<TensorType> types;
        for (NodeId input : node.inputs) {
            types.push_back(graph_[input].type);
        }
        return types;
    }

    // Whether the type could be inferred.
    bool check_type(const Node &node) {
        Diagnostics diags;
        if (std::holds_alternative<Input>(node.op)) {
            if (!cnnc::check_type(node.type, {}, diags)) {
                problem("`{}`: {}", node.name, diags.all()[0].message);
            }
            check_computed(node);
            return true;
        }
        if (const Constant *c = std::get_if<Constant>(&node.op); c && !check_constant(node, *c)) {
            return false;
        }
        check_computed(node);
        const std::optional<TensorType> type = infer_type(node.op, operand_types(node), {}, diags);
        if (!type) {
            problem("`{}`: {}", node.name, diags.all()[0].message);
        } else if (*type != node.type) {
            problem("`{}` is {}, but should be {}", node.name, type_text(node.type),
                    type_text(*type));
        }
        if (const Sample *sample = std::get_if<Sample>(&node.op); sample && type) {
            check_tables(node, *sample);
        }
        return type.has_value();
    }

    void check_computed(const Node &node) {
        if (!is_computed(node.type.dtype)) {
            problem("`{}` is {}, which nothing computes with", node.name, type_text(node.type));
        }
    }

    bool check_constant(const Node &node, const Constant &c) {
        const std::optional<int64_t> count = checked_elements(c.type.shape);
        if (!count || int64_t(c.values.size()) != *count) {
            problem("constant `{}` is {}, but has {} values", node.name, type_text(c.type),
                    c.values.size());
            return false;
        }
        for (double value : c.values) {
            if (!can_hold(c.type.dtype, value)) {
                problem("constant `{}` of type {} holds {}", node.name, dtype_name(c.type.dtype),
                        value);
                return false;
            }
        }
        return true;
    }

    // The operands behind a sample's first are constants whose indices lie inside.
    void check_tables(const Node &node, const Sample &sample) {
        const size_t tables = sample.kind == SampleKind::weighted_sum ? 2 : 1;
        const double low = sample.kind == SampleKind::pick ? -1 : 0;
        for (size_t i = 1; i < node.inputs.size(); ++i) {
            const Constant *table = std::get_if<Constant>(&graph_[node.inputs[i]].op);
            if (!table) {
                problem("table {} of `{}` is no constant", i, node.name);
                continue;
            }
            const int64_t dim = sample.dims[(i - 1) / tables];
            const int64_t extent = graph_[node.inputs[0]].type.shape[size_t(dim)];
            const bool indices = (i - 1) % tables == 0;
            for (double value : table->values) {
                if (indices ? value < low || value >= double(extent) : !std::isfinite(value)) {
                    problem("table {} of `{}` holds {}", i, node.name, value);
                    break;
                }
            }
        }
    }

    void check_node_params(NodeId id) {
        const Node &node = graph_[id];
        const std::vector<ParamSpec> specs = param_types(node.op, operand_types(node));
        if (node.params.size() != specs.size()) {
            problem("`{}` has {} params, but needs {}", node.name, node.params.size(),
                    specs.size());
            return;
        }
        for (size_t i = 0; i < specs.size(); ++i) {
            const Param &param = graph_.params[size_t(node.params[i])];
            if (param.type != specs[i].type) {
                problem("param `{}` of `{}` is {}, but should be {}", param.name, node.name,
                        type_text(param.type), type_text(specs[i].type));
            }
        }
        const std::optional<std::string> path = weights_path(graph_, id);
        if (!specs.empty() && !(path && is_path(*path))) {
            problem("the params of `{}` are not named by one path and their roles", node.name);
        }
    }

    void check_layout(const char *what, const std::string &name, Layout layout,
                      const TensorType &type) {
        if (layout == Layout::nhwc && type.shape.size() < 3) {
            problem("{} `{}` is {}, but a layout needs 3 dimensions or more", what, name,
                    type_text(type));
        }
    }

    void check_inputs() {
        std::set<NodeId> listed;
        for (NodeId id : graph_.inputs) {
            if (!is_node(id) || !std::holds_alternative<Input>(graph_[id].op)) {
                problem("input {} is no Input node", id);
                continue;
            }
            check_name("an input", graph_[id].name);
            check_layout("input", graph_[id].name, std::get<Input>(graph_[id].op).layout,
                         graph_[id].type);
            if (!listed.insert(id).second) {
                problem("input `{}` is listed twice", graph_[id].name);
            }
        }
        for (NodeId id = 0; id < NodeId(graph_.nodes.size()); ++id) {
            if (std::holds_alternative<Input>(graph_[id].op) && !listed.count(id)) {
                problem("input `{}` is not listed", graph_[id].name);
            }
        }
    }

    void check_outputs() {
        if (graph_.outputs.empty()) {
            problem("there is no output");
        }
        std::set<std::string> names;
        for (const Output &output : graph_.outputs) {
            check_name("an output", output.name);
            if (!names.insert(output.name).second) {
                problem("two outputs are named `{}`", output.name);
            }
            if (!is_node(output.node)) {
                problem("output `{}` is node {}, which does not exist", output.name, output.node);
            } else {
                check_layout("output", output.name, output.layout, graph_[output.node].type);
            }
        }
    }

    const Graph &graph_;
    std::set<std::string> names_;
    std::vector<std::string> problems_;
};

} // namespace

std::vector<std::string> verify(const Graph &graph) {
    return Verifier(graph).run();
}

} // namespace cnnc
