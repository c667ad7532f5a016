// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Windows that stay within a channel: depthwise convolution and pooling. Vectors run along
// channels; neighbouring output pixels of a tile share the input they load. Borders are made either
// by staging
// (`border=stage`) or where they are read (`border=split`): the conditions are marked likely, so
// that Halide splits the loops into border and interior, and the interior asks nothing.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/stages.h"

#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

std::vector<int64_t> strides_of(const Strides &s) {
    return {s[4], s[1], s[2], s[3], s[5]};
}

Image window_image(const std::string &name, DType dtype, const WindowStages &st, bool input,
                   const Strides &s) {
    auto extent = [&](size_t i) { return input ? st.shape.axes[i].in : st.shape.axes[i].out; };
    return image(name, dtype, {st.shape.groups, extent(0), extent(1), extent(2), st.shape.n},
                 strides_of(s));
}

// `input` with `border` outside, at padded coordinates along the axes that leave it.
Func with_border(WindowStages &st, const ImageParam &input, float border) {
    Func padded("padded");
    auto likely = [&](const Expr &e) { return st.split ? Halide::likely(e) : e; };
    std::vector<Expr> at = {st.g, st.x, st.y, st.z, st.n};
    Expr outside = Halide::cast<bool>(false);
    for (size_t i = 0; i < 3; ++i) {
        const Axis &axis = st.shape.axes[i];
        if (!axis.leaves_input()) {
            // The last block of rows may be short, but as many rows are staged for it.
            if (i == 1 && st.stage)
                at[2] = Halide::min(at[2], int32_t(axis.in - 1));
            continue;
        }
        Expr p = at[1 + i] - int32_t(axis.pad);
        outside = outside || p < 0 || p >= int32_t(axis.in);
        at[1 + i] = Halide::clamp(likely(p), 0, int32_t(axis.in - 1));
    }
    padded(st.vars()) = Halide::select(outside, border, likely(input(at)));
    return padded;
}

// Input coordinate of window position r of output point `out` along one axis; padded where the axis
// leaves the input.
Expr input_position(const Axis &a, const Expr &out, const Expr &r) {
    Expr p = out * int32_t(a.stride) + r * int32_t(a.dilation);
    return a.leaves_input() || a.pad == 0 ? p : p - int32_t(a.pad);
}

// The input there, with borders.
Expr window_pixel(WindowStages &st, const ImageParam &input, float border, const Expr &x,
                  const Expr &y, const Expr &z) {
    std::vector<Expr> at = {st.g, x, y, z, st.n};
    if (!st.shape.staged())
        return input(at);
    st.padded = with_border(st, input, border);
    return st.padded(at);
}

void finish(WindowStages &st, const Workload &w, const Expr &value,
            const std::vector<Image> &operands) {
    st.output = Func("output");
    std::vector<Expr> at = {st.g, st.x, st.y, st.z, st.n};
    st.output(st.vars()) =
        stored(apply_epilogue(w, value, [&](size_t i) { return operands[i](at); }));
    const auto &[ax, ay, az] = st.shape.axes;
    fix_output(st.output, st.vars(), {st.shape.groups, ax.out, ay.out, az.out, st.shape.n},
               strides_of(st.shape.out));
}

std::vector<Image> add_operands(WindowStages &st, const Workload &w) {
    std::vector<Image> operands;
    for (size_t i = 0; i < st.shape.operands.size(); ++i) {
        operands.push_back(window_image("operand" + std::to_string(i), w.inputs[i + 1].dtype, st,
                                        false, st.shape.operands[i]));
        st.arguments.push_back(operands.back().param);
    }
    return operands;
}

} // namespace

WindowStages depthwise_algorithm(const Workload &w, Borders borders) {
    WindowStages st;
    st.stage = borders == Borders::stage;
    st.split = borders != Borders::select;
    st.shape = contraction_of(w);
    ImageParam input = window_image("input", DType::f32, st, true, st.shape.in).param;
    st.arguments.push_back(input);
    std::vector<Image> operands = add_operands(st, w);
    const auto &[ax, ay, az] = st.shape.axes;
    ImageParam weight = packed_image("weight", {st.shape.groups, ax.kernel, ay.kernel, az.kernel});
    st.arguments.push_back(weight);
    Expr start = 0.0f;
    if (workload_bias(w)) {
        ImageParam bias = packed_image("bias", {st.shape.groups});
        st.arguments.push_back(bias);
        start = bias(st.g);
    }
    st.r = RDom(0, int32_t(ax.kernel), 0, int32_t(ay.kernel), 0, int32_t(az.kernel), "r");
    Expr pixel = window_pixel(st, input, 0.0f, input_position(ax, st.x, st.r.x),
                              input_position(ay, st.y, st.r.y), input_position(az, st.z, st.r.z));
    st.sum = Func("sum");
    st.sum(st.vars()) = start;
    st.sum(st.vars()) += weight(st.g, st.r.x, st.r.y, st.r.z) * pixel;
    finish(st, w, st.sum(st.vars()), operands);
    return st;
}

