// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, arg_reduce, top_k and softmax on GPUs: family `gpu_reduce`; and convolution and
// linear layers whose few results are long sums: family `gpu_split`. A thread reduces for one point
// of the kept loops (`lanes=1`), or `lanes` threads share the work: each reduces its part in
// registers, and in shared memory halves are added to halves until one is left.
#include "compiler/lower/families.h"
#include "compiler/lower/gpu_loops.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/stages.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::MemoryType;
using Halide::TailStrategy;
using Halide::Var;

namespace {

struct Threads {
    int lanes, rows;
    bool rows_inner; // neighbouring threads work for neighbouring rows
};

// Loops over the kept points: `rows` along the first in a block, the rest in blocks.
struct KeptLoops {
    Var row{"row"}, block{"block"};
};

KeptLoops split_rows(Func f, std::vector<Var> kept, int rows,
                     TailStrategy strategy = TailStrategy::RoundUp) {
    KeptLoops loops;
    Var outer("outer");
    f.split(kept[0], outer, loops.row, rows, strategy);
    kept[0] = outer;
    loops.block = fused(f, kept, "kept");
    f.gpu_blocks(loops.block);
    return loops;
}

void by_threads(Func f, const Var &lane, const Var &row, const Threads &t) {
    if (t.rows_inner)
        f.reorder(row, lane).gpu_threads(row, lane);
    else
        f.reorder(lane, row).gpu_threads(lane, row);
}

// The fold's stages within a block of `consumer`.
void schedule_shares(Fold &fold, Func consumer, const Var &block, const std::vector<Var> &kept,
                     const Threads &t) {
    Func share = fold.lanes[0];
    fold.lanes[0] = share.in();
    int count = t.lanes;
    for (Func &stage : fold.lanes) {
        std::vector<Var> vars = stage.args(); // lane, kept
        stage.compute_at(consumer, block).store_in(MemoryType::GPUShared);
        stage.bound_extent(vars[0], count).bound_extent(vars[1], t.rows);
        for (size_t i = 2; i < vars.size(); ++i)
            stage.bound_extent(vars[i], 1);
        by_threads(stage, vars[0], vars[1], t);
        count /= 2;
    }
    share.compute_at(fold.lanes[0], t.rows_inner ? kept[0] : fold.lane);
}

LoweredKernel lower_reducing(const Workload &w, const Threads &t) {
    ReducingStages st = reducing_algorithm(w, t.lanes, Rest::guarded);
    const std::vector<Var> &k = st.arguments.k;
    if (t.lanes == 1) {
        Var thread = gpu_elementwise(st.output, k, st.arguments.shape.kept.extents, 1, t.rows);
        st.fold.result.compute_at(st.output, thread);
        return {st.output, st.arguments.list};
    }
    KeptLoops loops = split_rows(st.output, k, t.rows);
    // The rows' threads have to be those of the shares.
    Var row("row_of_one"), lane("lane_of_one");
    st.output.split(loops.row, row, lane, 1);
    by_threads(st.output, lane, row, t);
    schedule_shares(st.fold, st.output, loops.block, k, t);
    return {st.output, st.arguments.list};
}

LoweredKernel lower_softmax(const Workload &w, const Threads &t) {
    SoftmaxStages st = softmax_algorithm(w, t.lanes, Rest::guarded);
    const std::vector<Var> &k = st.arguments.k;
    if (t.lanes == 1) {
        Var thread = gpu_elementwise(st.output, k, st.arguments.shape.kept.extents, 1, t.rows);
        for (Func f : {st.highest.result, st.total.result, st.norm})
            f.compute_at(st.output, thread);
        return {st.output, st.arguments.list};
    }
    KeptLoops loops = split_rows(st.output, k, t.rows);
    Var round("round"), lane("lane");
    st.output.split(st.r, round, lane, t.lanes, TailStrategy::GuardWithIf);
    if (t.rows_inner)
        st.output.reorder(round, loops.row, lane, loops.block).gpu_threads(loops.row, lane);
    else
        st.output.reorder(round, lane, loops.row, loops.block).gpu_threads(lane, loops.row);
    schedule_shares(st.highest, st.output, loops.block, k, t);
    schedule_shares(st.total, st.output, loops.block, k, t);
    return {st.output, st.arguments.list};
}

// The input under a window, zero outside.
Expr bordered(const Contraction &s, const Image &input, const std::vector<Expr> &r,
              const std::vector<Expr> &here) {
    std::vector<Expr> at = {r[0], here[1], here[2], here[3], here[4], here[5]};
    Expr outside = Halide::cast<bool>(false);
    for (size_t i = 0; i < 3; ++i) {
        const Axis &a = s.axes[i];
        Expr p = here[1 + i] * int32_t(a.stride) + r[1 + i] * int32_t(a.dilation) - int32_t(a.pad);
        if (a.leaves_input()) {
            outside = outside || p < 0 || p >= int32_t(a.in);
            p = Halide::clamp(p, 0, int32_t(a.in - 1));
        }
        at[1 + i] = p;
    }
    return Halide::select(outside, 0.0f, input(at));
}

struct SplitStages {
    std::vector<Var> vars; // c, x, y, z, g, n
    Fold fold;
    Func output{"output"};
    std::vector<Halide::Argument> arguments;
};

SplitStages split_algorithm(const Workload &w, int split, int64_t block) {
    SplitStages st;
    const Contraction s = contraction_of(w);
    const auto &[ax, ay, az] = s.axes;
    const std::vector<int64_t> kernel = {s.c, ax.kernel, ay.kernel, az.kernel};
    const std::vector<int64_t> extents = {s.k, ax.out, ay.out, az.out, s.groups, s.n};
    const int64_t blocks = ceil_div(s.k, block);
    auto strides = [](const Strides &all) -> std::vector<int64_t> {
        return {all.begin(), all.end()};
    };
    st.vars = {Var("c"), Var("x"), Var("y"), Var("z"), Var("g"), Var("n")};
    const std::vector<Expr> here = exprs(st.vars);
    Image input =
        image("input", DType::f32, {s.c, ax.in, ay.in, az.in, s.groups, s.n}, strides(s.in));
    st.arguments.push_back(input.param);
    std::vector<Image> operands;
    for (size_t i = 0; i < s.operands.size(); ++i) {
        operands.push_back(image("operand" + std::to_string(i), w.inputs[i + 1].dtype, extents,
                                 strides(s.operands[i])));
        st.arguments.push_back(operands.back().param);
    }
    Halide::ImageParam weight =
        packed_image("weight", {block, s.c, ax.kernel, ay.kernel, az.kernel, blocks * s.groups});
    st.arguments.push_back(weight);
    FoldRule rule;
    rule.start = {0.0f};
    rule.combine = [](const State &a, const State &b) -> State { return {a[0] + b[0]}; };
    rule.item = [&](const std::vector<Expr> &r) -> State {
        Expr of_block = here[0] / int32_t(block) + here[4] * int32_t(blocks);
        return {weight(here[0] % int32_t(block), r[0], r[1], r[2], r[3], of_block) *
                bordered(s, input, r, here)};
    };
    st.fold = make_fold("sum", rule, kernel, split, st.vars, Rest::guarded);
    Expr value = st.fold.result(here);
    if (workload_bias(w)) {
        Halide::ImageParam bias = packed_image("bias", {blocks * block, s.groups});
        st.arguments.push_back(bias);
        value = value + bias(here[0], here[4]);
    }
    st.output(st.vars) =
        stored(apply_epilogue(w, value, [&](size_t i) { return operands[i](here); }));
    fix_output(st.output, st.vars, extents, strides(s.out));
    return st;
}

LoweredKernel lower_top(const Workload &w, const Threads &t) {
    TopStages st = top_algorithm(w);
    Var thread =
        gpu_elementwise(st.output, st.arguments.k, st.arguments.shape.kept.extents, 1, t.rows);
    st.found.compute_at(st.output, thread);
    // Values and positions lie in the thread's own memory, or where that is too little, in scratch
    // memory.
    const int64_t place = int64_t(dtype_bytes(w.inputs[0].dtype)) + 4;
    if (std::get<TopK>(w.anchor).k * place > Gpu().local_bytes)
        st.found.store_in(MemoryType::Heap);
    return {st.output, st.arguments.list};
}

} // namespace

LoweredKernel lower_gpu_split(const Workload &w, const Schedule &schedule) {
    Threads t = {int(schedule.integer("split")), int(schedule.integer("threads_c")), true};
    SplitStages st = split_algorithm(w, t.lanes, t.rows);
    const int64_t channels = contraction_of(w).k;
    KeptLoops loops =
        split_rows(st.output, st.vars, t.rows, tail(channels, t.rows, TailStrategy::GuardWithIf));
    st.output.gpu_threads(loops.row);
    if (t.lanes == 1)
        st.fold.result.compute_at(st.output, loops.row);
    else
        schedule_shares(st.fold, st.output, loops.block, st.vars, t);
    return {st.output, st.arguments};
}

LoweredKernel lower_gpu_reduce(const Workload &w, const Schedule &schedule) {
    Threads t = {int(schedule.integer("lanes")), int(schedule.integer("rows")),
                 schedule.choice("inner") == "kept"};
    if (std::holds_alternative<TopK>(w.anchor))
        return lower_top(w, t);
    return std::holds_alternative<Softmax>(w.anchor) ? lower_softmax(w, t) : lower_reducing(w, t);
}

} // namespace cnnc
