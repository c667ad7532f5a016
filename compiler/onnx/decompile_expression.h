// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Expressions of .cnn while they are put together: chains, calls and arithmetic.
#pragma once

#include "compiler/graph/ops.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc::decompiler {

// A call behind `->`.
struct Stage {
    std::string callee;
    std::vector<std::string> arguments;
    std::string as;     // "as conv1", or nothing
    bool leads = false; // what begins a new line where a chain is too long for one
};

// How tightly the head of an expression binds.
enum class Binding : uint8_t { comparison, sum, product, atom };

struct Expression {
    std::string head; // what stands before the first `->`
    Binding binding = Binding::atom;
    std::vector<Stage> stages;
    std::vector<int> reads;              // values by whose names it is made, once per use
    std::vector<std::string> auto_named; // callees without `as`
    int calls = 0;
    int weighted = 0;
    std::string word; // what the last layer is called, if that says something
};

// "y + shortcut", or nothing for an operator that is a call.
std::string_view infix_of(BinaryKind kind);
Binding binding_of(BinaryKind kind);

std::string stage_text(const Stage &stage);
// The whole as nested calls: "sigmoid(x)". For what stands among arguments.
std::string as_call(const Expression &expression);
// As an operand of arithmetic that binds like `around`.
std::string as_operand(const Expression &expression, Binding around, bool right);
// `lead`, then the expression with the line breaks of a chain, `indent` columns from the margin.
std::string statement_text(const std::string &lead, const Expression &expression, size_t indent);

} // namespace cnnc::decompiler
