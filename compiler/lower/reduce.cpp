// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, arg_reduce, top_k and softmax: family `reduce`. Vectors go along a loop that is kept,
// or along the innermost reduced loop: then every lane reduces its own share first.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/math.h"
#include "compiler/lower/stages.h"

#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::select;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

std::vector<int64_t> concatenated(std::vector<int64_t> a, const std::vector<int64_t> &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<Expr> concatenated(std::vector<Expr> a, const std::vector<Expr> &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

template <typename T>
std::vector<T> in_front(T first, const std::vector<T> &rest) {
    std::vector<T> all = {std::move(first)};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

// Operands range over (reduced, kept...) where the result does, else over (kept...).
ReductionArguments arguments_of(const Workload &w, bool result_has_reduced) {
    ReductionArguments a;
    a.shape = reduction_of(w);
    Reduction &s = a.shape;
    if (s.extents.empty())
        s.extents = s.in = {1};
    if (s.kept.extents.empty()) {
        s.kept.extents = s.kept.out = {1};
        for (auto &strides : s.kept.operands)
            strides = {1};
    }
    a.k = numbered("k", s.kept.extents.size());
    a.input = image("input", w.inputs[0].dtype, concatenated(s.extents, s.kept.extents),
                    concatenated(s.in, s.kept.operands[0]));
    a.list.push_back(a.input.param);
    for (size_t i = 1; i < w.inputs.size(); ++i) {
        std::string name = "operand" + std::to_string(i - 1);
        const std::vector<int64_t> &strides = s.kept.operands[i];
        DType dtype = w.inputs[i].dtype;
        a.operands.push_back(result_has_reduced
                                 ? image(name, dtype, in_front(s.result, s.kept.extents),
                                         in_front(s.operands[i - 1], strides))
                                 : image(name, dtype, s.kept.extents, strides));
        a.list.push_back(a.operands.back().param);
    }
    return a;
}

int64_t innermost_reduced(const Workload &w) {
    Reduction r = reduction_of(w);
    return r.extents.empty() ? 1 : r.extents[0];
}

// Several vectors at once hide the latency of the additions.
int64_t lanes_of(int64_t extent, int vector) {
    int64_t lanes = vector;
    while (lanes < 4 * vector && extent >= 2 * lanes)
        lanes *= 2;
    return lanes;
}

// ---- reductions and arg_reduce ----

Expr least(Halide::Type type) {
    return type.is_float() ? Expr(-std::numeric_limits<float>::infinity()) : type.min();
}
Expr greatest(Halide::Type type) {
    return type.is_float() ? Expr(std::numeric_limits<float>::infinity()) : type.max();
}

FoldRule reduce_rule(ReduceKind kind, Halide::Type type, std::function<Expr(std::vector<Expr>)> x) {
    FoldRule rule;
    BinaryKind combine = BinaryKind::add;
    Expr start = constant(type, 0);
    if (kind == ReduceKind::amax || kind == ReduceKind::amin) {
        combine = kind == ReduceKind::amax ? BinaryKind::maximum : BinaryKind::minimum;
        start = kind == ReduceKind::amax ? least(type) : greatest(type);
    } else if (kind == ReduceKind::prod) {
        combine = BinaryKind::mul;
        start = constant(type, 1);
    }
    rule.start = {start};
    rule.combine = [combine](const State &a, const State &b) -> State {
        return {apply_binary(combine, a[0], b[0])};
    };
    rule.item = [kind, x](const std::vector<Expr> &at) -> State {
        Expr v = x(at);
        if (kind == ReduceKind::l1)
            return {Halide::abs(v)};
        return {kind == ReduceKind::sum_square ? apply_binary(BinaryKind::mul, v, v) : v};
    };
    return rule;
}

// Value and position; no position yet is a number beyond all of them.
FoldRule arg_rule(bool max, Halide::Type type, std::function<Expr(std::vector<Expr>)> x) {
    FoldRule rule;
    rule.start = {max ? least(type) : greatest(type), Expr(std::numeric_limits<int32_t>::max())};
    rule.combine = [max](const State &a, const State &b) -> State {
        Expr better = max ? b[0] > a[0] : b[0] < a[0];
        Expr take = better || (b[0] == a[0] && b[1] < a[1]);
        return {select(take, b[0], a[0]), select(take, b[1], a[1])};
    };
    rule.item = [x](const std::vector<Expr> &at) -> State { return {x(at), at[0]}; };
    return rule;
}

} // namespace

ReducingStages reducing_algorithm(const Workload &w, int64_t lanes, Rest rest) {
    ReducingStages st;
    st.arguments = arguments_of(w, false);
    const Reduction &s = st.arguments.shape;
    const std::vector<Var> &k = st.arguments.k;
    std::vector<Expr> here = exprs(k);
    auto input = [&](const std::vector<Expr> &r) {
        return st.arguments.input(concatenated(r, here));
    };
    Halide::Type type = value_type(w.inputs[0].dtype);
    const auto *reduce = std::get_if<Reduce>(&w.anchor);
    FoldRule rule = reduce ? reduce_rule(reduce->kind, type, input)
                           : arg_rule(std::get<ArgReduce>(w.anchor).max, type, input);
    st.fold = make_fold("fold", rule, s.extents, lanes, k, rest);
    State result = state_of(st.fold.result, here);
    Expr value = result[0];
    if (!reduce) // all NaN: some position
        value = Halide::cast<int64_t>(Halide::min(result[1], int32_t(s.extents[0] - 1)));
    else if (reduce->kind == ReduceKind::mean)
        value = value * float(1.0 / double(element_count(s.extents)));
    st.output(k) =
        stored(apply_epilogue(w, value, [&](size_t i) { return st.arguments.operands[i](here); }));
    fix_output(st.output, k, s.kept.extents, s.kept.out);
    return st;
}

namespace {

void schedule_reducing(ReducingStages &st, int vector, bool by_lanes, bool parallel) {
    const std::vector<Var> &k = st.arguments.k;
    if (by_lanes) {
        Var at = parallel ? parallel_outer(st.output, k) : k[0];
        schedule_lanes(st.fold, st.output, at, vector);
        return;
    }
    int64_t channels = st.arguments.shape.kept.extents[0];
    // In parallel, blocks must not overlap.
    int block = vector;
    for (int vectors = 4; vectors > 1; --vectors)
        if (channels >= vectors * vector && (!parallel || channels % (vectors * vector) == 0)) {
            block = vectors * vector;
            break;
        }
    Var outer("outer"), inner("inner");
    st.output.split(k[0], outer, inner, block, vector_tail(channels, block));
    st.output.vectorize(inner, vector).unroll(inner);
    Var at = parallel ? parallel_outer(st.output, with_outer(outer, k)) : outer;
    schedule_plain(st.fold, st.output, at, k[0], block, vector);
}

// ---- softmax ----

} // namespace

// exp(x - max) / sum, which no x makes overflow; its logarithm is x - max - log(sum).
SoftmaxStages softmax_algorithm(const Workload &w, int64_t lanes, Rest rest) {
    SoftmaxStages st;
    st.arguments = arguments_of(w, true);
    const Reduction &s = st.arguments.shape;
    const std::vector<Var> &k = st.arguments.k;
    std::vector<Expr> here = exprs(k), rk = in_front(Expr(st.r), here);
    auto input = [&](const std::vector<Expr> &r) {
        return st.arguments.input(concatenated(r, here));
    };
    Halide::Type type = Halide::Float(32);
    st.highest =
        make_fold("highest", reduce_rule(ReduceKind::amax, type, input), s.extents, lanes, k, rest);
    Expr lowered = input({st.r}) - st.highest.result(here);
    st.power(rk) = exp_of(lowered);
    auto power = [&](const std::vector<Expr> &r) -> Expr {
        return st.power(concatenated(r, here));
    };
    st.total =
        make_fold("total", reduce_rule(ReduceKind::sum, type, power), s.extents, lanes, k, rest);
    bool log = std::get<Softmax>(w.anchor).log;
    Expr total = st.total.result(here);
    st.norm(k) = log ? log_of(total) : 1.0f / total;
    Expr value = log ? lowered - st.norm(here) : st.power(rk) * st.norm(here);
    st.output(rk) =
        stored(apply_epilogue(w, value, [&](size_t i) { return st.arguments.operands[i](rk); }));
    fix_output(st.output, in_front(st.r, k), in_front(s.result, s.kept.extents),
               in_front(s.out, s.kept.out));
    return st;
}

namespace {

void schedule_along_reduced(SoftmaxStages &st, int vector, bool parallel) {
    const std::vector<Var> &k = st.arguments.k;
    Var outer("outer"), inner("inner");
    TailStrategy strategy = vector_tail(st.arguments.shape.result, vector);
    st.output.split(st.r, outer, inner, vector, strategy).vectorize(inner);
    Var at = parallel ? parallel_outer(st.output, k) : k[0];
    st.power.compute_at(st.output, at).vectorize(st.r, vector, TailStrategy::GuardWithIf);
    st.norm.compute_at(st.output, at);
    schedule_lanes(st.highest, st.output, at, vector);
    schedule_lanes(st.total, st.output, at, vector);
}

void schedule_along_kept(SoftmaxStages &st, int vector, bool parallel) {
    const std::vector<Var> &all = st.arguments.k;
    Var k = all[0], outer("outer"), inner("inner");
    TailStrategy strategy = vector_tail(st.arguments.shape.kept.extents[0], vector);
    st.output.split(k, outer, inner, vector, strategy).vectorize(inner);
    st.output.reorder(inner, st.r, outer);
    Var at = parallel ? parallel_outer(st.output, with_outer(outer, all)) : outer;
    schedule_plain(st.highest, st.output, at, k, vector, vector);
    schedule_plain(st.total, st.output, at, k, vector, vector);
    st.norm.compute_at(st.output, at).bound_extent(k, vector).vectorize(k);
    st.power.compute_at(st.output, at).bound_extent(k, vector).vectorize(k);
    st.power.reorder_storage(k, st.r).reorder(k, st.r);
}

LoweredKernel lower_softmax(const Workload &w, int vector, bool along_reduced, bool parallel) {
    SoftmaxStages st = softmax_algorithm(w, along_reduced ? vector : 1, Rest::after);
    if (along_reduced)
        schedule_along_reduced(st, vector, parallel);
    else
        schedule_along_kept(st, vector, parallel);
    return {st.output, st.arguments.list};
}

// ---- top_k ----

} // namespace

TopStages top_algorithm(const Workload &w) {
    TopStages st;
    st.arguments = arguments_of(w, true);
    const Reduction &s = st.arguments.shape;
    const auto &top = std::get<TopK>(w.anchor);
    const std::vector<Var> &k = st.arguments.k;
    std::vector<Expr> here = exprs(k), jk = in_front(Expr(st.j), here);
    Halide::Type type = value_type(w.inputs[0].dtype);
    st.r = RDom(0, int32_t(s.extents[0]), 0, int32_t(top.k), "r");
    Expr i = st.r.x, pass = st.r.y;
    Expr x = st.arguments.input(in_front(i, here));
    st.found(jk) = Halide::Tuple(constant(type, 0), Expr(-1));
    State last = state_of(st.found, in_front<Expr>(Halide::max(pass - 1, 0), here));
    State best = state_of(st.found, in_front(pass, here));
    auto before = [&](const Expr &a, const Expr &b) { return top.largest ? a > b : a < b; };
    Expr left = pass == 0 || before(last[0], x) || (last[0] == x && i > last[1]);
    Expr take = left && (best[1] < 0 || before(x, best[0]));
    st.found(in_front(pass, here)) =
        Halide::Tuple(select(take, x, best[0]), select(take, i, best[1]));
    State result = state_of(st.found, jk);
    Expr value = top.indices ? Halide::cast<int64_t>(Halide::max(result[1], 0)) : result[0];
    st.output(jk) =
        stored(apply_epilogue(w, value, [&](size_t o) { return st.arguments.operands[o](jk); }));
    fix_output(st.output, in_front(st.j, k), in_front(s.result, s.kept.extents),
               in_front(s.out, s.kept.out));
    return st;
}

namespace {

LoweredKernel lower_top(const Workload &w, int vector, bool parallel) {
    TopStages st = top_algorithm(w);
    const std::vector<Var> &all = st.arguments.k;
    Var k = all[0], outer("outer"), inner("inner");
    TailStrategy strategy = vector_tail(st.arguments.shape.kept.extents[0], vector);
    st.output.split(k, outer, inner, vector, strategy).vectorize(inner);
    st.output.reorder(inner, st.j, outer);
    Var at = parallel ? parallel_outer(st.output, with_outer(outer, all)) : outer;
    st.found.compute_at(st.output, at).bound_extent(k, vector).vectorize(k);
    st.found.reorder_storage(k, st.j).reorder(k, st.j);
    st.found.update().reorder({VarOrRVar(k), VarOrRVar(st.r.x), VarOrRVar(st.r.y)}).vectorize(k);
    return {st.output, st.arguments.list};
}

} // namespace

LoweredKernel lower_reduce(const Workload &w, const Schedule &schedule) {
    int vector = int(schedule.integer("vector"));
    bool parallel = schedule.choice("parallel") == "outer";
    bool along_reduced = schedule.choice("along") == "reduced";
    if (std::holds_alternative<TopK>(w.anchor))
        return lower_top(w, vector, parallel);
    if (std::holds_alternative<Softmax>(w.anchor))
        return lower_softmax(w, vector, along_reduced, parallel);
    int64_t reduced = innermost_reduced(w);
    ReducingStages st =
        reducing_algorithm(w, along_reduced ? lanes_of(reduced, vector) : 1, Rest::after);
    schedule_reducing(st, vector, along_reduced, parallel);
    return {st.output, st.arguments.list};
}

} // namespace cnnc
