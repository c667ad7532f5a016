// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What kernels of plain loops share: numbered variables, tails, the parallel loop. Internal to
// compiler/lower.
#pragma once

#include "compiler/lower/halide.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

std::vector<Halide::Var> numbered(const std::string &name, size_t count);
std::vector<Halide::Expr> exprs(const std::vector<Halide::Var> &vars);

// `strategy` where `factor` leaves a rest of `extent`; else nothing has to be done about tails.
Halide::TailStrategy tail(int64_t extent, int64_t factor, Halide::TailStrategy strategy);

// How a loop is split that need not hold whole vectors: the last one overlaps the one before it
// where there is one, else it is predicated.
Halide::TailStrategy vector_tail(int64_t extent, int64_t vector);

// Makes `outer` (innermost first, at least one) one parallel loop, and returns it.
Halide::Var parallel_outer(Halide::Func f, const std::vector<Halide::Var> &outer);
// `first` and the outer loops of `vars`.
std::vector<Halide::Var> with_outer(const Halide::Var &first, const std::vector<Halide::Var> &vars);

// Vectors along vars[0]; in parallel, tasks of `block` vectors and of all outer loops. Returns the
// loop over vectors.
Halide::Var schedule_elementwise(Halide::Func f, const std::vector<Halide::Var> &vars,
                                 const std::vector<int64_t> &extents, int vector, int64_t block,
                                 bool parallel);

} // namespace cnnc
