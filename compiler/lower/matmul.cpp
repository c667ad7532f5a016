// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Products of two computed matrices: family `matmul`. A register tile of tile_m rows by tile_n
// columns is accumulated over k as in a convolution; what takes the place of packed weights is a
// panel of the right operand, tile_n columns wide, copied into scratch memory once per block of
// rows. Tiles that do not fill the matrix overlap, so that nothing reads beyond it.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

struct Stages {
    Product shape;
    Var n{"n"}, m{"m"}, k{"k"};
    std::vector<Var> b; // batch, innermost first
    RDom r;
    Func panel{"panel"}; // undefined where the product reads the operand itself
    Func sum{"sum"}, output{"output"};
    std::vector<Halide::Argument> arguments;

    std::vector<Var> vars() const { return with(n, m); }
    std::vector<Var> with(const Var &first, const Var &second) const {
        std::vector<Var> all = {first, second};
        all.insert(all.end(), b.begin(), b.end());
        return all;
    }
};

std::vector<int64_t> extents_of(const Stages &st, int64_t first, int64_t second) {
    std::vector<int64_t> all = {first, second};
    all.insert(all.end(), st.shape.batch.begin(), st.shape.batch.end());
    return all;
}

std::vector<Expr> at(const Stages &st, const Expr &first, const Expr &second) {
    std::vector<Expr> all = {first, second};
    all.insert(all.end(), st.b.begin(), st.b.end());
    return all;
}

Stages algorithm(const Workload &w, bool with_panel) {
    Stages st;
    st.shape = product_of(w);
    const Product &s = st.shape;
    st.b = numbered("b", s.batch.size());
    Image a = image("a", DType::f32, extents_of(st, s.k, s.m), s.a);
    Image b = image("b", DType::f32, extents_of(st, s.n, s.k), s.b);
    st.arguments = {s.swapped ? b.param : a.param, s.swapped ? a.param : b.param};
    std::vector<Image> operands;
    for (size_t i = 0; i < s.operands.size(); ++i) {
        operands.push_back(image("operand" + std::to_string(i), w.inputs[2 + i].dtype,
                                 extents_of(st, s.n, s.m), s.operands[i]));
        st.arguments.push_back(operands.back().param);
    }
    st.r = RDom(0, int32_t(s.k), "r");
    Expr right = b(at(st, st.n, st.r));
    if (with_panel) {
        st.panel(st.with(st.n, st.k)) = b(at(st, st.n, st.k));
        right = st.panel(at(st, st.n, st.r));
    }
    std::vector<Expr> here = at(st, st.n, st.m);
    st.sum(st.vars()) = 0.0f;
    st.sum(st.vars()) += a(at(st, st.r, st.m)) * right;
    st.output(st.vars()) =
        stored(apply_epilogue(w, st.sum(here), [&](size_t i) { return operands[i](here); }));
    fix_output(st.output, st.vars(), extents_of(st, s.n, s.m), s.out);
    return st;
}

} // namespace

LoweredKernel lower_matmul(const Workload &w, const Schedule &schedule) {
    bool with_panel = schedule.choice("right") == "panel";
    Stages st = algorithm(w, with_panel);
    const Product &s = st.shape;
    int tile_m = int(schedule.integer("tile_m")), tile_n = int(schedule.integer("tile_n"));
    int vector = int(schedule.integer("vector")), unroll = int(schedule.integer("unroll"));
    int64_t tiles = (s.m + tile_m - 1) / tile_m;
    int block = int(schedule.integer("block_m"));
    Var no("no"), ni("ni"), mo("mo"), mi("mi"), rows("rows"), block_var("block");
    Func out = st.output, sum = st.sum;
    out.split(st.n, no, ni, tile_n, tail(s.n, tile_n, TailStrategy::ShiftInwards));
    out.split(st.m, rows, mi, tile_m, tail(s.m, tile_m, TailStrategy::ShiftInwards));
    out.split(rows, block_var, mo, block, tail(tiles, block, TailStrategy::GuardWithIf));
    std::vector<VarOrRVar> order = {ni, mi, mo, no, block_var};
    order.insert(order.end(), st.b.begin(), st.b.end());
    out.reorder(order).vectorize(ni, vector).unroll(ni).unroll(mi);
    if (schedule.choice("parallel") == "m") {
        std::vector<Var> outer = {block_var};
        outer.insert(outer.end(), st.b.begin(), st.b.end());
        parallel_outer(out, outer);
    }
    sum.compute_at(out, mo).bound_extent(st.n, tile_n).bound_extent(st.m, tile_m);
    sum.vectorize(st.n, vector).unroll(st.n).unroll(st.m);
    sum.update().reorder({VarOrRVar(st.n), VarOrRVar(st.m), VarOrRVar(st.r.x)});
    sum.update().vectorize(st.n, vector).unroll(st.n).unroll(st.m);
    if (unroll > 1)
        sum.update().unroll(st.r.x, unroll);
    if (with_panel) {
        st.panel.compute_at(out, no).bound_extent(st.n, tile_n);
        st.panel.vectorize(st.n, vector).unroll(st.n);
    }
    return {st.output, st.arguments};
}

} // namespace cnnc
