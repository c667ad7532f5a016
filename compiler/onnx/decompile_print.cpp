// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A block's body as statements: which values get names, which names, and which stay inside of the
// expression that uses them.
#include "compiler/onnx/decompile_print.h"

#include "compiler/onnx/decompile_expression.h"
#include "compiler/onnx/decompile_loops.h"
#include "compiler/onnx/decompile_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace cnnc::decompiler {

namespace {

constexpr size_t max_inner_length = 32; // of what stands among arguments or in arithmetic
constexpr size_t max_infix_length = 70;
constexpr size_t max_stages = 24; // of a chain, before the next layer
constexpr int far_away = 14;      // items between a value and a use that needs a name of its own

class BlockPrinter {
  public:
    BlockPrinter(const Graph &graph, const Block &block)
        : graph_(graph), block_(block), body_(block.body()),
          is_network_(block.instances[0].group == 0 && block.instances.size() == 1),
          inputs_(int(body_.inputs.size())) {
        count_uses();
        std::vector<int> item_uses;
        for (int i = 0; i < item_count(); ++i) {
            item_uses.push_back(int(users_[size_t(inputs_ + i)].size()));
        }
        loops_ = find_loops(block, item_uses);
        reserve_names();
    }

    std::string print() {
        write_head();
        for (int i = 0; i < item_count();) {
            open_segments(i);
            if (next_loop_ < loops_.size() && loops_[next_loop_].begin == i) {
                write_loop(loops_[next_loop_]);
                i = loops_[next_loop_++].end;
            } else {
                write_item(i++);
            }
            write_outputs(i);
        }
        write_outputs(item_count());
        if (!is_network_) {
            write_return();
        }
        return text_ + "}\n";
    }

  private:
    // Values are the body's inputs, then its items. What uses them:
    struct User {
        int item = -1; // -1: a result, or what stands in for a segment
        size_t operand = 0;
    };

    int item_count() const { return int(body_.items.size()); }
    const Item &item(int i) const { return body_.items[size_t(i)]; }
    int value_of(const Operand &operand) const {
        return operand.kind == Operand::Kind::input ? operand.index : inputs_ + operand.index;
    }
    int &remaining(int value) { return remaining_[size_t(value)]; }

    // --- Uses

    void count_uses() {
        users_.resize(size_t(inputs_ + item_count()));
        auto add = [&](const Operand &operand, User user) {
            if (operand.kind != Operand::Kind::text) {
                users_[size_t(value_of(operand))].push_back(user);
            }
        };
        for (int i = 0; i < item_count(); ++i) {
            for (size_t k = 0; k < item(i).operands.size(); ++k) {
                add(item(i).operands[k], {i, k});
            }
        }
        for (const Segment &segment : block_.segments) {
            add(segment.otherwise, {});
        }
        for (const Operand &result : body_.results) {
            add(result, {});
        }
        for (const std::vector<User> &users : users_) {
            remaining_.push_back(int(users.size()));
        }
        names_.resize(users_.size());
    }

    // Statements on both sides of a segment's braces do not mix.
    int zone(int i) const {
        int zone = 0;
        for (const Segment &segment : block_.segments) {
            zone += (i >= segment.begin) + (i >= segment.end);
        }
        return zone;
    }

    bool starts_loop(int i) const {
        return std::any_of(loops_.begin(), loops_.end(),
                           [i](const Loop &loop) { return loop.begin == i; });
    }

    const BinaryKind *infix(int i) const {
        const auto *binary = std::get_if<Binary>(&graph_[item(i).node].op);
        return !item(i).is_block() && binary && !infix_of(binary->kind).empty() ? &binary->kind
                                                                                : nullptr;
    }

    size_t tensor_operands(int i) const {
        const std::vector<Operand> &operands = item(i).operands;
        return size_t(std::count_if(operands.begin(), operands.end(), [](const Operand &o) {
            return o.kind != Operand::Kind::text;
        }));
    }

