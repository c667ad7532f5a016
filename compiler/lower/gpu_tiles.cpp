// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolution, linear layers and products of computed matrices on GPUs: families `gpu_direct` and
// `gpu_matmul`.
//
// A block of threads makes threads_c * tile_c channels of threads_x * tile_x pixels in threads_y
// rows. For `chunk` input channels at a time, the input that the block's windows cover is copied
// into shared memory, with zeros where borders are, and so (`weights=shared`) are the weights. Then
// every thread adds up its tile_x * tile_c sums, which stay in its registers all the while: each
// step reads a vector of channels of every pixel and a vector of output channels of every weight.
// A matrix product is the same with a window of one position: its rows are the pixels, its columns
// the channels, and the right operand the weights.
//
// The sum has dimensions of its own for places within a thread, threads within a block and blocks;
// nothing in it depends on how far the layer's extents fill the last of each.
#include "compiler/lower/families.h"
#include "compiler/lower/gpu_loops.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/tensors.h"
#include "schedules/gpu_tile.h"
#include "schedules/shape.h"

#include <algorithm>
#include <functional>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::MemoryType;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

struct Stages {
    Contraction shape; // a product's too
    GpuTile tile;
    // The result's loops, and the sum's. `outer`: z, group and batch, or a product's batches.
    Var c{"c"}, x{"x"}, y{"y"};
    std::vector<Var> outer;
    Var ci{"ci"}, cv{"cv"}, xi{"xi"}, tc{"tc"}, tx{"tx"}, ty{"ty"}, bc{"bc"}, bx{"bx"}, by{"by"};
    // The input's: channel within a vector, vector of channels.
    Var u{"u"}, q{"q"};
    // The weights': position in the chunk's window, chunk.
    Var step{"step"}, chunk{"chunk"};
    RDom r;                  // u, q within the chunk, rx, ry, rz, chunk
    Func staged{"staged"};   // the input with borders
    Func pixels{"pixels"};   // a thread's part of it, in registers
    Func weights{"weights"}; // as the sum reads them: channel of the block, step, chunk, block, ...
    Func sum{"sum"}, output{"output"};
    std::vector<Halide::Argument> arguments;

    std::vector<Var> with_outer(std::vector<Var> vars) const {
        vars.insert(vars.end(), outer.begin(), outer.end());
        return vars;
    }
    std::vector<Var> sum_vars() const { return with_outer({ci, cv, xi, tc, tx, ty, bc, bx, by}); }
    std::vector<Var> result_vars() const { return with_outer({c, x, y}); }
    int64_t steps() const { // of a chunk in one plane of the window
        return tile.chunk * shape.axes[0].kernel * shape.axes[1].kernel;
    }
};

// Where a window of one position skips pixels, those are not staged.
int64_t position_step(const Axis &a) {
    return a.kernel == 1 ? a.stride : 1;
}

// The place along one axis that staged position `p` stands for, kept within the input; `outside`
// becomes true where it is a border. Blocks cover `block` outputs, the last one perhaps more than
// there are.
Expr place(const Axis &a, const Expr &position, int64_t block, Expr &outside) {
    Expr p = position * int32_t(position_step(a)) - int32_t(a.pad);
    int64_t last = (round_up(a.out, block) - 1) * a.stride + (a.kernel - 1) * a.dilation - a.pad;
    if (a.leaves_input())
        outside = outside || p < 0 || p >= int32_t(a.in);
    if (a.pad > 0)
        p = Halide::max(p, 0);
    return last >= a.in ? Halide::min(p, int32_t(a.in - 1)) : p;
}

// The channel that vector q, element u stands for, likewise. All of a vector is inside or outside.
Expr channel_place(const Stages &st, const Expr &u, const Expr &q, Expr &outside) {
    const int64_t vector = st.tile.vector, whole = st.shape.c / vector;
    if (st.shape.c % st.tile.chunk == 0)
        return q * int32_t(vector) + u;
    outside = outside || q >= int32_t(whole);
    return Halide::min(q, int32_t(whole - 1)) * int32_t(vector) + u;
}

// `read` gives the input at channel, x, y and the outer variables; it may extend `outside`.
using ReadInput = std::function<Expr(const Expr &, const Expr &, const Expr &, Expr &outside)>;

