// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The values of a body while it is printed: what uses them, and by which names they go.
#include "compiler/onnx/decompile_values.h"

#include "compiler/onnx/decompile_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc::decompiler {

namespace {

constexpr int far_away = 14; // items between a value and a use that needs a name of its own

} // namespace

BodyValues::BodyValues(const Graph &graph, const Block &block)
    : graph_(graph), block_(block), body_(block.body()),
      is_network_(block.instances[0].group == 0 && block.instances.size() == 1),
      inputs_(int(body_.inputs.size())) {
    count_uses();
    reserve_names();
}

std::vector<int> BodyValues::item_uses() const {
    std::vector<int> uses;
    for (int i = 0; i < item_count(); ++i) {
        uses.push_back(int(users_of_item(i).size()));
    }
    return uses;
}

void BodyValues::reserve_variables(const std::vector<Loop> &loops) {
    for (const Loop &loop : loops) {
        reserve("i");
        if (loop.heads.size() > 1) {
            reserve("stage");
        }
    }
}

void BodyValues::count_uses() {
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

const BinaryKind *BodyValues::infix(int i) const {
    const auto *binary = std::get_if<Binary>(&graph_[item(i).node].op);
    return !item(i).is_block() && binary && !infix_of(binary->kind).empty() ? &binary->kind
                                                                            : nullptr;
}

size_t BodyValues::tensor_operands(int i) const {
    const std::vector<Operand> &operands = item(i).operands;
    return size_t(std::count_if(operands.begin(), operands.end(),
                                [](const Operand &o) { return o.kind != Operand::Kind::text; }));
}

void BodyValues::reserve_names() {
    for (const Parameter &parameter : block_.parameters) {
        reserved_.insert(parameter.name);
    }
    for (const auto &[name, expression] : block_.lets) {
        reserved_.insert(name);
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

bool BodyValues::is_free(const std::string &name) {
    const auto holder = holder_.find(name);
    return !reserved_.count(name) && (holder == holder_.end() || remaining(holder->second) == 0);
}

// Whether an operator without `as` would take the name of a layer's weights.
bool BodyValues::clashes(const std::string &name, const Expression &expression) const {
    if (expression.calls == 1 || expression.calls == 0) {
        return !expression.auto_named.empty() && weight_paths_.count(name);
    }
    return std::any_of(
        expression.auto_named.begin(), expression.auto_named.end(),
        [&](const std::string &callee) { return weight_paths_.count(name + "." + callee); });
}

bool BodyValues::is_branch(int i) const {
    const std::vector<User> &users = users_of_item(i);
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

bool BodyValues::is_skip(int i) const {
    const std::vector<User> &users = users_of_item(i);
    return is_network_ && users.size() > 1 && users.back().item - i > far_away &&
           users[0].item - i < far_away;
}

std::string BodyValues::choose_name(int i, const Expression &expression) {
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

std::string BodyValues::choose_name_like(const std::string &base) {
    std::string name;
    do {
        name = fmt::format("{}_{}", base, ++numbers_[base]);
    } while (!is_free(name));
    return name;
}

void BodyValues::give_name(int value, const std::string &name) {
    names_[size_t(value)] = name;
    holder_[name] = value;
}

} // namespace cnnc::decompiler
