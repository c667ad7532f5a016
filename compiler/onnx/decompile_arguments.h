// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a person would write the arguments of an operator.
#pragma once

#include "compiler/graph/registry.h"

#include <string>
#include <vector>

namespace cnnc::decompiler {

// One argument of a call. In a block's body `text` is an expression of the block's parameters.
struct Argument {
    std::string name;
    Value value;
    bool implied = false;     // leaving it out says the same
    bool is_channels = false; // counts channels or features
    std::string text;         // as printed; set when the values of all instances are known
};

struct OperatorCall {
    std::string callee;
    std::vector<Argument> arguments;
    size_t positional = 0; // how many of the first arguments stand without their names
};

// The call that makes node `id`'s operator: all that is needed, and all that could be written
// besides marked as implied.
OperatorCall operator_call(const Graph &graph, NodeId id);

// A constant as an operand: a number, or tensor(...).
std::string constant_text(const Constant &constant);

bool same_value(const Value &a, const Value &b);
Value integer_value(int64_t value);
Value boolean_value(bool value);

} // namespace cnnc::decompiler