namespace {

// PyTorch's divisor along one axis: the window's extent within the padded input, or within the
// input alone.
Expr window_extent(const Axis &a, const Expr &out, bool count_include_pad) {
    Expr start = out * int32_t(a.stride) - int32_t(a.pad);
    Expr end = Halide::min(start + int32_t(a.kernel), int32_t(a.in + a.pad_hi));
    if (count_include_pad)
        return end - start;
    return Halide::min(end, int32_t(a.in)) - Halide::max(start, 0);
}

bool constant_extent(const Axis &a, bool count_include_pad) {
    return count_include_pad ? a.last() < a.in + a.pad_hi : !a.leaves_input();
}

Expr average(WindowStages &st, const Expr &sum, bool count_include_pad) {
    std::vector<Expr> outs = {st.x, st.y, st.z};
    int64_t constant = 1;
    Expr varying;
    for (size_t i = 0; i < 3; ++i) {
        const Axis &a = st.shape.axes[i];
        if (constant_extent(a, count_include_pad)) {
            constant *= a.kernel;
            continue;
        }
        Expr extent = Halide::cast<float>(window_extent(a, outs[i], count_include_pad));
        varying = varying.defined() ? varying * extent : extent;
    }
    if (!varying.defined())
        return sum * float(1.0 / double(constant));
    return sum / (varying * float(constant));
}

} // namespace

WindowStages pool_algorithm(const Workload &w, Borders borders, bool two_steps) {
    WindowStages st;
    st.stage = borders == Borders::stage;
    st.split = borders != Borders::select;
    st.shape = pooling_of(w);
    ImageParam input = window_image("input", DType::f32, st, true, st.shape.in).param;
    st.arguments.push_back(input);
    std::vector<Image> operands = add_operands(st, w);
    const auto &[ax, ay, az] = st.shape.axes;
    auto *avg = std::get_if<AvgPool>(&w.anchor);
    float start = avg ? 0.0f : -std::numeric_limits<float>::infinity();
    st.sum = Func("sum");
    std::vector<Expr> here = {st.g, st.x, st.y, st.z, st.n};
    auto accumulate = [&](Func f, const Expr &value) {
        f(st.vars()) = start;
        f(st.vars()) = avg ? f(here) + value : Halide::max(f(here), value);
    };
    if (two_steps) {
        st.r = RDom(0, int32_t(ay.kernel), 0, int32_t(az.kernel), "r");
        st.rx = RDom(0, int32_t(ax.kernel), "rx");
        st.column = Func("column");
        accumulate(st.column, window_pixel(st, input, start, st.x, input_position(ay, st.y, st.r.x),
                                           input_position(az, st.z, st.r.y)));
        accumulate(st.sum, st.column(st.g, input_position(ax, st.x, st.rx), st.y, st.z, st.n));
    } else {
        st.r = RDom(0, int32_t(ax.kernel), 0, int32_t(ay.kernel), 0, int32_t(az.kernel), "r");
        accumulate(st.sum, window_pixel(st, input, start, input_position(ax, st.x, st.r.x),
                                        input_position(ay, st.y, st.r.y),
                                        input_position(az, st.z, st.r.z)));
    }
    Expr value = st.sum(here);
    if (avg)
        value = average(st, value, avg->count_include_pad);
    finish(st, w, value, operands);
    return st;
}