void define_staged(Stages &st, const ReadInput &read) {
    const GpuTile &t = st.tile;
    Expr outside = Halide::cast<bool>(false);
    Expr c = channel_place(st, st.u, st.q, outside);
    Expr x = place(st.shape.axes[0], st.x, t.block_x(), outside);
    Expr y = place(st.shape.axes[1], st.y, t.threads_y, outside);
    Expr value = read(c, x, y, outside);
    std::vector<Var> vars = st.with_outer({st.u, st.q, st.x, st.y});
    st.staged(vars) = Halide::select(outside, 0.0f, value);
    st.pixels(vars) = st.staged(vars);
}

// `outer_at(rz)`: where the input is read along the outer variables. `weight_at`: the weights'
// dimensions behind step and chunk.
void define_sum(Stages &st, const Expr &start,
                const std::function<std::vector<Expr>(const Expr &)> &outer_at,
                const std::vector<Expr> &weight_at) {
    const GpuTile &t = st.tile;
    const auto &[ax, ay, az] = st.shape.axes;
    Expr ru = st.r[0], rq = st.r[1], rx = st.r[2], ry = st.r[3], rz = st.r[4], rc = st.r[5];
    auto at = [](const Axis &a, const Expr &p, const Expr &r) -> Expr {
        return p * int32_t(a.kernel == 1 ? 1 : a.stride) + r * int32_t(a.dilation);
    };
    Expr px = (st.bx * int32_t(t.threads_x) + st.tx) * int32_t(t.tile_x) + st.xi;
    Expr py = st.by * int32_t(t.threads_y) + st.ty;
    std::vector<Expr> pixel = {ru, rc * int32_t(t.chunk / t.vector) + rq, at(ax, px, rx),
                               at(ay, py, ry)};
    for (const Expr &e : outer_at(rz))
        pixel.push_back(e);
    Expr channel = (st.cv * int32_t(t.threads_c) + st.tc) * int32_t(t.vector_c) + st.ci;
    Expr step =
        ((ry * int32_t(ax.kernel) + rx) * int32_t(t.chunk / t.vector) + rq) * int32_t(t.vector) +
        ru;
    std::vector<Expr> weight = {channel, step, rz + rc * int32_t(az.kernel)};
    weight.insert(weight.end(), weight_at.begin(), weight_at.end());
    st.sum(st.sum_vars()) = start;
    st.sum(st.sum_vars()) += st.weights(weight) * st.pixels(pixel);
}

// The sum as the result's loops see it.
Expr sum_there(const Stages &st) {
    const GpuTile &t = st.tile;
    auto part = [](const Expr &e, int64_t divisor, int64_t extent) -> Expr {
        return (e / int32_t(divisor)) % int32_t(extent);
    };
    std::vector<Expr> at = {
        part(st.c, 1, t.vector_c),         part(st.c, t.vector_c * t.threads_c, t.vectors_c()),
        part(st.x, 1, t.tile_x),           part(st.c, t.vector_c, t.threads_c),
        part(st.x, t.tile_x, t.threads_x), part(st.y, 1, t.threads_y),
        st.c / int32_t(t.block_c()),       st.x / int32_t(t.block_x()),
        st.y / int32_t(t.threads_y)};
    at.insert(at.end(), st.outer.begin(), st.outer.end());
    return st.sum(at);
}

RDom domain(const Contraction &s, const GpuTile &t) {
    const auto &[ax, ay, az] = s.axes;
    return RDom(0, int32_t(t.vector), 0, int32_t(t.chunk / t.vector), 0, int32_t(ax.kernel), 0,
                int32_t(ay.kernel), 0, int32_t(az.kernel), 0, int32_t(ceil_div(s.c, t.chunk)), "r");
}

std::vector<int64_t> view_strides(const Strides &s) {
    return {s.begin(), s.end()};
}

