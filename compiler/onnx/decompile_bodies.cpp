// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The inside of a group as a sequence of calls, in the order in which a reader meets them: from the
// result backwards, first operands first.
#include "compiler/onnx/decompile_bodies.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace cnnc::decompiler {

namespace {

bool is_number(const Node &node) {
    const Constant *constant = std::get_if<Constant>(&node.op);
    return constant && constant->is_scalar();
}

// Whether operand `index` of a node, a constant of rank 0, may stand there as a plain number.
bool may_be_plain(const Graph &graph, const Node &node, size_t index, const std::string &callee) {
    const OpSpec *spec = find_op(callee);
    if (!spec || !spec->numbers || (std::holds_alternative<Where>(node.op) && index == 0)) {
        return false;
    }
    std::vector<std::optional<TensorType>> types;
    bool any_tensor = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
        const Node &operand = graph[node.inputs[i]];
        const bool plain =
            is_number(operand) && !(std::holds_alternative<Where>(node.op) && i == 0);
        types.push_back(plain ? std::nullopt : std::optional(operand.type));
        any_tensor |= !plain;
    }
    return any_tensor && scalar_dtype(*spec, types) == graph[node.inputs[index]].type.dtype;
}

} // namespace

// One body under construction.
class BodyWalk {
  public:
    BodyWalk(const BodyBuilder &builder, int group, const BodyBuilder::Callees &callees,
             std::vector<int> &tangled)
        : builder_(builder), graph_(builder.graph()), tree_(builder.tree()), group_(group),
          callees_(callees), tangled_(tangled) {}

    Body run() {
        if (group_ == 0) {
            for (NodeId input : graph_.inputs) {
                input_index(input);
            }
            for (const Output &output : graph_.outputs) {
                add_result(output.node);
            }
            visit_unused();
        } else {
            add_result(tree_.groups[size_t(group_)].result);
        }
        number_sharing();
        return std::move(body_);
    }

  private:
    // Nodes, and called groups behind them in numbering.
    using Unit = int64_t;
    struct Visit {
        Unit unit;
        std::vector<NodeId> operands;
        size_t next = 0;
        std::optional<BodyBuilder::Callee> callee;
    };

    Unit group_unit(int group) const { return Unit(graph_.nodes.size()) + group; }
    bool is_group(Unit unit) const { return unit >= Unit(graph_.nodes.size()); }
    int group_of(Unit unit) const { return int(unit - Unit(graph_.nodes.size())); }

    bool is_input(NodeId node) const {
        return std::holds_alternative<Input>(graph_[node].op) ||
               (!std::holds_alternative<Constant>(graph_[node].op) && !tree_.inside(node, group_));
    }

    // The outermost called group around a node, or the node itself.
    Visit unit_of(NodeId node) {
        Visit visit{Unit(node), graph_[node].inputs, 0, std::nullopt};
        if (std::holds_alternative<Constant>(graph_[node].op)) {
            return visit;
        }
        for (int g = tree_.owner[size_t(node)]; g != group_; g = tree_.groups[size_t(g)].parent) {
            if (std::optional<BodyBuilder::Callee> callee = callees_(g, group_)) {
                visit = {group_unit(g), *callee->inputs, 0, std::move(callee)};
            }
        }
        return visit;
    }

    int input_index(NodeId node) {
        const auto [entry, is_new] = inputs_.emplace(node, int(body_.inputs.size()));
        if (is_new) {
            body_.inputs.push_back(node);
        }
        return entry->second;
    }

    // What no output depends on, from its ends.
    void visit_unused() {
        std::vector<bool> used(graph_.nodes.size(), false);
        for (const Node &node : graph_.nodes) {
            for (NodeId input : node.inputs) {
                used[size_t(input)] = true;
            }
        }
        for (NodeId id = 0; id < NodeId(graph_.nodes.size()); ++id) {
            if (!used[size_t(id)] && !std::holds_alternative<Constant>(graph_[id].op)) {
                visit(id);
            }
        }
    }

    void add_result(NodeId node) {
        visit(node);
        body_.results.push_back(operand(node));
    }

    // Appends a node's item and, before it, all that it needs.
    void visit(NodeId node) {
        if (is_input(node)) {
            input_index(node);
            return;
        }
        if (state_.count(unit_of(node).unit)) {
            return;
        }
        begin(node);
        while (!stack_.empty()) {
            Visit &top = stack_.back();
            if (top.next == top.operands.size()) {
                finish(top);
                stack_.pop_back();
                continue;
            }
            const NodeId next = top.operands[top.next++];
            if (is_input(next)) {
                input_index(next);
            } else if (!is_number(graph_[next])) {
                begin(next);
            }
        }
    }