    // Where features end and what is made of them begins.
    bool starts_head(int i) const {
        const Op &op = graph_[item(i).node].op;
        return !item(i).is_block() &&
               (std::holds_alternative<GlobalAvgPool>(op) || std::holds_alternative<Flatten>(op) ||
                std::holds_alternative<AdaptiveAvgPool>(op));
    }

    // Whether the value of item i may stay unnamed until its only user is written.
    bool stays_inside(int i, const Expression &expression) const {
        const std::vector<User> &users = users_[size_t(inputs_ + i)];
        if (users.size() != 1) {
            return false;
        }
        const User &user = users[0];
        const bool is_result = user.item < 0;
        if (is_result) {
            const bool stands_in = std::any_of(
                block_.segments.begin(), block_.segments.end(), [&](const Segment &segment) {
                    return segment.otherwise.kind == Operand::Kind::item &&
                           segment.otherwise.index == i;
                });
            return !stands_in && zone(i) == zone(item_count());
        }
        if (zone(i) != zone(user.item) || starts_loop(user.item)) {
            return false;
        }
        const bool source =
            user.operand == 0 && !infix(user.item) &&
            (tensor_operands(user.item) == 1 || (item(user.item).is_block() && user.item == i + 1));
        if (source) {
            const bool head = starts_head(user.item) && expression.weighted >= 2;
            const size_t most = leads(item(user.item)) ? max_stages : 2 * max_stages;
            return expression.stages.size() < most && !head;
        }
        return expression.weighted == 0 && as_call(expression).size() <= max_inner_length;
    }

    // --- Names

    void reserve_names() {
        for (const Parameter &parameter : block_.parameters) {
            reserved_.insert(parameter.name);
        }
        for (const auto &[name, expression] : block_.lets) {
            reserved_.insert(name);
        }
        for (const Loop &loop : loops_) {
            reserved_.insert("i");
            if (loop.heads.size() > 1) {
                reserved_.insert("stage");
            }
        }
        for (const Item &i : body_.items) {
            weight_paths_.insert(i.path);
        }
        if (is_network_) {
            for (const Output &output : graph_.outputs) {
                reserved_.insert(output.name);
            }
        }
        for (int k = 0; k < inputs_; ++k) {
            names_[size_t(k)] = is_network_ ? graph_[body_.inputs[size_t(k)]].name
                                : k == 0    ? "x"
                                : k == 1    ? "skip"
                                            : fmt::format("skip_{}", k);
            holder_[names_[size_t(k)]] = k;
            // Networks' inputs keep their names, and x what its channels are asked for.
            const bool keeps = is_network_ ? names_[size_t(k)] != "x" : block_.reads_input;
            if (keeps) {
                reserved_.insert(names_[size_t(k)]);
            }
        }
    }

    bool is_free(const std::string &name) {
        const auto holder = holder_.find(name);
        return !reserved_.count(name) &&
               (holder == holder_.end() || remaining(holder->second) == 0);
    }

    // Whether an operator without `as` would take the name of a layer's weights.
    bool clashes(const std::string &name, const Expression &expression) const {
        if (expression.calls == 1 || expression.calls == 0) {
            return !expression.auto_named.empty() && weight_paths_.count(name);
        }
        return std::any_of(
            expression.auto_named.begin(), expression.auto_named.end(),
            [&](const std::string &callee) { return weight_paths_.count(name + "." + callee); });
    }

    // Its only user joins it with values that are still to come, or that have names of their own.
    bool is_branch(int i) const {
        const std::vector<User> &users = users_[size_t(inputs_ + i)];
        if (users.size() != 1 || users[0].item < 0 || tensor_operands(users[0].item) < 2) {
            return false;
        }
        const std::vector<Operand> &operands = item(users[0].item).operands;
        return std::any_of(operands.begin(), operands.end(), [&](const Operand &operand) {
            if (operand.kind == Operand::Kind::text || value_of(operand) == inputs_ + i) {
                return false;
            }
            const std::string &name = names_[size_t(value_of(operand))];
            return name.empty() || (name != "x" && name.compare(0, 4, "skip") != 0 &&
                                    operand.kind == Operand::Kind::item);
        });
    }