Stages contraction_algorithm(const Workload &w, const GpuTile &tile) {
    Stages st;
    st.shape = contraction_of(w);
    st.tile = tile;
    const Contraction &s = st.shape;
    const auto &[ax, ay, az] = s.axes;
    Var z("z"), g("g"), n("n");
    st.outer = {z, g, n};
    st.r = domain(s, tile);
    const int64_t blocks = ceil_div(s.k, tile.block_c()), chunks = ceil_div(s.c, tile.chunk);
    Image input =
        image("input", DType::f32, {s.c, ax.in, ay.in, az.in, s.groups, s.n}, view_strides(s.in));
    st.arguments.push_back(input.param);
    const std::vector<int64_t> extents = {s.k, ax.out, ay.out, az.out, s.groups, s.n};
    std::vector<Image> operands;
    for (size_t i = 0; i < s.operands.size(); ++i) {
        operands.push_back(image("operand" + std::to_string(i), w.inputs[i + 1].dtype, extents,
                                 view_strides(s.operands[i])));
        st.arguments.push_back(operands.back().param);
    }
    Halide::ImageParam weight =
        packed_image("weight", {tile.block_c(), st.steps(), az.kernel * chunks, blocks * s.groups});
    st.arguments.push_back(weight);
    Expr channel = (st.cv * int32_t(tile.threads_c) + st.tc) * int32_t(tile.vector_c) + st.ci;
    Expr start = 0.0f;
    if (workload_bias(w)) {
        Halide::ImageParam bias = packed_image("bias", {blocks * tile.block_c(), s.groups});
        st.arguments.push_back(bias);
        start = bias(channel + st.bc * int32_t(tile.block_c()), g);
    }
    define_staged(st, [&](const Expr &c, const Expr &x, const Expr &y, Expr &outside) {
        return input({c, x, y, place(az, z, 1, outside), g, n});
    });
    Var block("block");
    st.weights(st.ci, st.step, st.chunk, block) = weight(st.ci, st.step, st.chunk, block);
    define_sum(
        st, start,
        [&](const Expr &rz) -> std::vector<Expr> {
            return {z * int32_t(az.kernel == 1 ? 1 : az.stride) + rz * int32_t(az.dilation), g, n};
        },
        {st.bc + g * int32_t(blocks)});
    std::vector<Expr> here = {st.c, st.x, st.y, z, g, n};
    st.output(st.result_vars()) =
        stored(apply_epilogue(w, sum_there(st), [&](size_t i) { return operands[i](here); }));
    fix_output(st.output, st.result_vars(), extents, view_strides(s.out));
    return st;
}

