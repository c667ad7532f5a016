// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels without a window: element-by-element work and copies (family `pointwise`), softmax and
// means (family `reduce`).
#include "compiler/lower/families.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

std::vector<Var> numbered(const std::string &name, size_t count) {
    std::vector<Var> vars;
    for (size_t i = 0; i < count; ++i)
        vars.emplace_back(name + std::to_string(i));
    return vars;
}

std::vector<Expr> exprs(const std::vector<Var> &vars) {
    return {vars.begin(), vars.end()};
}

// A vector where the loop is long enough, else a predicated one.
TailStrategy vector_tail(int64_t extent, int64_t vector) {
    if (extent % vector == 0)
        return TailStrategy::RoundUp;
    return extent > vector ? TailStrategy::ShiftInwards : predicate_tail;
}

// Makes `outer` (innermost first, at least one) one parallel loop, and returns it.
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

// `first` and the outer loops of `vars`.
std::vector<Var> with_outer(const Var &first, const std::vector<Var> &vars) {
    std::vector<Var> all = {first};
    all.insert(all.end(), vars.begin() + 1, vars.end());
    return all;
}

} // namespace

LoweredKernel lower_pointwise(const Workload &w, const Schedule &schedule) {
    Loops loops = pointwise_loops(w);
    if (loops.extents.empty()) { // a single element
        loops.extents = {1};
        loops.out = {1};
        for (auto &strides : loops.operands)
            strides = {1};
    }
    LoweredKernel kernel;
    std::vector<Var> v = numbered("d", loops.extents.size());
    std::vector<ImageParam> inputs;
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        inputs.push_back(image("input" + std::to_string(i), loops.extents, loops.operands[i]));
        kernel.arguments.push_back(inputs.back());
    }
    Func out("output");
    out(v) = apply_epilogue(w, inputs[0](exprs(v)),
                            [&](size_t i) -> Expr { return inputs[i + 1](exprs(v)); });
    fix_output(out, v, loops.extents, loops.out);

    int vector = int(schedule.integer("vector"));
    int64_t block = schedule.integer("block");
    Var inner("inner"), outer("outer"), task("task");
    out.split(v[0], outer, inner, vector, vector_tail(loops.extents[0], vector)).vectorize(inner);
    if (schedule.choice("parallel") == "outer") {
        int64_t vectors = (loops.extents[0] + vector - 1) / vector;
        int64_t taken = std::min(block, vectors);
        out.split(outer, task, outer, int(taken),
                  vectors % taken == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf);
        parallel_outer(out, with_outer(task, v));
    }
    kernel.output = out;
    return kernel;
}

