// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators and functions of the language on values known at compile time. Integers have 64 bits
// and never wrap; `/` gives a floating-point number, `//` and `%` round down, as in Python.
#pragma once

#include "compiler/sema/datum.h"
#include "dsl/ast.h"

#include <vector>

namespace cnnc {

// What it takes to compute and to report.
struct ArithmeticContext {
    const Graph &graph;
    Diagnostics &diags;
    // Work left, in about the time of one addition; an operation that would need more leaves none
    // and gives poison without a report.
    size_t &budget;
};

// An operand is neither poison nor a tensor. `and` and `or` are not here: they may not look at
// their second operand. Poison after a mistake was reported.
Datum apply_infix(ast::BinaryOp op, const Datum &left, const Datum &right, Span op_span,
                  ArithmeticContext &context);
Datum apply_minus(const Datum &operand, Span op_span, ArithmeticContext &context);

// Every builtin function but `error`.
Datum apply_builtin(const std::string &name, const std::vector<Datum> &arguments, Span span,
                    ArithmeticContext &context);

} // namespace cnnc
