// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolution and linear layers: families `direct`, `small`, `planar`, `gemm`.
//
// The shape of the loops: a register tile of tile_x x tile_y output pixels by tile_c channels is
// accumulated over all input channels and the window, every loop of the tile unrolled, so that each
// accumulator is a register. Weights are packed so that the tile reads them as one stream; each is
// loaded once per step and multiplied with a broadcast pixel.
//
// Borders are made by staging: the rows a block of output rows needs are copied with their zeros
// into scratch memory first, so that nothing in the hot loop asks where it is.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

namespace {

// Loop variables of every stage: channel, x, y, z, group, batch.
struct Vars {
    Var c{"c"}, x{"x"}, y{"y"}, z{"z"}, g{"g"}, n{"n"};
    std::vector<Var> all() const { return {c, x, y, z, g, n}; }
    std::vector<Expr> exprs() const { return {c, x, y, z, g, n}; }
};

struct Stages {
    Contraction shape;
    Vars v;
    RDom r;   // c, rx, ry, rz
    RDom row; // of the input, where staging copies rows
    ImageParam input, weight, bias;
    Func staged; // undefined where the sum reads the input itself
    Func sum, output;
    std::vector<Halide::Argument> arguments;
};

std::vector<int64_t> view_strides(const Strides &s) {
    return {s.begin(), s.end()};
}

// Staged along channels where they lie side by side, else along x.
bool stages_along_x(const Contraction &s, bool wanted) {
    return wanted || s.in[0] != 1 || s.c < 8;
}

// The input with zeros outside, at padded coordinates (0 = the first border pixel). Along channels,
// the conditions on x are marked likely, so that Halide gives border and interior loops of their
// own. Along x, a vector would hold both: rows are zeroed and then copied where they have input.
void stage_input(Stages &st, bool along_x) {
    const Contraction &s = st.shape;
    const Vars &v = st.v;
    bool copy_rows = along_x && s.axes[0].leaves_input();
    st.staged = Func("staged");
    std::vector<Expr> at = v.exprs(), to = v.exprs();
    Expr outside = Halide::cast<bool>(false);
    for (size_t i = copy_rows ? 1 : 0; i < 3; ++i) {
        const Axis &axis = s.axes[i];
        // A vector along x may reach beyond the row even where no window does.
        if (!axis.leaves_input() && !(along_x && i == 0)) {
            // The last block of rows may be short, but as many rows are staged for it.
            if (i == 1)
                at[2] = Halide::min(at[2], int32_t(axis.in - 1));
            continue;
        }
        Expr p = at[1 + i] - int32_t(axis.pad);
        outside = outside || p < 0 || p >= int32_t(axis.in);
        at[1 + i] = Halide::clamp(Halide::likely(p), 0, int32_t(axis.in - 1));
    }
    if (copy_rows) {
        st.row = RDom(0, int32_t(s.axes[0].in), "row");
        at[1] = st.row;
        to[1] = st.row + int32_t(s.axes[0].pad);
        st.staged(v.all()) = 0.0f;
        st.staged(to) = Halide::select(outside, 0.0f, Halide::likely(st.input(at)));
    } else {
        st.staged(v.all()) = Halide::select(outside, 0.0f, Halide::likely(st.input(at)));
    }
}

struct Form {
    int block;                 // channels per packed block of weights
    bool window_inner = false; // the sum's innermost loop: along the window's row, or over c
    bool along_x = false;      // vectors go along x, which must have stride 1 in what is read
};

Stages algorithm(const Workload &w, const Form &form) {
    Stages st;
    const int block = form.block;
    const bool window_inner = form.window_inner;
    st.shape = contraction_of(w);
    const Contraction &s = st.shape;
    const Vars &v = st.v;
    const auto &[ax, ay, az] = s.axes;

    int64_t blocks = (s.k + block - 1) / block;
    st.input =
        image("input", DType::f32, {s.c, ax.in, ay.in, az.in, s.groups, s.n}, view_strides(s.in))
            .param;
    // The sum's innermost loop walks the weights in order.
    std::vector<int64_t> inner = {s.c, ax.kernel};
    if (window_inner)
        std::swap(inner[0], inner[1]);
    st.weight = packed_image("weight",
                             {block, inner[0], inner[1], ay.kernel, az.kernel, blocks * s.groups});
    st.arguments.push_back(st.input);
    std::vector<Image> operands;
    for (size_t i = 0; i < s.operands.size(); ++i) {
        operands.push_back(image("operand" + std::to_string(i), w.inputs[i + 1].dtype,
                                 {s.k, ax.out, ay.out, az.out, s.groups, s.n},
                                 view_strides(s.operands[i])));
        st.arguments.push_back(operands.back().param);
    }
    st.arguments.push_back(st.weight);
    const bool has_bias = workload_bias(w).has_value();
    if (has_bias) {
        st.bias = packed_image("bias", {blocks * block, s.groups});
        st.arguments.push_back(st.bias);
    }

    st.r = RDom(0, int32_t(s.c), 0, int32_t(ax.kernel), 0, int32_t(ay.kernel), 0,
                int32_t(az.kernel), "r");
    Expr rc = st.r.x, rx = st.r.y, ry = st.r.z, rz = st.r.w;
    auto at = [](const Axis &a, const Expr &p, const Expr &r) -> Expr {
        return p * int32_t(a.stride) + r * int32_t(a.dilation);
    };
    std::vector<Expr> where = {rc, at(ax, v.x, rx), at(ay, v.y, ry), at(az, v.z, rz), v.g, v.n};
    Expr pixel;
    if (s.staged() || (form.along_x && s.in[1] != 1)) {
        // Every axis that leaves the input is read at padded coordinates there.
        stage_input(st, stages_along_x(s, form.along_x));
        for (size_t i = 0; i < 3; ++i)
            if (!s.axes[i].leaves_input())
                where[1 + i] = where[1 + i] - int32_t(s.axes[i].pad);
        pixel = st.staged(where);
    } else {
        pixel = st.input(where);
    }
    Expr filter = st.weight(v.c % block, window_inner ? rx : rc, window_inner ? rc : rx, ry, rz,
                            v.c / block + v.g * int32_t(blocks));
    st.sum = Func("sum");
    st.sum(v.all()) = has_bias ? Expr(st.bias(v.c, v.g)) : Expr(0.0f);
    st.sum(v.all()) += filter * pixel;

    st.output = Func("output");
    st.output(v.all()) = stored(
        apply_epilogue(w, st.sum(v.all()), [&](size_t i) { return operands[i](v.exprs()); }));
    fix_output(st.output, v.all(), {s.k, ax.out, ay.out, az.out, s.groups, s.n},
               view_strides(s.out));
    return st;
}

void schedule_staging(Stages &st, int vector, bool along_x) {
    const Contraction &s = st.shape;
    Func f = st.staged;
    const Vars &v = st.v;
    if (!stages_along_x(s, along_x)) {
        int lanes = int(std::min<int64_t>(vector, s.c));
        while (s.c % lanes != 0 && lanes > 1)
            lanes /= 2;
        if (s.c > vector && s.c % vector != 0)
            f.vectorize(v.c, vector, TailStrategy::ShiftInwards);
        else
            f.vectorize(v.c, lanes);
        return;
    }
    f.reorder_storage(v.x, v.c, v.y, v.z, v.g, v.n).reorder(v.x, v.c, v.y, v.z, v.g, v.n);
    // Halide reads every element between those of a strided vector and up to stride - 1 behind the
    // last. It takes its own buffers to be that much larger than they are.
    const Axis &ax = s.axes[0];
    int64_t row = std::max(ax.last() + 1, ax.in) + ax.pad;
    if (along_x && ax.stride > 1)
        f.align_storage(v.x, int32_t((row + vector - 1) / vector * vector + ax.stride - 1));
    f.vectorize(v.x, vector, TailStrategy::RoundUp);
    if (!f.has_update_definition())
        return;
    RVar x = st.row.x;
    TailStrategy strategy = s.axes[0].in % vector == 0 ? TailStrategy::Auto : predicate_tail;
    // Every x is written once.
    f.update().allow_race_conditions().reorder({x, v.c, v.y, v.z, v.g, v.n});
    f.update().vectorize(x, vector, strategy);
}

// What is in registers: output pixels by channels, and how the sum walks.
struct RegisterTile {
    int x, y, channels, vector;
    int unroll; // steps of the innermost loop of the sum per iteration
    bool window_inner = false;
    bool along_x = false; // vectors go along x, and the tile's x is a multiple of them
};

// Loops of the output: the tile's, those within a block of rows (pixels), and those over blocks.
struct Loops {
    Var ci{"ci"}, xi{"xi"}, yi{"yi"};
    Var co{"co"}, xo{"xo"}, yo{"yo"};
    Var block{"block"}, par{"par"};
};

void schedule_sum(Stages &st, const RegisterTile &t, const Loops &l) {
    const Vars &v = st.v;
    st.output.vectorize(t.along_x ? l.xi : l.ci, t.vector).unroll(l.ci).unroll(l.xi).unroll(l.yi);
    Func sum = st.sum;
    Var lane = t.along_x ? v.x : v.c;
    sum.compute_at(st.output, l.xo).bound_extent(v.c, t.channels);
    if (t.along_x) {
        sum.bound_extent(v.x, t.x).reorder_storage(v.x, v.c, v.y, v.z, v.g, v.n);
        sum.reorder(v.x, v.c, v.y, v.z, v.g, v.n);
    }
    sum.vectorize(lane, t.vector).unroll(v.c).unroll(v.x).unroll(v.y);
    RVar rc = st.r.x, rx = st.r.y, ry = st.r.z, rz = st.r.w;
    if (t.window_inner)
        sum.update().reorder({v.c, v.x, v.y, rx, rc, ry, rz});
    else
        sum.update().reorder({v.c, v.x, v.y, rc, rx, ry, rz});
    sum.update().vectorize(lane, t.vector).unroll(v.c).unroll(v.x).unroll(v.y);
    if (t.unroll > 1)
        sum.update().unroll(t.window_inner ? rx : rc, t.unroll);
}

void split_channels(Stages &st, const RegisterTile &t, const Loops &l) {
    TailStrategy strategy = t.along_x ? TailStrategy::GuardWithIf : predicate_tail;
    st.output.split(st.v.c, l.co, l.ci, t.channels, tail(st.shape.k, t.channels, strategy));
}

// direct and small: blocks of rows, their borders staged once per block.
void schedule_rows(Stages &st, const RegisterTile &t, int rows, bool channels_outer,
                   const std::string &parallel) {
    const Contraction &s = st.shape;
    const Vars &v = st.v;
    Func out = st.output;
    Loops l;
    Var row("row");
    split_channels(st, t, l);
    out.split(v.x, l.xo, l.xi, t.x, tail(s.axes[0].out, t.x, TailStrategy::ShiftInwards));
    out.split(v.y, l.block, row, rows, tail(s.axes[1].out, rows, TailStrategy::GuardWithIf));
    out.split(row, l.yo, l.yi, t.y, tail(rows, t.y, TailStrategy::ShiftInwards));
    if (parallel == "c")
        out.reorder({l.ci, l.xi, l.yi, l.xo, l.yo, l.block, v.z, v.n, l.co, v.g});
    else if (channels_outer)
        out.reorder({l.ci, l.xi, l.yi, l.xo, l.yo, l.co, l.block, v.z, v.g, v.n});
    else
        out.reorder({l.ci, l.xi, l.yi, l.xo, l.co, l.yo, l.block, v.z, v.g, v.n});
    Var stage_at = l.block;
    if (parallel == "y") {
        out.fuse(l.block, v.z, l.par).fuse(l.par, v.g, l.par).fuse(l.par, v.n, l.par);
        out.parallel(l.par);
        stage_at = l.par;
    } else if (parallel == "c") {
        out.fuse(l.co, v.g, l.par).parallel(l.par);
    }
    schedule_sum(st, t, l);
    if (!st.staged.defined())
        return;
    if (parallel == "c") {
        st.staged.compute_root();
    } else {
        const Axis &y = s.axes[1];
        int64_t staged_rows = (rows - 1) * y.stride + y.dilation * (y.kernel - 1) + 1;
        st.staged.compute_at(out, stage_at).bound_extent(v.y, int32_t(staged_rows));
    }
    schedule_staging(st, t.vector, t.along_x);
}

// gemm: all pixels are x; blocks of `block` pixel tiles.
void schedule_product(Stages &st, const RegisterTile &t, int block, bool channels_outer,
                      const std::string &parallel) {
    const Contraction &s = st.shape;
    const Vars &v = st.v;
    Func out = st.output;
    Loops l;
    Var tiles("tiles");
    int64_t count = (s.axes[0].out + t.x - 1) / t.x;
    split_channels(st, t, l);
    out.split(v.x, tiles, l.xi, t.x, tail(s.axes[0].out, t.x, TailStrategy::ShiftInwards));
    out.split(tiles, l.block, l.xo, block, tail(count, block, TailStrategy::GuardWithIf));
    out.rename(v.y, l.yi);
    if (parallel == "n")
        out.reorder({l.ci, l.xi, l.yi, l.xo, l.block, v.z, v.n, l.co, v.g});
    else if (channels_outer)
        out.reorder({l.ci, l.xi, l.yi, l.xo, l.co, l.block, v.z, v.g, v.n});
    else
        out.reorder({l.ci, l.xi, l.yi, l.co, l.xo, l.block, v.z, v.g, v.n});
    if (parallel == "m") {
        out.fuse(l.block, v.g, l.par).fuse(l.par, v.n, l.par).parallel(l.par);
    } else if (parallel == "n") {
        out.fuse(l.co, v.g, l.par).parallel(l.par);
    }
    if (!channels_outer && parallel != "n")
        l.xo = l.co; // the innermost loop around the tile
    schedule_sum(st, t, l);
}

} // namespace

