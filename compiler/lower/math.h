// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elementary functions of f32 as expressions that vectorise and call no library: accurate to a few
// units in the last place over the whole range, unless the comment says otherwise.
//
// Halide compiles floating point as if there were no NaN and no infinity and sums in any order.
// Where that matters the steps are strict_float, and NaN and infinity are made as bits.
// Internal to compiler/lower.
#pragma once

#include "compiler/lower/halide.h"

namespace cnnc {

// Comparisons and quotients as IEEE has them.
Halide::Expr less(const Halide::Expr &a, const Halide::Expr &b);
Halide::Expr less_equal(const Halide::Expr &a, const Halide::Expr &b);
Halide::Expr equal_to(const Halide::Expr &a, const Halide::Expr &b);
Halide::Expr quotient(const Halide::Expr &a, const Halide::Expr &b);
Halide::Expr square_root(const Halide::Expr &x);
Halide::Expr is_nan_of(const Halide::Expr &x);

// Towards zero, down, up, to the nearest (halves to even).
Halide::Expr trunc_of(const Halide::Expr &x);
Halide::Expr floor_of(const Halide::Expr &x);
Halide::Expr ceil_of(const Halide::Expr &x);
Halide::Expr round_of(const Halide::Expr &x);

Halide::Expr exp_of(const Halide::Expr &x);
Halide::Expr log_of(const Halide::Expr &x);
Halide::Expr exp_minus_1(const Halide::Expr &x);
Halide::Expr log_1_plus(const Halide::Expr &u);     // 0 <= u <= 1
Halide::Expr log_1_plus_exp(const Halide::Expr &x); // log(1 + exp(x))
Halide::Expr sigmoid_of(const Halide::Expr &x);     // 1 / (1 + exp(-x))
Halide::Expr tanh_of(const Halide::Expr &x);
Halide::Expr erf_of(const Halide::Expr &x);
Halide::Expr erfc_of(const Halide::Expr &x); // 1 - erf(x), x >= 0
Halide::Expr sin_of(const Halide::Expr &x);  // |x| < 2^30; beyond it stays within [-1, 1]
Halide::Expr cos_of(const Halide::Expr &x);  // the same
Halide::Expr pow_of(const Halide::Expr &x, const Halide::Expr &y);
// C's fmod: exact where the quotient is below 2^29.
Halide::Expr fmod_of(const Halide::Expr &a, const Halide::Expr &b);

} // namespace cnnc