    // One use soon and another one much later.
    bool is_skip(int i) const {
        const std::vector<User> &users = users_[size_t(inputs_ + i)];
        return is_network_ && users.size() > 1 && users.back().item - i > far_away &&
               users[0].item - i < far_away;
    }

    std::string choose_name(int i, const Expression &expression) {
        std::vector<std::string> wanted;
        const bool branch = is_branch(i), skip = is_skip(i);
        const bool source = expression.reads.empty() && !expression.word.empty(); // parameters
        if (!branch && !skip && !source) {
            wanted.push_back("x");
        }
        if (!expression.word.empty() && is_free_identifier(expression.word)) {
            wanted.push_back(expression.word);
        }
        if (!skip) {
            wanted.insert(wanted.end(), {"y", "z"});
        }
        for (const std::string &name : wanted) {
            if (is_free(name) && !clashes(name, expression)) {
                return name;
            }
        }
        const std::string base = skip ? "skip" : wanted.back();
        std::string name = choose_name_like(base);
        while (clashes(name, expression)) {
            name = choose_name_like(base);
        }
        return name;
    }

    // With a number behind it.
    std::string choose_name_like(const std::string &base) {
        std::string name;
        do {
            name = fmt::format("{}_{}", base, ++numbers_[base]);
        } while (!is_free(name));
        return name;
    }

    void give_name(int value, const std::string &name) {
        names_[size_t(value)] = name;
        holder_[name] = value;
    }

    // --- Expressions

    // What stands for a value that has a name, or the expression that it still is.
    Expression take(const Operand &operand) {
        Expression expression;
        if (operand.kind == Operand::Kind::text) {
            expression.head = operand.text;
            return expression;
        }
        const int value = value_of(operand);
        const auto pending = pending_.find(value);
        if (pending != pending_.end()) {
            expression = std::move(pending->second);
            pending_.erase(pending);
            --remaining(value);
            return expression;
        }
        expression.head = names_[size_t(value)];
        expression.reads.push_back(value);
        return expression;
    }

    static void absorb(Expression &into, const Expression &from) {
        into.reads.insert(into.reads.end(), from.reads.begin(), from.reads.end());
        into.auto_named.insert(into.auto_named.end(), from.auto_named.begin(),
                               from.auto_named.end());
        into.calls += from.calls;
        into.weighted += from.weighted;
        into.word = from.word.empty() ? into.word : from.word;
    }

    Expression expression_of(int i) {
        const Item &own = item(i);
        if (const BinaryKind *kind = infix(i); kind && tensor_operands(i) > 0) {
            Expression left = take(own.operands[0]), right = take(own.operands[1]);
            return arithmetic(*kind, left, right);
        }
        std::vector<Expression> operands;
        for (const Operand &operand : own.operands) {
            operands.push_back(take(operand));
        }
        Stage stage{own.call.callee, {}, as_text(own), leads(own)};
        const bool chain = !operands.empty() && own.operands[0].kind != Operand::Kind::text &&
                           (own.is_block() || operands.size() == 1);
        Expression result = chain ? std::move(operands[0]) : Expression();
        for (size_t k = chain; k < operands.size(); ++k) {
            stage.arguments.push_back(as_call(operands[k]));
            absorb(result, operands[k]);
        }
        for (const std::string &argument : written_arguments(own.call)) {
            stage.arguments.push_back(argument);
        }
        add_stage(result, std::move(stage), own, chain);
        return result;
    }

    void add_stage(Expression &expression, Stage stage, const Item &own, bool chain) const {
        const bool constant = std::holds_alternative<Constant>(graph_[own.node].op);
        const bool plain = stage.arguments.empty() && stage.as.empty();
        ++expression.calls;
        expression.weighted += !own.path.empty();
        if (own.path.empty() && !constant) {
            expression.auto_named.push_back(own.call.callee);
        }
        if (const std::string word = telling_word(own.path); !word.empty()) {
            expression.word = word;
        }
        const bool arithmetic = expression.binding != Binding::atom && expression.stages.empty();
        if (!own.is_block() && constant) {
            expression.head = own.call.callee;
        } else if (!chain) {
            expression.head =
                fmt::format("{}({}){}", stage.callee, fmt::join(stage.arguments, ", "),
                            stage.as.empty() ? "" : " " + stage.as);
        } else if (plain && arithmetic) {
            expression.head = fmt::format("{}({})", stage.callee, expression.head);
            expression.binding = Binding::atom;
        } else {
            expression.stages.push_back(std::move(stage));
        }
    }