namespace {

// Input coordinates under the windows of `count` neighbouring outputs.
int64_t covered(const Axis &a, int64_t count) {
    return (count - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
}

// Halide reads every element between those of a strided vector and up to stride - 1 behind the
// last. It takes its own buffers to be that much larger than they are.
void pad_storage(Func f, const Var &x, const Axis &axis, int64_t extent) {
    if (axis.stride > 1)
        f.align_storage(x, int32_t(extent + axis.stride - 1));
}

// Longer windows stay loops.
constexpr int64_t unrolled_window = 25;

void schedule_depthwise_window(WindowStages &st, const Var &lane, int vector) {
    Func sum = st.sum;
    sum.update().reorder({st.g, st.x, st.y, st.r.x, st.r.y, st.r.z});
    sum.update().vectorize(lane, vector).unroll(st.g).unroll(st.x).unroll(st.y);
    if (st.shape.axes[0].kernel * st.shape.axes[1].kernel <= unrolled_window)
        sum.update().unroll(st.r.x).unroll(st.r.y);
}

// First along y, for every input column that the tile's windows share; then along x.
void schedule_pool_window(WindowStages &st, const Var &xo, const Var &lane, int vector,
                          int tile_x) {
    const Axis &x = st.shape.axes[0];
    bool along_x = lane.name() == st.x.name();
    int64_t columns = covered(x, tile_x);
    Func sum = st.sum, column = st.column;
    sum.update().reorder({st.g, st.x, st.y, st.rx.x});
    sum.update().vectorize(lane, vector).unroll(st.g).unroll(st.x).unroll(st.y);
    bool unrolled = x.kernel * st.shape.axes[1].kernel <= unrolled_window;
    if (unrolled)
        sum.update().unroll(st.rx.x);
    column.compute_at(st.output, xo);
    if (along_x)
        column.reorder_storage(st.x, st.g, st.y, st.z, st.n).reorder(st.x, st.g, st.y, st.z, st.n);
    column.bound_extent(st.x, int32_t(columns));
    if (along_x)
        pad_storage(column, st.x, x, columns);
    // The last vector of columns overlaps the one before it; where values accumulate it must not.
    TailStrategy strategy =
        along_x ? tail(columns, vector, TailStrategy::ShiftInwards) : TailStrategy::RoundUp;
    column.vectorize(lane, vector, strategy).unroll(st.g).unroll(st.x).unroll(st.y);
    column.update().reorder({st.g, st.x, st.y, st.r.x, st.r.y});
    column.update()
        .vectorize(lane, vector, TailStrategy::GuardWithIf)
        .unroll(st.g)
        .unroll(st.x)
        .unroll(st.y);
    if (unrolled)
        column.update().unroll(st.r.x);
}

void schedule_windows(WindowStages &st, const Schedule &schedule) {
    const Contraction &s = st.shape;
    int tile_x = int(schedule.integer("tile_x")), tile_y = int(schedule.integer("tile_y"));
    int tile_c = int(schedule.integer("tile_c")), vector = int(schedule.integer("vector"));
    int rows = int(schedule.integer("rows"));
    Func out = st.output, sum = st.sum;
    Var go("go"), gi("gi"), xo("xo"), xi("xi"), block("block"), row("row"), yo("yo"), yi("yi");
    Var par("par");
    out.split(st.g, go, gi, tile_c, tail(s.groups, tile_c, TailStrategy::ShiftInwards));
    out.split(st.x, xo, xi, tile_x, tail(s.axes[0].out, tile_x, TailStrategy::ShiftInwards));
    out.split(st.y, block, row, rows, tail(s.axes[1].out, rows, TailStrategy::GuardWithIf));
    out.split(row, yo, yi, tile_y, tail(rows, tile_y, TailStrategy::ShiftInwards));
    out.reorder({gi, xi, yi, xo, yo, go, block, st.z, st.n});
    bool along_x = schedule.choice("lanes") == "x";
    Var lane = along_x ? st.x : st.g;
    out.vectorize(along_x ? xi : gi, vector).unroll(gi).unroll(xi).unroll(yi);
    Var stage_at = go;
    if (schedule.choice("parallel") == "y")
        out.fuse(block, st.z, par).fuse(par, st.n, par).parallel(par);
    else if (schedule.choice("parallel") == "c")
        out.reorder({gi, xi, yi, xo, yo, block, st.z, st.n, go}).parallel(go);
    if (schedule.choice("parallel") == "c")
        stage_at = block;
    sum.compute_at(out, xo).bound_extent(st.g, tile_c).bound_extent(st.y, tile_y);
    if (along_x) {
        sum.bound_extent(st.x, tile_x).reorder_storage(st.x, st.g, st.y, st.z, st.n);
        sum.reorder(st.x, st.g, st.y, st.z, st.n);
    }
    sum.vectorize(lane, vector).unroll(st.g).unroll(st.x).unroll(st.y);
    if (st.column.defined())
        schedule_pool_window(st, xo, lane, vector, tile_x);
    else
        schedule_depthwise_window(st, lane, vector);
    if (!s.staged() || !st.stage)
        return;
    st.padded.compute_at(out, stage_at);
    st.padded.bound_extent(st.y, int32_t(covered(s.axes[1], rows))).bound_extent(st.g, tile_c);
    int64_t columns = covered(s.axes[0], s.axes[0].out);
    if (along_x) {
        st.padded.reorder_storage(st.x, st.g, st.y, st.z, st.n)
            .reorder(st.x, st.g, st.y, st.z, st.n);
        pad_storage(st.padded, st.x, s.axes[0], columns);
    }
    bool whole = !along_x || columns >= vector;
    st.padded.vectorize(lane, vector,
                        whole ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf);
}

Borders borders_of(const Schedule &schedule) {
    return schedule.choice("border") == "stage" ? Borders::stage : Borders::split;
}

} // namespace

LoweredKernel lower_depthwise(const Workload &w, const Schedule &schedule) {
    WindowStages st = depthwise_algorithm(w, borders_of(schedule));
    schedule_windows(st, schedule);
    return {st.output, st.arguments};
}

LoweredKernel lower_pool(const Workload &w, const Schedule &schedule) {
    WindowStages st = pool_algorithm(w, borders_of(schedule), true);
    schedule_windows(st, schedule);
    return {st.output, st.arguments};
}

} // namespace cnnc
