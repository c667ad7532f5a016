// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/shape.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace cnnc {

namespace {

// Positions in Strides.
enum : size_t { kC, kX, kY, kZ, kG, kN };

// Of a linear layer's features: the channels and three axes.
constexpr size_t max_runs = 4;

// Strides of a [N, C, spatial...] view; `channels` is the number of channels of one group.
Strides image_strides(const TensorView &view, int64_t channels) {
    Strides s{};
    size_t rank = view.shape.size();
    s[kC] = view.strides[1];
    s[kG] = view.strides[1] * channels;
    s[kN] = view.strides[0];
    for (size_t axis = 0; axis + 2 < rank; ++axis)
        s[kX + axis] = view.strides[rank - 1 - axis];
    return s;
}

// Joins axis `b` (outer) into `a` (inner) of a window-free contraction where memory allows.
bool joins(const Contraction &c, size_t a, size_t b, int64_t inner_extent) {
    auto fits = [&](const Strides &s) { return s[b] == s[a] * inner_extent; };
    return fits(c.in) && fits(c.out) && std::all_of(c.operands.begin(), c.operands.end(), fits);
}

void join_pixels(Contraction &c) {
    for (const Axis &a : c.axes)
        if (a.kernel != 1 || a.stride != 1 || a.pad != 0 || a.out != a.in)
            return;
    auto erase = [&](size_t which) {
        c.in[which] = c.out[which] = 0;
        for (Strides &s : c.operands)
            s[which] = 0;
    };
    auto join = [&](size_t which, int64_t &extent) {
        if (extent > 1 && !joins(c, kX, which, c.axes[0].out))
            return false;
        c.axes[0].out *= extent;
        c.axes[0].in *= extent;
        extent = 1;
        erase(which);
        return true;
    };
    for (size_t axis : {size_t(1), size_t(2)}) {
        // An image one pixel wide has no stride along x worth keeping.
        if (c.axes[0].out == 1) {
            c.in[kX] = c.in[kX + axis];
            c.out[kX] = c.out[kX + axis];
            for (Strides &s : c.operands)
                s[kX] = s[kX + axis];
        }
        if (!join(kX + axis, c.axes[axis].out))
            return;
        c.axes[axis].in = 1;
    }
    if (c.axes[0].out == 1) {
        c.in[kX] = c.in[kN];
        c.out[kX] = c.out[kN];
        for (Strides &s : c.operands)
            s[kX] = s[kN];
    }
    join(kN, c.n);
}

Contraction contraction_of_conv(const Workload &w, const Conv &conv) {
    Contraction r;
    const TensorView &in = w.inputs[0];
    r.n = in.shape[0];
    r.groups = conv.groups;
    r.c = in.shape[1] / conv.groups;
    r.k = conv.out_channels / conv.groups;
    size_t rank = in.shape.size();
    for (size_t axis = 0; axis + 2 < rank; ++axis) {
        size_t i = rank - 3 - axis;
        r.axes[axis] = {w.output.shape[i + 2], in.shape[i + 2], conv.kernel[i], conv.stride[i],
                        conv.dilation[i],      conv.pad_lo[i],  conv.pad_hi[i]};
    }
    r.in = image_strides(in, r.c);
    r.out = image_strides(w.output, r.k);
    for (size_t i = 1; i < w.inputs.size(); ++i)
        r.operands.push_back(image_strides(w.inputs[i], r.k));
    join_pixels(r);
    return r;
}

// Feature dimensions of a linear layer's operand in memory order (stride, extent), joined where
// they lie in one run. At least one.
std::vector<std::pair<int64_t, int64_t>> feature_runs(const TensorView &in) {
    std::vector<std::pair<int64_t, int64_t>> dims;
    for (size_t d = 1; d < in.shape.size(); ++d)
        if (in.shape[d] > 1)
            dims.push_back({in.strides[d], in.shape[d]});
    std::sort(dims.begin(), dims.end());
    std::vector<std::pair<int64_t, int64_t>> runs;
    for (auto [stride, extent] : dims) {
        if (!runs.empty() && runs.back().first * runs.back().second == stride)
            runs.back().second *= extent;
        else
            runs.push_back({stride, extent});
    }
    if (runs.empty())
        runs.push_back({1, 1});
    return runs;
}

Contraction contraction_of_linear(const Workload &w) {
    Contraction r;
    const TensorView &in = w.inputs[0];
    int64_t rows = in.shape[0];
    r.k = w.output.shape[1];
    const auto runs = feature_runs(in);
    assert(runs.size() <= max_runs && "is_contraction() says no");
    r.in[kC] = runs[0].first;
    r.c = runs[0].second;
    auto rows_of = [](const TensorView &v) { return Strides{v.strides[1], v.strides[0]}; };
    r.out = rows_of(w.output);
    for (size_t i = 1; i < w.inputs.size(); ++i)
        r.operands.push_back(rows_of(w.inputs[i]));
    if (runs.size() == 1) {
        r.axes[0].out = r.axes[0].in = rows;
        r.in[kX] = in.strides[0];
        return r;
    }
    // Several runs: windows in front of one pixel, and the rows are the batch.
    for (size_t i = 1; i < runs.size(); ++i) {
        r.axes[i - 1] = {1, runs[i].second, runs[i].second, 1, 1, 0};
        r.in[kX + i - 1] = runs[i].first;
    }
    r.n = rows;
    r.in[kN] = in.strides[0];
    r.out[kN] = r.out[kX];
    r.out[kX] = 0;
    for (Strides &s : r.operands) {
        s[kN] = s[kX];
        s[kX] = 0;
    }
    return r;
}

Contraction pooling(const Workload &w, const std::vector<int64_t> &kernel,
                    const std::vector<int64_t> &stride, const std::vector<int64_t> &pad,
                    const std::vector<int64_t> &pad_hi, const std::vector<int64_t> &dilation) {
    Contraction r;
    const TensorView &in = w.inputs[0];
    r.n = in.shape[0];
    r.groups = in.shape[1];
    size_t rank = in.shape.size();
    for (size_t axis = 0; axis + 2 < rank; ++axis) {
        size_t i = rank - 3 - axis;
        r.axes[axis] = {w.output.shape[i + 2],
                        in.shape[i + 2],
                        kernel[i],
                        stride[i],
                        dilation.empty() ? 1 : dilation[i],
                        pad[i],
                        pad_hi[i]};
    }
    r.in = image_strides(in, 1);
    r.out = image_strides(w.output, 1);
    for (size_t i = 1; i < w.inputs.size(); ++i)
        r.operands.push_back(image_strides(w.inputs[i], 1));
    return r;
}

// Dimensions of `shape` ordered by the output's strides, innermost first, without extents of 1.
std::vector<size_t> by_stride(const TensorView &view, const std::vector<bool> &keep) {
    std::vector<size_t> order;
    for (size_t d = 0; d < view.shape.size(); ++d)
        if (view.shape[d] > 1 && keep[d])
            order.push_back(d);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return view.strides[a] < view.strides[b]; });
    return order;
}