namespace {

struct ReduceStages {
    Reduction shape;
    std::vector<Var> k; // kept loops, innermost first
    std::vector<Var> r; // reduced loops of the output (softmax)
    LoweredKernel kernel;
    ImageParam input;
    std::vector<ImageParam> operands;
};

std::vector<int64_t> concatenated(std::vector<int64_t> a, const std::vector<int64_t> &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// Inputs and output with the reduced dimensions in front of the kept ones.
ReduceStages reduce_arguments(const Workload &w) {
    ReduceStages st;
    st.shape = reduction_of(w);
    Reduction &s = st.shape;
    if (s.extents.empty()) {
        s.extents = s.in = {1};
        s.out = {0};
        for (auto &strides : s.operands)
            strides = {0};
    }
    if (s.kept.extents.empty()) {
        s.kept.extents = s.kept.out = {1};
        for (auto &strides : s.kept.operands)
            strides = {1};
    }
    st.k = numbered("k", s.kept.extents.size());
    st.r = numbered("r", s.extents.size());
    st.input = image("input", concatenated(s.extents, s.kept.extents),
                     concatenated(s.in, s.kept.operands[0]));
    st.kernel.arguments.push_back(st.input);
    return st;
}

// Operands over (reduced..., kept...) for softmax, over (kept...) for means.
void add_operands(ReduceStages &st, const Workload &w, bool with_reduced) {
    const Reduction &s = st.shape;
    for (size_t i = 1; i < w.inputs.size(); ++i) {
        std::string name = "operand" + std::to_string(i - 1);
        if (with_reduced)
            st.operands.push_back(image(name, concatenated(s.extents, s.kept.extents),
                                        concatenated(s.operands[i], s.kept.operands[i])));
        else
            st.operands.push_back(image(name, s.kept.extents, s.kept.operands[i]));
        st.kernel.arguments.push_back(st.operands.back());
    }
}

RDom domain(const std::vector<int64_t> &extents) {
    std::vector<Halide::Range> ranges;
    for (int64_t e : extents)
        ranges.emplace_back(0, int32_t(e));
    return RDom(ranges, "rd");
}

std::vector<Expr> at_reduced(const RDom &r, const std::vector<Var> &kept) {
    std::vector<Expr> at;
    for (int i = 0; i < r.dimensions(); ++i)
        at.push_back(r[i]);
    at.insert(at.end(), kept.begin(), kept.end());
    return at;
}

LoweredKernel lower_mean(const Workload &w, const Schedule &schedule) {
    ReduceStages st = reduce_arguments(w);
    const Reduction &s = st.shape;
    add_operands(st, w, false);
    int64_t count = 1;
    for (int64_t e : s.extents)
        count *= e;
    RDom r = domain(s.extents);
    Func sum("sum"), out("output");
    sum(st.k) = 0.0f;
    sum(st.k) += st.input(at_reduced(r, st.k));
    out(st.k) = apply_epilogue(w, sum(exprs(st.k)) * float(1.0 / double(count)),
                               [&](size_t i) -> Expr { return st.operands[i](exprs(st.k)); });
    fix_output(out, st.k, s.kept.extents, s.kept.out);

    int vector = int(schedule.integer("vector"));
    int64_t channels = s.kept.extents[0];
    // Several vectors at once hide the latency of the additions.
    int block = vector;
    while (block < 4 * vector && block + vector <= channels)
        block += vector;
    Var outer("outer"), inner("inner");
    out.split(st.k[0], outer, inner, block, vector_tail(channels, block));
    out.vectorize(inner, vector).unroll(inner);
    sum.compute_at(out, outer).bound_extent(st.k[0], block);
    sum.vectorize(st.k[0], vector).unroll(st.k[0]);
    std::vector<Halide::VarOrRVar> order = {st.k[0]};
    for (int i = 0; i < r.dimensions(); ++i)
        order.push_back(r[i]);
    sum.update().reorder(order).vectorize(st.k[0], vector).unroll(st.k[0]);
    st.kernel.output = out;
    return st.kernel;
}

struct SoftmaxFuncs {
    Func highest{"highest"}, power{"power"}, total{"total"}, out{"output"};
    Func lanes_highest{"lanes_highest"}, lanes_total{"lanes_total"};
    Var u{"u"};
};

// exp(x - max) / sum. Along the reduced loop itself: `vector` partial results, then one of them.
LoweredKernel lower_softmax(const Workload &w, const Schedule &schedule) {
    ReduceStages st = reduce_arguments(w);
    const Reduction &s = st.shape;
    add_operands(st, w, true);
    int vector = int(schedule.integer("vector"));
    bool along_reduced = schedule.choice("along") == "reduced";
    int32_t extent = int32_t(s.extents[0]);
    Expr lowest = -std::numeric_limits<float>::infinity();
    SoftmaxFuncs f;
    Var r = st.r[0];
    std::vector<Expr> kept = exprs(st.k);
    auto with = [](Expr first, const std::vector<Expr> &rest) {
        std::vector<Expr> all = {std::move(first)};
        all.insert(all.end(), rest.begin(), rest.end());
        return all;
    };
    auto var_with = [](Var first, const std::vector<Var> &rest) {
        std::vector<Var> all = {std::move(first)};
        all.insert(all.end(), rest.begin(), rest.end());
        return all;
    };
    std::vector<Var> r_kept = var_with(r, st.k), u_kept = var_with(f.u, st.k);
    int32_t whole = along_reduced ? extent / vector : 0;
    RDom vectors(0, std::max(whole, 1), "vectors");
    RDom rest(0, std::max(extent - whole * vector, 1), "rest");
    RDom lanes(0, vector, "lanes"), all(0, extent, "all");
    bool ragged = extent % vector != 0;

    if (along_reduced) {
        f.lanes_highest(u_kept) = lowest;
        if (whole > 0)
            f.lanes_highest(u_kept) = Halide::max(f.lanes_highest(exprs(u_kept)),
                                                  st.input(with(vectors * vector + f.u, kept)));
        f.highest(st.k) = lowest;
        f.highest(st.k) = Halide::max(f.highest(kept), f.lanes_highest(with(lanes, kept)));
        if (ragged)
            f.highest(st.k) =
                Halide::max(f.highest(kept), st.input(with(whole * vector + rest, kept)));
    } else {
        f.highest(st.k) = lowest;
        f.highest(st.k) = Halide::max(f.highest(kept), st.input(with(all, kept)));
    }
    f.power(r_kept) = Halide::exp(st.input(exprs(r_kept)) - f.highest(kept));
    if (along_reduced) {
        f.lanes_total(u_kept) = 0.0f;
        if (whole > 0)
            f.lanes_total(u_kept) += f.power(with(vectors * vector + f.u, kept));
        f.total(st.k) = 0.0f;
        f.total(st.k) += f.lanes_total(with(lanes, kept));
        if (ragged)
            f.total(st.k) += f.power(with(whole * vector + rest, kept));
    } else {
        f.total(st.k) = 0.0f;
        f.total(st.k) += f.power(with(all, kept));
    }
    f.out(r_kept) = apply_epilogue(w, f.power(exprs(r_kept)) / f.total(kept),
                                   [&](size_t i) -> Expr { return st.operands[i](exprs(r_kept)); });
    fix_output(f.out, r_kept, concatenated({extent}, s.kept.extents),
               concatenated(s.out, s.kept.out));

    Var k = st.k[0], ko("ko"), ki("ki"), ro("ro"), ri("ri");
    bool parallel = schedule.choice("parallel") == "outer";
    if (along_reduced) {
        f.out.split(r, ro, ri, vector, vector_tail(extent, vector)).vectorize(ri);
        Var at = parallel ? parallel_outer(f.out, st.k) : k;
        for (Func stage : {f.highest, f.total})
            stage.compute_at(f.out, at);
        f.power.compute_at(f.out, at).vectorize(r, vector, TailStrategy::GuardWithIf);
        for (Func stage : {f.lanes_highest, f.lanes_total}) {
            stage.compute_at(f.out, at).vectorize(f.u);
            if (whole > 0)
                stage.update()
                    .reorder({Halide::VarOrRVar(f.u), Halide::VarOrRVar(vectors.x)})
                    .vectorize(f.u);
        }
    } else {
        f.out.split(k, ko, ki, vector, vector_tail(s.kept.extents[0], vector)).vectorize(ki);
        f.out.reorder(ki, r, ko);
        Var at = parallel ? parallel_outer(f.out, with_outer(ko, st.k)) : ko;
        for (Func stage : {f.highest, f.total}) {
            stage.compute_at(f.out, at).bound_extent(k, vector).vectorize(k);
            stage.update().reorder({Halide::VarOrRVar(k), Halide::VarOrRVar(all.x)}).vectorize(k);
        }
        f.power.compute_at(f.out, at).bound_extent(k, vector).vectorize(k);
        f.power.reorder_storage(k, r).reorder(k, r);
    }
    st.kernel.output = f.out;
    return st.kernel;
}

} // namespace

LoweredKernel lower_reduce(const Workload &w, const Schedule &schedule) {
    return std::holds_alternative<Softmax>(w.anchor) ? lower_softmax(w, schedule)
                                                     : lower_mean(w, schedule);
}

} // namespace cnnc