    static Expression arithmetic(BinaryKind kind, const Expression &left, const Expression &right) {
        Expression result;
        result.binding = binding_of(kind);
        result.head = fmt::format("{} {} {}", as_operand(left, result.binding, false),
                                  infix_of(kind), as_operand(right, result.binding, true));
        absorb(result, left);
        absorb(result, right);
        result.auto_named.emplace_back(binary_name(kind));
        return result;
    }

    static std::string as_text(const Item &item) {
        return item.path.empty() ? "" : (item.shared ? "as shared " : "as ") + item.path;
    }

    bool leads(const Item &own) const {
        const Op &op = graph_[own.node].op;
        return own.is_block() || std::holds_alternative<Conv>(op) ||
               std::holds_alternative<ConvTranspose>(op) || std::holds_alternative<Linear>(op) ||
               std::holds_alternative<MaxPool>(op) || std::holds_alternative<AvgPool>(op);
    }

    // --- Statements

    void write(const std::string &line) { text_ += std::string(indent_, ' ') + line + "\n"; }

    // The names that an expression reads are read now.
    void read(const Expression &expression) {
        for (int value : expression.reads) {
            --remaining(value);
        }
    }

    void bind(int i, const Expression &expression, const std::string &fixed_name = "") {
        read(expression);
        const std::string name = fixed_name.empty() ? choose_name(i, expression) : fixed_name;
        write(statement_text(name + " = ", expression, indent_));
        give_name(inputs_ + i, name);
    }

    void write_item(int i) {
        Expression expression = expression_of(i);
        if (const int s = segment_ending(i); s >= 0) {
            bind(i, expression, segment_names_[size_t(s)]);
            indent_ -= 4;
            write("}");
        } else if (stays_inside(i, expression) && expression.head.size() <= max_infix_length) {
            pending_.emplace(inputs_ + i, std::move(expression));
        } else {
            bind(i, expression);
        }
    }

    int segment_ending(int i) const {
        for (size_t s = 0; s < block_.segments.size(); ++s) {
            if (block_.segments[s].end == i + 1) {
                return int(s);
            }
        }
        return -1;
    }

    // "shortcut = x", where a name is needed for what the segment may replace, and the condition.
    void open_segments(int i) {
        for (const Segment &segment : block_.segments) {
            if (segment.begin != i) {
                continue;
            }
            const int value = value_of(segment.otherwise);
            const std::string old = names_[size_t(value)];
            --remaining(value);
            int inside = 0;
            for (const User &user : users_[size_t(value)]) {
                inside += user.item >= segment.begin && user.item < segment.end;
            }
            std::string name = old;
            if (remaining(value) > inside || reserved_.count(old)) {
                name = segment_name(segment);
                write(name + " = " + old);
            }
            segment_names_.push_back(name);
            write("if " + segment.condition + " {");
            indent_ += 4;
        }
    }

    std::string segment_name(const Segment &segment) {
        const std::vector<User> &users = users_[size_t(inputs_ + segment.end - 1)];
        const bool added = users.size() == 1 && users[0].item >= 0 && infix(users[0].item);
        for (const char *name : {"shortcut", "y", "z"}) {
            if ((added || name[0] != 's') && is_free(name)) {
                return name;
            }
        }
        return choose_name_like("y");
    }

