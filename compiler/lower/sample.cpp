// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Picking and blending elements by tables: family `sample`. Vectors go along the innermost loop of
// the result: with plain loads where that is no table's, else with gathers.
#include "compiler/lower/families.h"
#include "compiler/lower/loops.h"
#include "compiler/lower/stages.h"

#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

namespace {

// As many taps are written out; more are a loop.
constexpr int64_t most_unrolled = 32;

void add_arguments(SampleStages &st) {
    const Workload &w = st.w;
    auto add = [&](const std::string &name, size_t input, const std::vector<int64_t> &extents,
                   const std::vector<int64_t> &strides) {
        Image image_ = image(name, w.inputs[input].dtype, extents, strides);
        st.arguments.push_back(image_.param);
        return image_;
    };
    const Loops &loops = st.shape.loops;
    st.input = add("input", 0, st.shape.in, loops.operands[0]);
    size_t next = 1;
    auto add_table = [&](const std::string &name) {
        const Shape &table = w.inputs[next].shape;
        return add(name + std::to_string(next), next, {table[1], table[0]}, {1, table[1]});
    };
    for (size_t d = 0; d < st.sample.dims.size(); ++d) {
        st.indices.push_back(add_table("index"));
        ++next;
        if (st.weighted()) {
            st.weights.push_back(add_table("weight"));
            ++next;
        }
    }
    for (size_t i = 1; next < w.inputs.size(); ++i, ++next)
        st.operands.push_back(
            add("operand" + std::to_string(i), next, loops.extents, loops.operands[i]));
}

// Position `tap` of sampled dimension d's table, at the point of the result.
Expr entry(const SampleStages &st, const std::vector<Image> &tables, size_t d, const Expr &tap) {
    return tables[d]({tap, st.v[size_t(st.loop_of[d])]});
}

// An index as a position within the input: no table can make the kernel read beyond it.
Expr position(const SampleStages &st, size_t d, const Expr &index) {
    return Halide::clamp(index, 0, int32_t(st.shape.in[size_t(st.loop_of[d])] - 1));
}

Expr element(const SampleStages &st, const std::vector<Expr> &at) {
    Expr x = st.input(at);
    return st.weighted() ? Halide::cast<float>(x) : x;
}

Expr picked(const SampleStages &st) {
    std::vector<Expr> at = exprs(st.v);
    Expr outside = Halide::cast<bool>(false);
    for (size_t d = 0; d < st.indices.size(); ++d) {
        Expr index = entry(st, st.indices, d, 0);
        outside = outside || index < 0;
        at[size_t(st.loop_of[d])] = position(st, d, index);
    }
    Expr x = st.input(at);
    return Halide::select(outside, constant(x.type(), st.sample.fill), x);
}

// All taps of the sampled dimensions d, d + 1, ..., written out.
Expr blended(const SampleStages &st, size_t d, std::vector<Expr> at) {
    if (d == st.indices.size())
        return element(st, at);
    Expr all;
    for (int tap = 0; tap < int(st.shape.taps[d]); ++tap) {
        at[size_t(st.loop_of[d])] = position(st, d, entry(st, st.indices, d, tap));
        Expr x = blended(st, d + 1, at);
        if (st.weighted())
            x = x * entry(st, st.weights, d, tap);
        if (all.defined())
            x = st.weighted() ? all + x : Halide::max(all, x);
        all = x;
    }
    return all;
}

// The same as a loop over all combinations of taps.
Fold blending_fold(const SampleStages &st) {
    FoldRule rule;
    bool weighted = st.weighted();
    rule.start = {weighted ? 0.0f : -std::numeric_limits<float>::infinity()};
    rule.combine = [weighted](const State &a, const State &b) -> State {
        return {weighted ? a[0] + b[0] : Halide::max(a[0], b[0])};
    };
    rule.item = [&](const std::vector<Expr> &taps) -> State {
        std::vector<Expr> at = exprs(st.v);
        Expr factor;
        for (size_t d = 0; d < st.indices.size(); ++d) {
            at[size_t(st.loop_of[d])] = position(st, d, entry(st, st.indices, d, taps[d]));
            if (!weighted)
                continue;
            Expr weight = entry(st, st.weights, d, taps[d]);
            factor = factor.defined() ? factor * weight : weight;
        }
        Expr x = element(st, at);
        return {weighted ? x * factor : x};
    };
    return make_fold("blend", rule, st.shape.taps, 1, st.v);
}

} // namespace

SampleStages sample_algorithm(const Workload &w) {
    SampleStages st{w, std::get<Sample>(w.anchor), sampling_of(w), {}, {}, {}, {}, {}, {}, {}};
    st.v = numbered("d", st.shape.loops.extents.size());
    st.loop_of.resize(st.sample.dims.size());
    for (size_t i = 0; i < st.shape.table.size(); ++i)
        if (st.shape.table[i] >= 0)
            st.loop_of[size_t(st.shape.table[i])] = int(i);
    add_arguments(st);
    std::vector<Expr> here = exprs(st.v);
    Expr value;
    if (st.sample.kind == SampleKind::pick) {
        value = picked(st);
    } else if (st.shape.all_taps() <= most_unrolled) {
        value = blended(st, 0, here);
    } else {
        st.fold = blending_fold(st);
        value = st.fold.result(here);
    }
    st.output(st.v) =
        stored(apply_epilogue(w, value, [&](size_t i) { return st.operands[i](here); }));
    fix_output(st.output, st.v, st.shape.loops.extents, st.shape.loops.out);
    return st;
}

LoweredKernel lower_sample(const Workload &w, const Schedule &schedule) {
    SampleStages st = sample_algorithm(w);
    int vector = int(schedule.integer("vector"));
    Var outer =
        schedule_elementwise(st.output, st.v, st.shape.loops.extents, vector,
                             schedule.integer("block"), schedule.choice("parallel") == "outer");
    if (st.fold.result.defined())
        schedule_plain(st.fold, st.output, outer, st.v[0], vector, vector);
    return {st.output, st.arguments};
}

} // namespace cnnc
