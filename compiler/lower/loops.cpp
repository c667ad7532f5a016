// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/loops.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

std::vector<Var> numbered(const std::string &name, size_t count) {
    std::vector<Var> vars;
    for (size_t i = 0; i < count; ++i)
        vars.emplace_back(name + std::to_string(i));
    return vars;
}

std::vector<Expr> exprs(const std::vector<Var> &vars) {
    return {vars.begin(), vars.end()};
}

TailStrategy tail(int64_t extent, int64_t factor, TailStrategy strategy) {
    return extent % factor == 0 ? TailStrategy::RoundUp : strategy;
}

TailStrategy vector_tail(int64_t extent, int64_t vector) {
    return tail(extent, vector, extent > vector ? TailStrategy::ShiftInwards : predicate_tail);
}

Var parallel_outer(Func f, const std::vector<Var> &outer) {
    Var joined = outer[0];
    for (size_t i = 1; i < outer.size(); ++i) {
        Var next("par" + std::to_string(i));
        f.fuse(joined, outer[i], next);
        joined = next;
    }
    f.parallel(joined);
    return joined;
}

std::vector<Var> with_outer(const Var &first, const std::vector<Var> &vars) {
    std::vector<Var> all = {first};
    all.insert(all.end(), vars.begin() + 1, vars.end());
    return all;
}

Var schedule_elementwise(Func f, const std::vector<Var> &vars, const std::vector<int64_t> &extents,
                         int vector, int64_t block, bool parallel) {
    int64_t vectors = (extents[0] + vector - 1) / vector;
    Var inner("inner"), outer("outer"), task("task");
    f.split(vars[0], outer, inner, vector, vector_tail(extents[0], vector)).vectorize(inner);
    if (!parallel)
        return outer;
    int64_t taken = std::min(block, vectors);
    f.split(outer, task, outer, int(taken), tail(vectors, taken, TailStrategy::GuardWithIf));
    parallel_outer(f, with_outer(task, vars));
    return outer;
}

} // namespace cnnc
