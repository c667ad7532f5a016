// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A block's body as statements: which values get names, which names, and which stay inside of the
// expression that uses them.
#include "compiler/onnx/decompile_print.h"

#include "compiler/onnx/decompile_expression.h"
#include "compiler/onnx/decompile_loops.h"
#include "compiler/onnx/decompile_names.h"
#include "compiler/onnx/decompile_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

namespace cnnc::decompiler {

namespace {

constexpr size_t max_inner_length = 32; // of what stands among arguments or in arithmetic
constexpr size_t max_infix_length = 70;
constexpr size_t max_stages = 24; // of a chain, before the next layer

class BlockPrinter {
  public:
    BlockPrinter(const Graph &graph, const Block &block)
        : graph_(graph), block_(block), body_(block.body()), values_(graph, block),
          loops_(find_loops(block, values_.item_uses())) {
        values_.reserve_variables(loops_);
    }

    std::string print() {
        write_head();
        for (int i = 0; i < values_.item_count();) {
            open_segments(i);
            if (next_loop_ < loops_.size() && loops_[next_loop_].begin == i) {
                write_loop(loops_[next_loop_]);
                i = loops_[next_loop_++].end;
            } else {
                write_item(i++);
            }
            write_outputs(i);
        }
        write_outputs(values_.item_count());
        if (!values_.is_network()) {
            write_return();
        }
        return text_ + "}\n";
    }

  private:
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

    // Where features end and what is made of them begins.
    bool starts_head(int i) const {
        const Op &op = graph_[values_.item(i).node].op;
        return !values_.item(i).is_block() &&
               (std::holds_alternative<GlobalAvgPool>(op) || std::holds_alternative<Flatten>(op) ||
                std::holds_alternative<AdaptiveAvgPool>(op));
    }

    // Whether the value of item i may stay unnamed until its only user is written.
    bool stays_inside(int i, const Expression &expression) const {
        const std::vector<BodyValues::User> &users = values_.users_of_item(i);
        if (users.size() != 1) {
            return false;
        }
        const BodyValues::User &user = users[0];
        const bool is_result = user.item < 0;
        if (is_result) {
            const bool stands_in = std::any_of(
                block_.segments.begin(), block_.segments.end(), [&](const Segment &segment) {
                    return segment.otherwise.kind == Operand::Kind::item &&
                           segment.otherwise.index == i;
                });
            return !stands_in && zone(i) == zone(values_.item_count());
        }
        if (zone(i) != zone(user.item) || starts_loop(user.item)) {
            return false;
        }
        const bool source = user.operand == 0 && !values_.infix(user.item) &&
                            (values_.tensor_operands(user.item) == 1 ||
                             (values_.item(user.item).is_block() && user.item == i + 1));
        if (source) {
            const bool head = starts_head(user.item) && expression.weighted >= 2;
            const size_t most = leads(values_.item(user.item)) ? max_stages : 2 * max_stages;
            return expression.stages.size() < most && !head;
        }
        return expression.weighted == 0 && as_call(expression).size() <= max_inner_length;
    }

    // --- Expressions

    // What stands for a value that has a name, or the expression that it still is.
    Expression take(const Operand &operand) {
        Expression expression;
        if (operand.kind == Operand::Kind::text) {
            expression.head = operand.text;
            return expression;
        }
        const int value = values_.value_of(operand);
        const auto pending = pending_.find(value);
        if (pending != pending_.end()) {
            expression = std::move(pending->second);
            pending_.erase(pending);
            --values_.remaining(value);
            return expression;
        }
        expression.head = values_.name(value);
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
        const Item &own = values_.item(i);
        if (const BinaryKind *kind = values_.infix(i); kind && values_.tensor_operands(i) > 0) {
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
            --values_.remaining(value);
        }
    }

    void bind(int i, const Expression &expression, const std::string &fixed_name = "") {
        read(expression);
        const std::string name =
            fixed_name.empty() ? values_.choose_name(i, expression) : fixed_name;
        write(statement_text(name + " = ", expression, indent_));
        values_.give_name(values_.value_of_item(i), name);
    }

    void write_item(int i) {
        Expression expression = expression_of(i);
        if (const int s = segment_ending(i); s >= 0) {
            bind(i, expression, segment_names_[size_t(s)]);
            indent_ -= 4;
            write("}");
        } else if (stays_inside(i, expression) && expression.head.size() <= max_infix_length) {
            pending_.emplace(values_.value_of_item(i), std::move(expression));
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
            const int value = values_.value_of(segment.otherwise);
            const std::string old = values_.name(value);
            --values_.remaining(value);
            int inside = 0;
            for (const BodyValues::User &user : values_.users(value)) {
                inside += user.item >= segment.begin && user.item < segment.end;
            }
            std::string name = old;
            if (values_.remaining(value) > inside || values_.is_reserved(old)) {
                name = segment_name(segment);
                write(name + " = " + old);
            }
            segment_names_.push_back(name);
            write("if " + segment.condition + " {");
            indent_ += 4;
        }
    }

    std::string segment_name(const Segment &segment) {
        const std::vector<BodyValues::User> &users = values_.users_of_item(segment.end - 1);
        const bool added = users.size() == 1 && users[0].item >= 0 && values_.infix(users[0].item);
        for (const char *name : {"shortcut", "y", "z"}) {
            if ((added || name[0] != 's') && values_.is_free(name)) {
                return name;
            }
        }
        return values_.choose_name_like("y");
    }

    void write_loop(const Loop &loop) {
        const int value = values_.value_of(values_.item(loop.begin).operands[0]);
        const int last = loop.end - 1;
        const std::string source = values_.name(value);
        --values_.remaining(value);
        Expression nothing;
        std::string name =
            values_.is_free(source) && !values_.is_branch(last) && !values_.is_skip(last)
                ? source
                : values_.choose_name(last, nothing);
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
        values_.give_name(values_.value_of_item(last), name);
    }

    // The outputs that are known before item `next`, as long as their order is kept.
    void write_outputs(int next) {
        while (values_.is_network() && next_output_ < graph_.outputs.size()) {
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
            return values_.is_weights_path(name);
        });
        if (clash) {
            bind(body_.results[0].index, expression);
            expression = Expression();
            expression.head = values_.name(values_.value_of(body_.results[0]));
        }
        write(statement_text("return ", expression, indent_));
    }

    // An output of an input's name would hide it from what comes behind.
    void rename_inputs() {
        for (int k = 0; k < values_.input_count(); ++k) {
            const std::string old = values_.name(k);
            const bool hidden =
                std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                            [&](const Output &output) { return output.name == old; });
            if (hidden && values_.remaining(k) > 0) {
                values_.give_name(k, values_.choose_name_like(old));
                values_.reserve(values_.name(k));
                write(values_.name(k) + " = " + old);
            }
        }
    }

    void write_head() {
        if (values_.is_network()) {
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
        for (int k = 0; k < values_.input_count(); ++k) {
            parts.push_back(values_.name(k));
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
    BodyValues values_;
    const std::vector<Loop> loops_;
    std::unordered_map<int, Expression> pending_;
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
