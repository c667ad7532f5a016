// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element-by-element work and copies: family `pointwise`.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/stages.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

PointwiseStages pointwise_algorithm(const Workload &w) {
    PointwiseStages st;
    st.loops = pointwise_loops(w);
    if (st.loops.extents.empty()) { // a single element
        st.loops.extents = st.loops.out = {1};
        for (auto &strides : st.loops.operands)
            strides = {1};
    }
    st.v = numbered("d", st.loops.extents.size());
    std::vector<Image> inputs;
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        inputs.push_back(image("input" + std::to_string(i), w.inputs[i].dtype, st.loops.extents,
                               st.loops.operands[i]));
        st.arguments.push_back(inputs.back().param);
    }
    std::vector<Expr> here = exprs(st.v);
    st.output(st.v) =
        stored(apply_epilogue(w, inputs[0](here), [&](size_t i) { return inputs[i + 1](here); }));
    fix_output(st.output, st.v, st.loops.extents, st.loops.out);
    return st;
}

LoweredKernel lower_pointwise(const Workload &w, const Schedule &schedule) {
    PointwiseStages st = pointwise_algorithm(w);
    schedule_elementwise(st.output, st.v, st.loops.extents, int(schedule.integer("vector")),
                         schedule.integer("block"), schedule.choice("parallel") == "outer");
    return {st.output, st.arguments};
}

} // namespace cnnc