    void write_loop(const Loop &loop) {
        const int value = value_of(item(loop.begin).operands[0]);
        const int last = loop.end - 1;
        const std::string source = names_[size_t(value)];
        --remaining(value);
        Expression nothing;
        std::string name = is_free(source) && !is_branch(last) && !is_skip(last)
                               ? source
                               : choose_name(last, nothing);
        if (name != source) {
            write(name + " = " + source);
        }
        for (const std::string &head : loop.heads) {
            write(head + " {");
            indent_ += 4;
        }
        write(fmt::format("{} = {} -> {} as {}", name, name, loop.call, loop.path));
        for (size_t k = 0; k < loop.heads.size(); ++k) {
            indent_ -= 4;
            write("}");
        }
        give_name(inputs_ + last, name);
    }

    // The outputs that are known before item `next`, as long as their order is kept.
    void write_outputs(int next) {
        while (is_network_ && next_output_ < graph_.outputs.size()) {
            const Operand &operand = body_.results[next_output_];
            if (operand.kind == Operand::Kind::item && operand.index >= next) {
                return;
            }
            const Output &output = graph_.outputs[next_output_++];
            const Expression expression = take(operand);
            read(expression);
            const std::string lead = fmt::format("output {} = ", output.name);
            write(statement_text(lead, expression, indent_) +
                  (output.layout == Layout::nhwc ? " layout NHWC" : ""));
        }
    }

    void write_return() {
        Expression expression = take(body_.results[0]);
        const std::vector<std::string> &names = expression.auto_named;
        const bool clash = std::any_of(names.begin(), names.end(), [&](const std::string &name) {
            return weight_paths_.count(name) > 0;
        });
        if (clash) {
            bind(body_.results[0].index, expression);
            expression = Expression();
            expression.head = names_[size_t(value_of(body_.results[0]))];
        }
        write(statement_text("return ", expression, indent_));
    }

    // An output of an input's name would hide it from what comes behind.
    void rename_inputs() {
        for (int k = 0; k < inputs_; ++k) {
            const std::string old = names_[size_t(k)];
            const bool hidden =
                std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                            [&](const Output &output) { return output.name == old; });
            if (hidden && remaining(k) > 0) {
                give_name(k, choose_name_like(old));
                reserved_.insert(names_[size_t(k)]);
                write(names_[size_t(k)] + " = " + old);
            }
        }
    }

    void write_head() {
        if (is_network_) {
            text_ += fmt::format("network {} {{\n", graph_.name);
            indent_ = 4;
            for (NodeId id : graph_.inputs) {
                const Input *input = std::get_if<Input>(&graph_[id].op);
                const bool last = input && input->layout == Layout::nhwc;
                write(fmt::format("input {}: {}{}", graph_[id].name, type_text(graph_[id].type),
                                  last ? " layout NHWC" : ""));
            }
            rename_inputs();
            return;
        }
        std::vector<std::string> parts;
        for (int k = 0; k < inputs_; ++k) {
            parts.push_back(names_[size_t(k)]);
        }
        for (const Parameter &parameter : block_.parameters) {
            parts.push_back(parameter.fallback
                                ? parameter.name + "=" + value_text(*parameter.fallback)
                                : parameter.name);
        }
        text_ += fmt::format("block {}({}) {{\n", block_.name, fmt::join(parts, ", "));
        indent_ = 4;
        for (const auto &[name, expression] : block_.lets) {
            write(name + " = " + expression);
        }
    }

    const Graph &graph_;
    const Block &block_;
    const Body &body_;
    const bool is_network_;
    const int inputs_;
    std::vector<std::vector<User>> users_;        // per value
    std::vector<int> remaining_;                  // uses that are not written yet
    std::vector<std::string> names_;              // empty: none yet
    std::unordered_map<std::string, int> holder_; // which value has a name now
    std::set<std::string> reserved_;
    std::set<std::string> weight_paths_;
    std::map<std::string, int> numbers_;
    std::unordered_map<int, Expression> pending_;
    std::vector<Loop> loops_;
    size_t next_loop_ = 0;
    std::vector<std::string> segment_names_;
    size_t next_output_ = 0;
    size_t indent_ = 0;
    std::string text_;
};

} // namespace

std::string print_block(const Graph &graph, const Block &block) {
    return BlockPrinter(graph, block).print();
}

} // namespace cnnc::decompiler
