// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Global and adaptive pooling: a reduction where one value is left, a plain pooling where all
// windows are alike, a table of windows elsewhere.
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"
#include "compiler/passes/sample_tables.h"

#include <numeric>

namespace cnnc {
namespace {

void reduce_image(Replacement &r, ReduceKind kind) {
    std::vector<int64_t> dims(r.shape(r.input()).size() - 2);
    std::iota(dims.begin(), dims.end(), int64_t(2));
    r.finish(r.add(Reduce{kind, dims, true}, {r.input()}, ""));
}

// Window i is [floor(i * in / out), ceil((i + 1) * in / out)); all windows have as many taps as the
// longest, the superfluous ones repeating the first with weight 0.
SampleTable window_table(int64_t in, int64_t out, bool weighted) {
    auto begin = [&](int64_t i) { return i * in / out; };
    auto end = [&](int64_t i) { return ((i + 1) * in + out - 1) / out; };
    SampleTable table;
    for (int64_t i = 0; i < out; i++)
        table.taps = std::max(table.taps, end(i) - begin(i));
    for (int64_t i = 0; i < out; i++)
        for (int64_t t = 0; t < table.taps; t++) {
            const bool inside = begin(i) + t < end(i);
            table.index.push_back(inside ? begin(i) + t : begin(i));
            if (weighted)
                table.weight.push_back(inside ? 1.0 / double(end(i) - begin(i)) : 0.0);
        }
    return table;
}

void sample_windows(Replacement &r, const std::vector<int64_t> &out, SampleKind kind) {
    TabledSample sample{kind, {}, 0};
    for (size_t d = 0; d < out.size(); d++) {
        const int64_t in = r.shape(r.input())[d + 2];
        if (in != out[d])
            sample.tables[int64_t(d) + 2] =
                window_table(in, out[d], kind == SampleKind::weighted_sum);
    }
    r.finish(add_sample(r, r.input(), sample, ""));
}

bool replace_adaptive(Replacement &r, const std::vector<int64_t> &out, bool max) {
    const Shape &in = r.shape(r.input());
    bool one = true, even = true, same = true;
    std::vector<int64_t> kernel;
    for (size_t d = 0; d < out.size(); d++) {
        one = one && out[d] == 1;
        even = even && in[d + 2] % out[d] == 0;
        same = same && in[d + 2] == out[d];
        kernel.push_back(in[d + 2] / out[d]);
    }
    const std::vector<int64_t> zeros(out.size(), 0), ones(out.size(), 1);
    if (same)
        r.finish(r.input());
    else if (one)
        reduce_image(r, max ? ReduceKind::amax : ReduceKind::mean);
    else if (!even)
        sample_windows(r, out, max ? SampleKind::max : SampleKind::weighted_sum);
    else if (max)
        r.finish(r.add(MaxPool{kernel, kernel, zeros, zeros, ones, false}, {r.input()}, ""));
    else
        r.finish(r.add(AvgPool{kernel, kernel, zeros, zeros, false, true}, {r.input()}, ""));
    return true;
}

} // namespace

Graph decompose_pools(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op,
            [&](const GlobalAvgPool &) {
                reduce_image(r, ReduceKind::mean);
                return true;
            },
            [&](const GlobalMaxPool &) {
                reduce_image(r, ReduceKind::amax);
                return true;
            },
            [&](const AdaptiveAvgPool &p) { return replace_adaptive(r, p.output_size, false); },
            [&](const AdaptiveMaxPool &p) { return replace_adaptive(r, p.output_size, true); },
            [](const auto &) { return false; });
    });
}

} // namespace cnnc
