// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element-by-element operators and whole epilogues as expressions. A bool is a value of type
// UInt(1) here; the other element types are Halide's of the same name. Internal to compiler/lower.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/lower/halide.h"

#include <functional>

namespace cnnc {

Halide::Type value_type(DType dtype);
// A constant; integers are truncated towards zero and kept in the type's range.
Halide::Expr constant(Halide::Type type, double value);
// As Cast in ops.h defines.
Halide::Expr convert(Halide::Type to, const Halide::Expr &x);

// Operands of the types that ops.h allows.
Halide::Expr apply_unary(const Unary &unary, const Halide::Expr &x);
Halide::Expr apply_binary(BinaryKind kind, const Halide::Expr &a, const Halide::Expr &b);

// One epilogue operand: the value at a point of the output.
using OperandAt = std::function<Halide::Expr(size_t operand)>;

// Applies the workload's epilogue to what the anchor made. `operand(i)` reads the i-th input
// behind the anchor's.
Halide::Expr apply_epilogue(const Workload &workload, Halide::Expr value, const OperandAt &operand);

} // namespace cnnc