// With y, of extent 1, in third place.
std::vector<int64_t> with_y(int64_t first, int64_t second, int64_t y,
                            const std::vector<int64_t> &rest) {
    std::vector<int64_t> all = {first, second, y};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

std::vector<int64_t> product_strides(const std::vector<int64_t> &s) {
    return with_y(s[0], s[1], 0, {s.begin() + 2, s.end()});
}

Stages product_algorithm(const Workload &w, const GpuTile &tile) {
    Stages st;
    const Product p = product_of(w);
    st.shape = contraction_like(p);
    st.tile = tile;
    st.outer = numbered("b", p.batch.size());
    st.r = domain(st.shape, tile);
    Image a = image("a", DType::f32, with_y(p.k, p.m, 1, p.batch), product_strides(p.a));
    Image b = image("b", DType::f32, with_y(p.n, p.k, 1, p.batch), product_strides(p.b));
    st.arguments = {p.swapped ? b.param : a.param, p.swapped ? a.param : b.param};
    const std::vector<int64_t> extents = with_y(p.n, p.m, 1, p.batch);
    std::vector<Image> operands;
    for (size_t i = 0; i < p.operands.size(); ++i) {
        operands.push_back(image("operand" + std::to_string(i), w.inputs[2 + i].dtype, extents,
                                 product_strides(p.operands[i])));
        st.arguments.push_back(operands.back().param);
    }
    auto outer_behind = [&](std::vector<Expr> at) {
        at.insert(at.end(), st.outer.begin(), st.outer.end());
        return at;
    };
    define_staged(st, [&](const Expr &c, const Expr &x, const Expr &, Expr &) {
        return a(outer_behind({c, x, 0}));
    });
    // Columns beyond the last are computed, and never stored.
    Var block("block");
    Expr outside = Halide::cast<bool>(false);
    Expr q = st.chunk * int32_t(tile.chunk / tile.vector) + st.step / int32_t(tile.vector);
    Expr k = channel_place(st, st.step % int32_t(tile.vector), q, outside);
    Expr column = block * int32_t(tile.block_c()) + st.ci;
    if (p.n % tile.block_c() != 0)
        column = Halide::min(column, int32_t(p.n - 1));
    st.weights(st.with_outer({st.ci, st.step, st.chunk, block})) =
        Halide::select(outside, 0.0f, b(outer_behind({column, k, 0})));
    auto here = [&](const Expr &) { return outer_behind({}); };
    define_sum(st, 0.0f, here, outer_behind({st.bc}));
    std::vector<Expr> at = outer_behind({st.c, st.x, st.y});
    st.output(st.result_vars()) =
        stored(apply_epilogue(w, sum_there(st), [&](size_t i) { return operands[i](at); }));
    fix_output(st.output, st.result_vars(), extents, product_strides(p.out));
    return st;
}

// ---- schedules ----

TailStrategy guard(int64_t extent, int64_t factor) {
    return tail(extent, factor, TailStrategy::GuardWithIf);
}

// Threads of a block, the first ones fastest.
std::vector<Var> thread_order(const Stages &st) {
    if (st.tile.lanes_x)
        return {st.tx, st.ty, st.tc};
    return {st.tc, st.tx, st.ty};
}

// Returns the loop over blocks.
Var schedule_output(Stages &st, bool side_by_side) {
    const Contraction &s = st.shape;
    const GpuTile &t = st.tile;
    Func out = st.output;
    Var co("co"), cr("cr"), xo("xo");
    int64_t vectors = ceil_div(s.k, t.vector_c), tiles = ceil_div(s.axes[0].out, t.tile_x);
    out.split(st.c, co, st.ci, int(t.vector_c), guard(s.k, t.vector_c));
    out.split(co, cr, st.tc, int(t.threads_c), guard(vectors, t.threads_c));
    out.split(cr, st.bc, st.cv, int(t.vectors_c()),
              guard(ceil_div(vectors, t.threads_c), t.vectors_c()));
    out.split(st.x, xo, st.xi, int(t.tile_x), guard(s.axes[0].out, t.tile_x));
    out.split(xo, st.bx, st.tx, int(t.threads_x), guard(tiles, t.threads_x));
    out.split(st.y, st.by, st.ty, int(t.threads_y), guard(s.axes[1].out, t.threads_y));
    std::vector<Var> threads = thread_order(st);
    std::vector<Halide::VarOrRVar> order;
    for (const Var &v : st.with_outer(
             {st.ci, st.cv, st.xi, threads[0], threads[1], threads[2], st.bc, st.bx, st.by}))
        order.push_back(v);
    out.reorder(order);
    // Elements side by side that are all there are stored as vectors.
    if (s.k % t.vector_c == 0 && side_by_side)
        out.vectorize(st.ci);
    else
        out.unroll(st.ci);
    out.unroll(st.cv).unroll(st.xi);
    Var thread = fused(out, threads, "thread");
    Var block = fused(out, st.with_outer({st.bc, st.bx, st.by}), "block");
    out.gpu_blocks(block).gpu_threads(thread);
    return block;
}

void schedule_sum(Stages &st, const Var &block, int64_t unroll) {
    const GpuTile &t = st.tile;
    Func sum = st.sum;
    sum.compute_at(st.output, block).store_in(MemoryType::Register);
    auto bound = [&](const Var &v, int64_t extent) { sum.bound(v, 0, int32_t(extent)); };
    bound(st.ci, t.vector_c);
    bound(st.cv, t.vectors_c());
    bound(st.xi, t.tile_x);
    bound(st.tc, t.threads_c);
    bound(st.tx, t.threads_x);
    bound(st.ty, t.threads_y);
    for (const Var &v : st.with_outer({st.bc, st.bx, st.by}))
        sum.bound_extent(v, 1);
    std::vector<Var> threads = thread_order(st);
    sum.reorder({st.ci, st.cv, st.xi, threads[0], threads[1], threads[2]});
    sum.vectorize(st.ci).unroll(st.cv).unroll(st.xi);
    sum.gpu_threads(fused(sum, threads, "thread"));
    auto update = sum.update();
    update.reorder({st.ci, st.cv, st.xi, st.r[0], st.r[1], st.r[2], st.r[3], threads[0], threads[1],
                    threads[2], st.r[4], st.r[5]});
    update.vectorize(st.ci).unroll(st.cv).unroll(st.xi).unroll(st.r[0]);
    if (unroll > 1)
        update.unroll(st.r[1], int(unroll));
    Var t01("t01"), t012("t012");
    update.fuse(threads[0], threads[1], t01).fuse(t01, threads[2], t012).gpu_threads(t012);
}

// All threads of the block copy, one vector after the other.
void copy_by_threads(Func f, const std::vector<Var> &vars, const Var &lane, int64_t threads) {
    Var all = fused(f, vars, "copy"), round("round"), thread("thread");
    f.split(all, round, thread, int(threads), TailStrategy::GuardWithIf);
    f.vectorize(lane).gpu_threads(thread);
}

// `rows`: the input's rows lie side by side in memory, not its channels.
void schedule_staged(Stages &st, bool rows) {
    const Contraction &s = st.shape;
    const GpuTile &t = st.tile;
    st.staged.compute_at(st.sum, st.r[4]).store_in(MemoryType::GPUShared);
    st.staged.bound_extent(st.u, int32_t(t.vector));
    st.staged.bound_extent(st.q, int32_t(t.chunk / t.vector));
    st.staged.bound_extent(st.x, int32_t(t.staged_x(s)));
    st.staged.bound_extent(st.y, int32_t(t.staged_y(s)));
    for (const Var &v : st.outer)
        st.staged.bound_extent(v, 1);
    std::vector<Var> order = st.with_outer({st.q, st.x, st.y});
    if (rows)
        std::swap(order[0], order[1]);
    st.staged.reorder({st.u, order[0], order[1]});
    copy_by_threads(st.staged, order, st.u, t.threads());
    st.pixels.compute_at(st.sum, st.r[1]).vectorize(st.u).unroll(st.x);
}

// `columns`: the weights' steps lie side by side in memory, not their channels.
void schedule_weights(Stages &st, bool columns) {
    const GpuTile &t = st.tile;
    Func f = st.weights;
    f.compute_at(st.sum, st.r[4]).store_in(MemoryType::GPUShared);
    f.bound_extent(st.ci, int32_t(t.block_c())).bound_extent(st.step, int32_t(st.steps()));
    std::vector<Var> vars = f.args();
    for (size_t i = 2; i < vars.size(); ++i)
        f.bound_extent(vars[i], 1);
    if (columns) {
        std::swap(vars[0], vars[1]);
        f.reorder(vars[0], vars[1]);
    }
    Var lane("lane");
    int64_t width = columns ? t.vector : t.vector_c;
    f.split(vars[0], vars[0], lane, int(width), TailStrategy::RoundUp);
    copy_by_threads(f, vars, lane, t.threads());
}

} // namespace

LoweredKernel lower_gpu_direct(const Workload &w, const Schedule &schedule) {
    Stages st = contraction_algorithm(w, gpu_tile(contraction_of(w), schedule));
    Var block = schedule_output(st, st.shape.out[0] == 1 && only_floats(w));
    schedule_sum(st, block, schedule.integer("unroll"));
    schedule_staged(st, st.shape.in[0] != 1 && st.shape.in[1] == 1);
    if (schedule.choice("weights") == "shared")
        schedule_weights(st, false);
    return with_sums_in_registers({st.output, st.arguments});
}

LoweredKernel lower_gpu_matmul(const Workload &w, const Schedule &schedule) {
    const Product p = product_of(w);
    Stages st = product_algorithm(w, gpu_tile(contraction_like(p), schedule));
    Var block = schedule_output(st, p.out[0] == 1 && only_floats(w));
    schedule_sum(st, block, schedule.integer("unroll"));
    schedule_staged(st, p.a[0] != 1 && p.a[1] == 1);
    schedule_weights(st, p.b[0] != 1 && p.b[1] == 1);
    return with_sums_in_registers({st.output, st.arguments});
}

} // namespace cnnc
