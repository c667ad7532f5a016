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

// Loops along the dimensions `order`; a dimension for which `alone` holds is joined with no other.
Loops joined(const std::vector<size_t> &order, const TensorView &out,
             const std::vector<TensorView> &inputs, const std::vector<bool> &alone = {}) {
    Loops loops;
    loops.operands.resize(inputs.size());
    bool open = false; // the loop before may be joined with
    for (size_t d : order) {
        bool single = !alone.empty() && alone[d];
        bool join = open && !single && loops.out.back() * loops.extents.back() == out.strides[d];
        open = !single;
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

// The anchor's first input, then the epilogue's operands.
std::vector<TensorView> operands_of(const Workload &w) {
    std::vector<TensorView> views = {w.inputs[0]};
    views.insert(views.end(), w.inputs.begin() + std::ptrdiff_t(anchor_operands(w.anchor)),
                 w.inputs.end());
    return views;
}

std::vector<bool> reduced_dims(const Workload &w) {
    std::vector<bool> reduced(w.output.shape.size(), false);
    auto mark = [&](int64_t dim) { reduced[size_t(dim)] = true; };
    match(
        w.anchor, [&](const Softmax &s) { mark(s.dim); }, [&](const ArgReduce &a) { mark(a.dim); },
        [&](const TopK &t) { mark(t.dim); },
        [&](const Reduce &r) { std::for_each(r.dims.begin(), r.dims.end(), mark); },
        [](const auto &) { assert(false && "not a reduction"); });
    return reduced;
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
                  operands_of(w));
}

Reduction reduction_of(const Workload &w) {
    Reduction r;
    std::vector<bool> reduced = reduced_dims(w);
    std::vector<bool> kept(reduced.size());
    std::transform(reduced.begin(), reduced.end(), kept.begin(), std::logical_not<>());
    std::vector<TensorView> views = operands_of(w);
    r.kept = joined(by_stride(w.output, kept), w.output, views);
    const TensorView &in = w.inputs[0];
    Loops along = joined(by_stride(in, reduced), in, {});
    r.extents = along.extents;
    r.in = along.out;
    if (!std::holds_alternative<Softmax>(w.anchor) && !std::holds_alternative<TopK>(w.anchor))
        return r;
    size_t dim = size_t(std::find(reduced.begin(), reduced.end(), true) - reduced.begin());
    r.result = w.output.shape[dim];
    r.out = w.output.strides[dim];
    for (size_t i = 1; i < views.size(); ++i)
        r.operands.push_back(views[i].strides[dim]);
    return r;
}

int64_t Product::batches() const {
    return std::accumulate(batch.begin(), batch.end(), int64_t(1), std::multiplies<>());
}

Product product_of(const Workload &w) {
    Product p;
    size_t rank = w.output.shape.size(), row = rank - 2, column = rank - 1;
    // Transposed, where rows lie side by side and columns do not.
    p.swapped = w.output.shape[row] > 1 && w.output.shape[column] > 1 &&
                w.output.strides[column] != 1 && w.output.strides[row] == 1;
    TensorView a = w.inputs[0], b = w.inputs[1];
    std::vector<TensorView> views = {w.output};
    views.insert(views.end(), w.inputs.begin() + 2, w.inputs.end());
    if (p.swapped) {
        std::swap(a, b);
        for (TensorView *view : {&a, &b})
            std::swap(view->strides[row], view->strides[column]);
        for (TensorView *view : {&a, &b})
            std::swap(view->shape[row], view->shape[column]);
        for (TensorView &view : views) {
            std::swap(view.strides[row], view.strides[column]);
            std::swap(view.shape[row], view.shape[column]);
        }
    }
    p.m = views[0].shape[row];
    p.n = views[0].shape[column];
    p.k = a.shape[column];
    p.a = {a.strides[column], a.strides[row]};
    p.b = {b.strides[column], b.strides[row]};
    p.out = {views[0].strides[column], views[0].strides[row]};
    for (size_t i = 1; i < views.size(); ++i)
        p.operands.push_back({views[i].strides[column], views[i].strides[row]});
    std::vector<bool> is_batch(rank, true);
    is_batch[row] = is_batch[column] = false;
    std::vector<TensorView> others = {a, b};
    others.insert(others.end(), views.begin() + 1, views.end());
    Loops batch = joined(by_stride(views[0], is_batch), views[0], others);
    p.batch = batch.extents;
    auto append = [](std::vector<int64_t> &to, const std::vector<int64_t> &strides) {
        to.insert(to.end(), strides.begin(), strides.end());
    };
    append(p.out, batch.out);
    append(p.a, batch.operands[0]);
    append(p.b, batch.operands[1]);
    for (size_t i = 0; i < p.operands.size(); ++i)
        append(p.operands[i], batch.operands[2 + i]);
    return p;
}

bool only_floats(const Workload &w) {
    // The anchor's tables of indices do not count.
    bool floats = w.inputs[0].dtype == DType::f32 && anchor_dtype(w) == DType::f32;
    for (size_t i = anchor_operands(w.anchor); i < w.inputs.size(); ++i)
        floats = floats && w.inputs[i].dtype == DType::f32;
    for (const EpilogueStep &step : w.epilogue)
        floats = floats && step_dtype(step, w, DType::f32) == DType::f32;
    return floats;
}

int64_t Sampling::all_taps() const {
    int64_t all = 1;
    for (int64_t t : taps)
        all = std::min(all, int64_t(1) << 20) * std::min(t, int64_t(1) << 20);
    return all;
}

Sampling sampling_of(const Workload &w) {
    Sampling s;
    const auto &sample = std::get<Sample>(w.anchor);
    size_t per_dim = sample.kind == SampleKind::weighted_sum ? 2 : 1;
    std::vector<int> table(w.output.shape.size(), -1);
    for (size_t i = 0; i < sample.dims.size(); ++i) {
        table[size_t(sample.dims[i])] = int(i);
        s.taps.push_back(w.inputs[1 + i * per_dim].shape[1]);
    }
    std::vector<size_t> order;
    std::vector<bool> sampled;
    for (size_t d = 0; d < table.size(); ++d) {
        sampled.push_back(table[d] >= 0);
        if (sampled[d] || w.output.shape[d] > 1)
            order.push_back(d);
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        bool one_a = w.output.shape[a] == 1, one_b = w.output.shape[b] == 1;
        return one_a != one_b ? one_b : w.output.strides[a] < w.output.strides[b];
    });
    s.loops = joined(order, w.output, operands_of(w), sampled);
    for (size_t i = 0, d = 0; i < s.loops.extents.size(); ++i, ++d) {
        // A joined loop covers several dimensions of `order`.
        s.table.push_back(table[order[d]]);
        s.in.push_back(sampled[order[d]] ? w.inputs[0].shape[order[d]] : s.loops.extents[i]);
        for (int64_t covered = w.output.shape[order[d]]; covered < s.loops.extents[i];)
            covered *= w.output.shape[order[++d]];
    }
    return s;
}

} // namespace cnnc
