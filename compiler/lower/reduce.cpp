// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Means over whole images and softmax: family `reduce`. Vectors go along a loop that is kept, or,
// for softmax, along the reduced loop itself: then every lane reduces its own share first.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

#include <functional>
#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

std::vector<int64_t> concatenated(std::vector<int64_t> a, const std::vector<int64_t> &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

template <typename T>
std::vector<T> in_front(T first, const std::vector<T> &rest) {
    std::vector<T> all = {std::move(first)};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

// Shape and arguments of both kinds of kernel. Images have the reduced dimensions in front of the
// kept ones.
struct Arguments {
    Reduction shape;
    std::vector<Var> k; // kept loops, innermost first
    ImageParam input;
    std::vector<ImageParam> operands;
    std::vector<Halide::Argument> list;
};

// Operands range over (reduced..., kept...) where the result does, else over (kept...).
Arguments arguments_of(const Workload &w, bool result_has_reduced) {
    Arguments a;
    a.shape = reduction_of(w);
    Reduction &s = a.shape;
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
    a.k = numbered("k", s.kept.extents.size());
    std::vector<int64_t> extents = concatenated(s.extents, s.kept.extents);
    a.input = image("input", extents, concatenated(s.in, s.kept.operands[0]));
    a.list.push_back(a.input);
    for (size_t i = 1; i < w.inputs.size(); ++i) {
        std::string name = "operand" + std::to_string(i - 1);
        a.operands.push_back(
            result_has_reduced
                ? image(name, extents, concatenated(s.operands[i], s.kept.operands[i]))
                : image(name, s.kept.extents, s.kept.operands[i]));
        a.list.push_back(a.operands.back());
    }
    return a;
}

// ---- mean ----

struct Mean {
    Arguments arguments;
    RDom r;
    Func sum{"sum"}, output{"output"};
};

Mean mean_algorithm(const Workload &w) {
    Mean m;
    m.arguments = arguments_of(w, false);
    const Reduction &s = m.arguments.shape;
    const std::vector<Var> &k = m.arguments.k;
    std::vector<Halide::Range> ranges;
    double count = 1;
    for (int64_t e : s.extents) {
        ranges.emplace_back(0, int32_t(e));
        count *= double(e);
    }
    m.r = RDom(ranges, "r");
    std::vector<Expr> here = exprs(k), at;
    for (int i = 0; i < m.r.dimensions(); ++i)
        at.push_back(m.r[i]);
    at.insert(at.end(), here.begin(), here.end());
    m.sum(k) = 0.0f;
    m.sum(k) += m.arguments.input(at);
    m.output(k) = apply_epilogue(w, m.sum(here) * float(1.0 / count),
                                 [&](size_t i) -> Expr { return m.arguments.operands[i](here); });
    fix_output(m.output, k, s.kept.extents, s.kept.out);
    return m;
}

void schedule_mean(Mean &m, int vector, bool parallel) {
    const std::vector<Var> &k = m.arguments.k;
    int64_t channels = m.arguments.shape.kept.extents[0];
    // Several vectors at once hide the latency of the additions; in parallel, blocks must not
    // overlap.
    int block = vector;
    for (int vectors = 4; vectors > 1; --vectors)
        if (channels >= vectors * vector && (!parallel || channels % (vectors * vector) == 0)) {
            block = vectors * vector;
            break;
        }
    Var outer("outer"), inner("inner");
    m.output.split(k[0], outer, inner, block, vector_tail(channels, block));
    m.output.vectorize(inner, vector).unroll(inner);
    Var at = parallel ? parallel_outer(m.output, with_outer(outer, k)) : outer;
    m.sum.compute_at(m.output, at).bound_extent(k[0], block);
    m.sum.vectorize(k[0], vector).unroll(k[0]);
    std::vector<VarOrRVar> order = {k[0]};
    for (int i = 0; i < m.r.dimensions(); ++i)
        order.push_back(m.r[i]);
    m.sum.update().reorder(order).vectorize(k[0], vector).unroll(k[0]);
}

// ---- softmax ----

// combine(start, value(0), value(1), ...) for every point of the kept loops: plain, or by `vector`
// lanes that each take every `vector`-th value, and then one after another what is left over.
struct Fold {
    Func result, lanes; // lanes: undefined where the fold is plain
    Var lane{"lane"};
    RDom r;                 // of the plain fold, or of the lanes'
    bool has_whole = false; // some vector is full
};

using Combine = Expr (*)(Expr, Expr);

Fold fold(const std::string &name, float start, Combine combine, int32_t extent, int vector,
          bool by_lanes, const std::vector<Var> &k, const std::function<Expr(Expr)> &value) {
    Fold f;
    f.result = Func(name);
    std::vector<Expr> here = exprs(k);
    auto add = [&](const Expr &v) { f.result(k) = combine(f.result(here), v); };
    f.result(k) = start;
    if (!by_lanes) {
        f.r = RDom(0, extent, "r");
        add(value(f.r));
        return f;
    }
    int32_t whole = extent / vector;
    f.has_whole = whole > 0;
    f.lanes = Func(name + "_lanes");
    std::vector<Var> lanes_k = in_front(f.lane, k);
    f.lanes(lanes_k) = start;
    if (f.has_whole) {
        f.r = RDom(0, whole, "r");
        f.lanes(lanes_k) = combine(f.lanes(exprs(lanes_k)), value(f.r * vector + f.lane));
    }
    RDom lane(0, vector, "each_lane");
    add(f.lanes(in_front<Expr>(lane, here)));
    if (extent % vector != 0) {
        RDom rest(0, extent % vector, "rest");
        add(value(whole * vector + rest));
    }
    return f;
}

struct SoftmaxStages {
    Arguments arguments;
    Var r{"r"};
    Fold highest, total;
    Func power{"power"}, output{"output"};
};

// exp(x - max) / sum, which no x makes overflow.
SoftmaxStages softmax_algorithm(const Workload &w, int vector, bool by_lanes) {
    SoftmaxStages st;
    st.arguments = arguments_of(w, true);
    const Reduction &s = st.arguments.shape;
    const std::vector<Var> &k = st.arguments.k;
    std::vector<Expr> here = exprs(k);
    std::vector<Var> rk = in_front(st.r, k);
    int32_t extent = int32_t(s.extents[0]);
    auto input = [&](Expr r) { return st.arguments.input(in_front(std::move(r), here)); };
    st.highest = fold(
        "highest", -std::numeric_limits<float>::infinity(),
        [](Expr a, Expr b) { return Halide::max(std::move(a), std::move(b)); }, extent, vector,
        by_lanes, k, input);
    st.power(rk) = Halide::exp(input(st.r) - st.highest.result(here));
    st.total = fold(
        "total", 0.0f, [](Expr a, Expr b) { return std::move(a) + std::move(b); }, extent, vector,
        by_lanes, k, [&](Expr r) { return st.power(in_front(std::move(r), here)); });
    Expr value = st.power(exprs(rk)) / st.total.result(here);
    st.output(rk) = apply_epilogue(
        w, value, [&](size_t i) -> Expr { return st.arguments.operands[i](exprs(rk)); });
    fix_output(st.output, rk, concatenated({extent}, s.kept.extents),
               concatenated(s.out, s.kept.out));
    return st;
}

void schedule_along_reduced(SoftmaxStages &st, int vector, bool parallel) {
    const std::vector<Var> &k = st.arguments.k;
    Var outer("outer"), inner("inner");
    TailStrategy strategy = vector_tail(st.arguments.shape.extents[0], vector);
    st.output.split(st.r, outer, inner, vector, strategy).vectorize(inner);
    Var at = parallel ? parallel_outer(st.output, k) : k[0];
    st.power.compute_at(st.output, at).vectorize(st.r, vector, TailStrategy::GuardWithIf);
    for (Fold *f : {&st.highest, &st.total}) {
        f->result.compute_at(st.output, at);
        f->lanes.compute_at(st.output, at).vectorize(f->lane);
        if (f->has_whole)
            f->lanes.update().reorder({VarOrRVar(f->lane), VarOrRVar(f->r.x)}).vectorize(f->lane);
    }
}

void schedule_along_kept(SoftmaxStages &st, int vector, bool parallel) {
    const std::vector<Var> &all = st.arguments.k;
    Var k = all[0], outer("outer"), inner("inner");
    TailStrategy strategy = vector_tail(st.arguments.shape.kept.extents[0], vector);
    st.output.split(k, outer, inner, vector, strategy).vectorize(inner);
    st.output.reorder(inner, st.r, outer);
    Var at = parallel ? parallel_outer(st.output, with_outer(outer, all)) : outer;
    for (Fold *f : {&st.highest, &st.total}) {
        f->result.compute_at(st.output, at).bound_extent(k, vector).vectorize(k);
        f->result.update().reorder({VarOrRVar(k), VarOrRVar(f->r.x)}).vectorize(k);
    }
    st.power.compute_at(st.output, at).bound_extent(k, vector).vectorize(k);
    st.power.reorder_storage(k, st.r).reorder(k, st.r);
}

} // namespace

LoweredKernel lower_reduce(const Workload &w, const Schedule &schedule) {
    int vector = int(schedule.integer("vector"));
    bool parallel = schedule.choice("parallel") == "outer";
    bool along_reduced = schedule.choice("along") == "reduced";
    if (!std::holds_alternative<Softmax>(w.anchor)) {
        Mean m = mean_algorithm(w);
        schedule_mean(m, vector, parallel);
        return {m.output, m.arguments.list};
    }
    SoftmaxStages st = softmax_algorithm(w, vector, along_reduced);
    if (along_reduced)
        schedule_along_reduced(st, vector, parallel);
    else
        schedule_along_kept(st, vector, parallel);
    return {st.output, st.arguments.list};
}

} // namespace cnnc
