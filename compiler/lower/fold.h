// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions along loops, as stages: one after another for every point of the kept loops, or by
// lanes that each take their share of the innermost reduced loop first. What is reduced is a state
// of one or several values (a value and its position). Internal to compiler/lower.
#pragma once

#include "compiler/lower/halide.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

using State = std::vector<Halide::Expr>;

struct FoldRule {
    State start;
    std::function<State(const State &, const State &)> combine;
    // The item at a point of the reduced loops (innermost first).
    std::function<State(const std::vector<Halide::Expr> &)> item;
};

struct Fold {
    Halide::Func result; // over the kept loops
    // By lanes: each lane's share, and what becomes of it when halves are combined. Empty where the
    // fold is plain.
    std::vector<Halide::Func> lanes;
    int64_t lane_count = 1;
    Halide::Var lane{"lane"};
    Halide::RDom r; // of the plain fold, or of the lanes'
    bool has_whole = false;
};

// What becomes of items that are left when all lanes have taken the same number: they are added to
// the result one after another, or lanes take one more where there is one.
enum class Rest { after, guarded };

// `extents`: of the reduced loops, innermost first. lane_count: a power of two; 1: plain.
Fold make_fold(const std::string &name, const FoldRule &rule, const std::vector<int64_t> &extents,
               int64_t lane_count, const std::vector<Halide::Var> &kept, Rest rest = Rest::after);

State state_of(Halide::Func f, const std::vector<Halide::Expr> &at);

// A fold by lanes, computed for one point of the kept loops, at loop `at` of `consumer`.
void schedule_lanes(Fold &fold, Halide::Func consumer, const Halide::Var &at, int vector);
// A plain fold, for `block` points of kept[0] (a multiple of `vector`), unrolled.
void schedule_plain(Fold &fold, Halide::Func consumer, const Halide::Var &at,
                    const Halide::Var &kept, int block, int vector);

} // namespace cnnc
