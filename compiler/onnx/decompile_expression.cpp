// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Expressions of .cnn while they are put together.
#include "compiler/onnx/decompile_expression.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace cnnc::decompiler {

namespace {

constexpr size_t max_column = 100;

std::string parenthesised(const std::string &text, bool wanted) {
    return wanted ? "(" + text + ")" : text;
}

} // namespace

std::string_view infix_of(BinaryKind kind) {
    switch (kind) {
    case BinaryKind::add:
        return "+";
    case BinaryKind::sub:
        return "-";
    case BinaryKind::mul:
        return "*";
    case BinaryKind::div:
        return "/";
    case BinaryKind::lt:
        return "<";
    case BinaryKind::le:
        return "<=";
    case BinaryKind::gt:
        return ">";
    case BinaryKind::ge:
        return ">=";
    default:
        return "";
    }
}

Binding binding_of(BinaryKind kind) {
    switch (kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
        return Binding::sum;
    case BinaryKind::mul:
    case BinaryKind::div:
        return Binding::product;
    default:
        return Binding::comparison;
    }
}

std::string stage_text(const Stage &stage) {
    std::string text = stage.callee;
    if (!stage.arguments.empty()) {
        text += fmt::format("({})", fmt::join(stage.arguments, ", "));
    }
    return stage.as.empty() ? text : text + " " + stage.as;
}

std::string as_call(const Expression &expression) {
    std::string text = expression.head;
    for (const Stage &stage : expression.stages) {
        text = stage.callee + "(" + text;
        for (const std::string &argument : stage.arguments) {
            text += ", " + argument;
        }
        text += stage.as.empty() ? ")" : ") " + stage.as;
    }
    return text;
}

std::string as_operand(const Expression &expression, Binding around, bool right) {
    if (!expression.stages.empty()) {
        return as_call(expression);
    }
    const bool tight = right || around == Binding::comparison ? expression.binding > around
                                                              : expression.binding >= around;
    return parenthesised(expression.head, !tight);
}

std::string statement_text(const std::string &lead, const Expression &expression, size_t indent) {
    const std::vector<Stage> &stages = expression.stages;
    std::string text = lead + expression.head;
    std::string flat = text;
    for (const Stage &stage : stages) {
        flat += " -> " + stage_text(stage);
    }
    if (indent + flat.size() <= max_column) {
        return flat;
    }
    const size_t arrow = indent + text.size() + 1;
    size_t column = arrow - 1;
    const auto put = [&](const std::string &piece) {
        if (column >= arrow && column + piece.size() > max_column) {
            text += "\n";
            column = arrow - 1;
        }
        text += piece;
        column += piece.size();
    };
    for (size_t i = 0; i < stages.size();) {
        // A layer and what follows it, up to the next one, stay on one line if they fit on any.
        std::vector<std::string> unit = {" -> " + stage_text(stages[i])};
        size_t size = unit[0].size();
        for (++i; i < stages.size() && !stages[i].leads; ++i) {
            unit.push_back(" -> " + stage_text(stages[i]));
            size += unit.back().size();
        }
        if (arrow - 1 + size <= max_column) {
            put(std::accumulate(unit.begin(), unit.end(), std::string()));
        } else {
            std::for_each(unit.begin(), unit.end(), put);
        }
    }
    return text;
}

} // namespace cnnc::decompiler
