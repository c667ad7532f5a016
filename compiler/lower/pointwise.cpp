// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element-by-element work and copies: family `pointwise`.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::TailStrategy;
using Halide::Var;

namespace {

struct Stages {
    Loops loops;
    std::vector<Var> v; // innermost first
    Func output{"output"};
    std::vector<Halide::Argument> arguments;
};

Stages algorithm(const Workload &w) {
    Stages st;
    st.loops = pointwise_loops(w);
    if (st.loops.extents.empty()) { // a single element
        st.loops.extents = st.loops.out = {1};
        for (auto &strides : st.loops.operands)
            strides = {1};
    }
    st.v = numbered("d", st.loops.extents.size());
    std::vector<ImageParam> inputs;
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        inputs.push_back(
            image("input" + std::to_string(i), st.loops.extents, st.loops.operands[i]));
        st.arguments.push_back(inputs.back());
    }
    std::vector<Expr> here = exprs(st.v);
    st.output(st.v) =
        apply_epilogue(w, inputs[0](here), [&](size_t i) -> Expr { return inputs[i + 1](here); });
    fix_output(st.output, st.v, st.loops.extents, st.loops.out);
    return st;
}

void schedule_loops(Stages &st, const Schedule &schedule) {
    int vector = int(schedule.integer("vector"));
    int64_t extent = st.loops.extents[0], vectors = (extent + vector - 1) / vector;
    Var inner("inner"), outer("outer"), task("task");
    st.output.split(st.v[0], outer, inner, vector, vector_tail(extent, vector)).vectorize(inner);
    if (schedule.choice("parallel") == "none")
        return;
    int64_t taken = std::min(schedule.integer("block"), vectors);
    st.output.split(outer, task, outer, int(taken),
                    tail(vectors, taken, TailStrategy::GuardWithIf));
    parallel_outer(st.output, with_outer(task, st.v));
}

} // namespace

LoweredKernel lower_pointwise(const Workload &w, const Schedule &schedule) {
    Stages st = algorithm(w);
    schedule_loops(st, schedule);
    return {st.output, st.arguments};
}

} // namespace cnnc