LoweredKernel lower_direct(const Workload &w, const Schedule &schedule) {
    int block = int(schedule.integer("tile_c"));
    Stages st = algorithm(w, {block});
    RegisterTile tile = {int(schedule.integer("tile_x")), int(schedule.integer("tile_y")), block,
                         int(schedule.integer("vector")), int(schedule.integer("unroll"))};
    schedule_rows(st, tile, int(schedule.integer("rows")), schedule.choice("order") == "c",
                  schedule.choice("parallel"));
    return {st.output, st.arguments};
}

LoweredKernel lower_small(const Workload &w, const Schedule &schedule) {
    int block = int(schedule.integer("tile_c"));
    Stages st = algorithm(w, {block, true});
    RegisterTile tile = {
        int(schedule.integer("tile_x")), 1,   block, int(schedule.integer("vector")),
        int(schedule.integer("unroll")), true};
    schedule_rows(st, tile, int(schedule.integer("rows")), true, schedule.choice("parallel"));
    return {st.output, st.arguments};
}

LoweredKernel lower_planar(const Workload &w, const Schedule &schedule) {
    int block = int(schedule.integer("tile_c"));
    Stages st = algorithm(w, {block, true, true});
    RegisterTile tile = {int(schedule.integer("tile_x")),
                         int(schedule.integer("tile_y")),
                         block,
                         int(schedule.integer("vector")),
                         int(schedule.integer("unroll")),
                         true,
                         true};
    schedule_rows(st, tile, int(schedule.integer("rows")), true, schedule.choice("parallel"));
    return {st.output, st.arguments};
}

LoweredKernel lower_gemm(const Workload &w, const Schedule &schedule) {
    int block = int(schedule.integer("tile_n"));
    Stages st = algorithm(w, {block});
    RegisterTile tile = {int(schedule.integer("tile_m")), 1, block, int(schedule.integer("vector")),
                         int(schedule.integer("unroll"))};
    schedule_product(st, tile, int(schedule.integer("block_m")), schedule.choice("order") == "n",
                     schedule.choice("parallel"));
    return {st.output, st.arguments};
}

} // namespace cnnc
