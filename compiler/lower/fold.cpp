// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/fold.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Tuple;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

void define(Func f, const std::vector<Expr> &at, const State &state) {
    if (state.size() == 1)
        f(at) = state[0];
    else
        f(at) = Tuple(state);
}

RDom domain(const std::vector<int64_t> &extents, const std::string &name) {
    std::vector<Halide::Range> ranges;
    for (int64_t e : extents)
        ranges.emplace_back(0, int32_t(e));
    return RDom(ranges, name);
}

std::vector<Expr> points(const RDom &r) {
    std::vector<Expr> at;
    for (int i = 0; i < r.dimensions(); ++i)
        at.push_back(r[i]);
    return at;
}

std::vector<Expr> in_front(Expr first, const std::vector<Expr> &rest) {
    std::vector<Expr> all = {std::move(first)};
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

// Halves the lanes until one is left.
void add_halves(Fold &f, const std::string &name, const FoldRule &rule,
                const std::vector<Expr> &kept) {
    for (int64_t count = f.lane_count / 2; count >= 1; count /= 2) {
        Func half(name + "_half" + std::to_string(count));
        State low = state_of(f.lanes.back(), in_front(f.lane, kept));
        State high = state_of(f.lanes.back(), in_front(f.lane + int32_t(count), kept));
        define(half, in_front(f.lane, kept), rule.combine(low, high));
        f.lanes.push_back(half);
    }
}

// A stage's loops in order: those over points first, then the reduction's.
std::vector<VarOrRVar> order_of(const std::vector<Var> &points, const RDom &r) {
    std::vector<VarOrRVar> order(points.begin(), points.end());
    for (int i = 0; i < r.dimensions(); ++i)
        order.push_back(r[i]);
    return order;
}

} // namespace

State state_of(Func f, const std::vector<Expr> &at) {
    if (f.outputs() == 1)
        return {f(at)};
    State state;
    for (int i = 0; i < f.outputs(); ++i)
        state.push_back(f(at)[i]);
    return state;
}

Fold make_fold(const std::string &name, const FoldRule &rule, const std::vector<int64_t> &extents,
               int64_t lane_count, const std::vector<Var> &kept, Rest rest_rule) {
    Fold f;
    f.lane_count = lane_count;
    f.result = Func(name);
    std::vector<Expr> here(kept.begin(), kept.end());
    auto add = [&](Func to, const std::vector<Expr> &at, const State &item) {
        define(to, at, rule.combine(state_of(to, at), item));
    };
    if (lane_count == 1) {
        define(f.result, here, rule.start);
        f.r = domain(extents, "r");
        add(f.result, here, rule.item(points(f.r)));
        return f;
    }
    int64_t whole = extents[0] / lane_count, rest = extents[0] % lane_count;
    bool guarded = rest_rule == Rest::guarded && rest > 0;
    if (guarded) {
        ++whole;
        rest = 0;
    }
    f.has_whole = whole > 0;
    f.lanes = {Func(name + "_lanes")};
    std::vector<Expr> lanes_here = in_front(f.lane, here);
    define(f.lanes[0], lanes_here, rule.start);
    std::vector<int64_t> inner = extents;
    if (f.has_whole) {
        inner[0] = whole;
        f.r = domain(inner, "r");
        std::vector<Expr> at = points(f.r);
        at[0] = at[0] * int32_t(lane_count) + f.lane;
        if (guarded)
            f.r.where(at[0] < int32_t(extents[0]));
        add(f.lanes[0], lanes_here, rule.item(at));
    }
    add_halves(f, name, rule, here);
    define(f.result, here, state_of(f.lanes.back(), in_front(0, here)));
    if (rest > 0) {
        inner[0] = rest;
        std::vector<Expr> at = points(domain(inner, "rest"));
        at[0] = at[0] + int32_t(whole * lane_count);
        add(f.result, here, rule.item(at));
    }
    return f;
}

void schedule_lanes(Fold &f, Func consumer, const Var &at, int vector) {
    f.result.compute_at(consumer, at);
    int64_t count = f.lane_count;
    for (Func &lanes : f.lanes) {
        int width = int(std::min<int64_t>(vector, count));
        lanes.compute_at(consumer, at).bound_extent(f.lane, int32_t(count));
        if (count > 1)
            lanes.vectorize(f.lane, width).unroll(f.lane);
        count /= 2;
    }
    if (f.has_whole)
        f.lanes[0]
            .update()
            .reorder(order_of({f.lane}, f.r))
            .vectorize(f.lane, vector)
            .unroll(f.lane);
}

void schedule_plain(Fold &f, Func consumer, const Var &at, const Var &kept, int block, int vector) {
    f.result.compute_at(consumer, at).bound_extent(kept, block);
    f.result.vectorize(kept, vector).unroll(kept);
    f.result.update().reorder(order_of({kept}, f.r)).vectorize(kept, vector).unroll(kept);
}

} // namespace cnnc