    void begin(NodeId node) {
        Visit visit = unit_of(node);
        const auto [state, is_new] = state_.emplace(visit.unit, open);
        if (is_new) {
            stack_.push_back(std::move(visit));
        } else if (state->second == open) {
            report_tangle(visit.unit);
        }
    }

    // The visits from `unit` on need each other.
    void report_tangle(Unit unit) {
        for (size_t i = stack_.size(); i-- > 0;) {
            if (is_group(stack_[i].unit)) {
                tangled_.push_back(group_of(stack_[i].unit));
            }
            if (stack_[i].unit == unit) {
                break;
            }
        }
    }

    Operand operand(NodeId node) {
        if (is_input(node)) {
            return {Operand::Kind::input, input_index(node), ""};
        }
        const auto state = state_.find(unit_of(node).unit);
        return {Operand::Kind::item, state == state_.end() ? -1 : state->second, ""};
    }

    // Numbers stand where they are used; tensors are items.
    Operand operand_of(const Node &user, size_t index, const std::string &callee) {
        const NodeId node = user.inputs[index];
        const Constant *constant = std::get_if<Constant>(&graph_[node].op);
        if (!constant || state_.count(Unit(node))) {
            return operand(node);
        }
        const bool plain = may_be_plain(graph_, user, index, callee);
        return {Operand::Kind::text, 0, plain ? number_of(*constant) : tensor_of(*constant)};
    }

    static std::string number_of(const Constant &constant) {
        Constant number(constant.value());
        return constant_text(number);
    }
    static std::string tensor_of(const Constant &constant) {
        const bool number = constant.is_scalar() && constant.type.dtype == DType::f32;
        return number ? "tensor(" + constant_text(constant) + ")" : constant_text(constant);
    }

    void finish(const Visit &visit) {
        Item item;
        if (visit.callee) {
            item.group = group_of(visit.unit);
            item.node = tree_.groups[size_t(item.group)].result;
            item.call = visit.callee->call;
            item.path = tree_.path(item.group, group_);
            for (NodeId input : visit.operands) {
                item.operands.push_back(operand(input));
            }
        } else {
            item.node = NodeId(visit.unit);
            fill_operator(item);
        }
        state_[visit.unit] = int(body_.items.size());
        body_.items.push_back(std::move(item));
    }

    void fill_operator(Item &item) {
        const Node &node = graph_[item.node];
        if (const Constant *constant = std::get_if<Constant>(&node.op)) {
            item.call.callee = tensor_of(*constant);
            return;
        }
        item.call = builder_.call(item.node);
        for (size_t i = 0; i < node.inputs.size(); ++i) {
            item.operands.push_back(operand_of(node, i, item.call.callee));
        }
        const std::string &path = builder_.paths_[size_t(item.node)];
        if (!path.empty()) {
            const std::string prefix = tree_.path(group_, 0);
            item.path = prefix.empty() ? path : path.substr(prefix.size() + 1);
        }
    }

    // Of the items that share weights, the first has them.
    void number_sharing() {
        std::unordered_set<std::string> seen;
        for (Item &item : body_.items) {
            if (!item.is_block() && !item.path.empty() && builder_.shared_[size_t(item.node)]) {
                item.shared = !seen.insert(item.path).second;
            }
        }
    }

    static constexpr int open = -1; // in state_: not finished; otherwise the item

    const BodyBuilder &builder_;
    const Graph &graph_;
    const GroupTree &tree_;
    const int group_;
    const BodyBuilder::Callees &callees_;
    std::vector<int> &tangled_;
    Body body_;
    std::unordered_map<NodeId, int> inputs_;
    std::unordered_map<Unit, int> state_;
    std::vector<Visit> stack_;
};

BodyBuilder::BodyBuilder(const Graph &graph, const GroupTree &tree)
    : graph_(graph), tree_(tree), paths_(graph.nodes.size()), shared_(graph.nodes.size(), false),
      calls_(graph.nodes.size()) {
    std::vector<int> uses(graph.params.size(), 0);
    for (const Node &node : graph.nodes) {
        for (ParamId param : node.params) {
            ++uses[size_t(param)];
        }
    }
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        if (!graph[id].params.empty()) {
            paths_[size_t(id)] = weights_path(graph, id).value_or(graph[id].name);
            shared_[size_t(id)] = uses[size_t(graph[id].params[0])] > 1;
        }
    }
}

const OperatorCall &BodyBuilder::call(NodeId id) const {
    std::unique_ptr<OperatorCall> &call = calls_[size_t(id)];
    if (!call) {
        call = std::make_unique<OperatorCall>(operator_call(graph_, id));
    }
    return *call;
}

Body BodyBuilder::build(int group, const Callees &callees, std::vector<int> &tangled) const {
    return BodyWalk(*this, group, callees, tangled).run();
}

} // namespace cnnc::decompiler