Loops joined(const std::vector<size_t> &order, const TensorView &out,
             const std::vector<TensorView> &inputs) {
    Loops loops;
    loops.operands.resize(inputs.size());
    for (size_t d : order) {
        bool join =
            !loops.extents.empty() && loops.out.back() * loops.extents.back() == out.strides[d];
        for (size_t i = 0; i < inputs.size() && join; ++i)
            join = loops.operands[i].back() * loops.extents.back() == inputs[i].strides[d];
        if (join) {
            loops.extents.back() *= out.shape[d];
            continue;
        }
        loops.extents.push_back(out.shape[d]);
        loops.out.push_back(out.strides[d]);
        for (size_t i = 0; i < inputs.size(); ++i)
            loops.operands[i].push_back(inputs[i].strides[d]);
    }
    return loops;
}

} // namespace

bool Contraction::staged() const {
    return std::any_of(axes.begin(), axes.end(), [](const Axis &a) { return a.leaves_input(); });
}

bool is_contraction(const Workload &w) {
    return std::holds_alternative<Conv>(w.anchor) || (std::holds_alternative<Linear>(w.anchor) &&
                                                      feature_runs(w.inputs[0]).size() <= max_runs);
}

Contraction contraction_of(const Workload &w) {
    return match(
        w.anchor, [&](const Conv &conv) { return contraction_of_conv(w, conv); },
        [&](const Linear &) { return contraction_of_linear(w); },
        [](const auto &) {
            assert(false && "not a contraction");
            return Contraction();
        });
}

Contraction pooling_of(const Workload &w) {
    return match(
        w.anchor,
        [&](const MaxPool &p) {
            return pooling(w, p.kernel, p.stride, p.pad_lo, p.pad_hi, p.dilation);
        },
        [&](const AvgPool &p) { return pooling(w, p.kernel, p.stride, p.pad_lo, p.pad_hi, {}); },
        [](const auto &) {
            assert(false && "not a pooling");
            return Contraction();
        });
}

Loops pointwise_loops(const Workload &w) {
    return joined(by_stride(w.output, std::vector<bool>(w.output.shape.size(), true)), w.output,
                  w.inputs);
}

Reduction reduction_of(const Workload &w) {
    Reduction r;
    size_t rank = w.output.shape.size();
    std::vector<bool> reduced(rank, false);
    if (auto *softmax = std::get_if<Softmax>(&w.anchor))
        reduced[size_t(softmax->dim)] = true;
    else
        std::fill(reduced.begin() + 2, reduced.end(), true);
    std::vector<bool> kept(rank);
    std::transform(reduced.begin(), reduced.end(), kept.begin(), std::logical_not<>());
    r.kept = joined(by_stride(w.output, kept), w.output, w.inputs);
    const TensorView &in = w.inputs[0];
    r.operands.resize(w.inputs.size());
    for (size_t d : by_stride(in, reduced)) {
        r.extents.push_back(in.shape[d]);
        r.in.push_back(in.strides[d]);
        r.out.push_back(w.output.shape[d] > 1 ? w.output.strides[d] : 0);
        for (size_t i = 0; i < w.inputs.size(); ++i)
            r.operands[i].push_back(w.inputs[i].strides[d]);
    }
    return r;
}

} // namespace cnnc
