// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that only move elements: as reshapes and permutations where strides can say it, as a
// Sample that picks elsewhere.
#include "compiler/passes/passes.h"
#include "compiler/passes/sample_tables.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

std::vector<int64_t> counted(int64_t extent) {
    std::vector<int64_t> positions(size_t(extent), 0);
    std::iota(positions.begin(), positions.end(), int64_t(0));
    return positions;
}

// ---- padding ----

// Where position i of a padded dimension comes from; -1 for the fill.
int64_t padded_position(PadMode mode, int64_t i, int64_t extent) {
    if (i >= 0 && i < extent)
        return i;
    switch (mode) {
    case PadMode::constant:
        return -1;
    case PadMode::reflect:
        return i < 0 ? -i : 2 * (extent - 1) - i;
    case PadMode::replicate:
        return i < 0 ? 0 : extent - 1;
    case PadMode::circular:
        return i < 0 ? i + extent : i - extent;
    }
    return -1;
}

// What negative padding crops is a slice; what is left grows.
bool replace(Replacement &r, const Pad &pad) {
    const Shape &in = r.shape(r.input());
    Slice crop{std::vector<int64_t>(in.size(), 0), in, std::vector<int64_t>(in.size(), 1)};
    TabledSample sample{SampleKind::pick, {}, pad.value};
    bool crops = false;
    for (size_t d = 0; d < in.size(); d++) {
        const int64_t cut_lo = std::max<int64_t>(0, -pad.lo[d]);
        const int64_t cut_hi = std::max<int64_t>(0, -pad.hi[d]);
        crops = crops || cut_lo > 0 || cut_hi > 0;
        crop.starts[d] = std::min(cut_lo, in[d] - 1);
        crop.extents[d] = std::max<int64_t>(1, in[d] - cut_lo - cut_hi);
        if (pad.lo[d] <= 0 && pad.hi[d] <= 0)
            continue;
        // Positions of the cropped dimension, of which nothing but fill may be left.
        const bool nothing = in[d] - cut_lo - cut_hi <= 0;
        const int64_t left = in[d] - cut_lo - cut_hi;
        std::vector<int64_t> positions;
        for (int64_t i = -std::max<int64_t>(0, pad.lo[d]);
             i < left + std::max<int64_t>(0, pad.hi[d]); i++)
            positions.push_back(nothing ? -1 : padded_position(pad.mode, i, left));
        sample.tables[int64_t(d)] = pick_table(std::move(positions));
    }
    NodeId x = r.input();
    if (crops)
        x = r.add(crop, {x}, sample.tables.empty() ? "" : "crop");
    r.finish(add_sample(r, x, sample, ""));
    return true;
}

// ---- picking ----

// All of one dimension that is left to pick from: evenly spaced positions are a slice.
void pick(Replacement &r, int64_t dim, std::vector<int64_t> positions) {
    const Shape &in = r.shape(r.input());
    const int64_t step = positions.size() > 1 ? positions[1] - positions[0] : 1;
    bool even = step > 0;
    for (size_t i = 1; i < positions.size(); i++)
        even = even && positions[i] - positions[i - 1] == step;
    if (!even) {
        TabledSample sample{SampleKind::pick, {}, 0};
        sample.tables[dim] = pick_table(std::move(positions));
        r.finish(add_sample(r, r.input(), sample, ""));
        return;
    }
    Slice slice{std::vector<int64_t>(in.size(), 0), in, std::vector<int64_t>(in.size(), 1)};
    slice.starts[size_t(dim)] = positions[0];
    slice.extents[size_t(dim)] = int64_t(positions.size());
    slice.steps[size_t(dim)] = step;
    r.finish(r.add(slice, {r.input()}, ""));
}

// Backward dimensions are picked; the others stay a slice.
bool replace(Replacement &r, const Slice &slice) {
    Slice forward = slice;
    const Shape &in = r.shape(r.input());
    TabledSample sample{SampleKind::pick, {}, 0};
    for (size_t d = 0; d < in.size(); d++) {
        if (slice.extents[d] == 1)
            forward.steps[d] = 1;
        if (slice.steps[d] > 0 || slice.extents[d] == 1)
            continue;
        std::vector<int64_t> positions;
        for (int64_t i = 0; i < slice.extents[d]; i++)
            positions.push_back(slice.starts[d] + i * slice.steps[d]);
        sample.tables[int64_t(d)] = pick_table(std::move(positions));
        forward.starts[d] = 0;
        forward.extents[d] = in[d];
        forward.steps[d] = 1;
    }
    if (forward.steps == slice.steps)
        return false;
    NodeId x = r.input();
    if (forward.extents != in)
        x = r.add(forward, {x}, sample.tables.empty() ? "" : "forward");
    r.finish(add_sample(r, x, sample, ""));
    return true;
}

bool replace(Replacement &r, const Tile &tile) {
    const Shape &in = r.shape(r.input());
    TabledSample sample{SampleKind::pick, {}, 0};
    bool from_one = true;
    for (size_t d = 0; d < in.size(); d++) {
        if (tile.repeats[d] == 1)
            continue;
        from_one = from_one && in[d] == 1;
        std::vector<int64_t> positions;
        for (int64_t i = 0; i < in[d] * tile.repeats[d]; i++)
            positions.push_back(i % in[d]);
        sample.tables[int64_t(d)] = pick_table(std::move(positions));
    }
    if (from_one)
        r.finish(r.add(Expand{r.node().type.shape}, {r.input()}, ""));
    else
        r.finish(add_sample(r, r.input(), sample, ""));
    return true;
}

// ---- shuffles ----

// Reshape, permute, reshape.
bool shuffle(Replacement &r, Shape split, std::vector<int64_t> dims) {
    const NodeId parts = r.add(Reshape{std::move(split)}, {r.input()}, "split");
    const NodeId moved = r.add(Permute{std::move(dims)}, {parts}, "permute");
    r.finish(r.add(Reshape{r.node().type.shape}, {moved}, ""));
    return true;
}

bool replace(Replacement &r, const PixelShuffle &o) {
    const Shape &in = r.shape(r.input());
    const int64_t f = o.upscale_factor;
    return shuffle(r, {in[0], in[1] / f / f, f, f, in[2], in[3]}, {0, 1, 4, 2, 5, 3});
}

bool replace(Replacement &r, const PixelUnshuffle &o) {
    const Shape &in = r.shape(r.input());
    const int64_t f = o.downscale_factor;
    return shuffle(r, {in[0], in[1], in[2] / f, f, in[3] / f, f}, {0, 1, 3, 5, 2, 4});
}

bool replace(Replacement &r, const ChannelShuffle &o) {
    const Shape &in = r.shape(r.input());
    Shape split = {in[0], o.groups, in[1] / o.groups};
    split.insert(split.end(), in.begin() + 2, in.end());
    std::vector<int64_t> dims = counted(int64_t(split.size()));
    std::swap(dims[1], dims[2]);
    return shuffle(r, std::move(split), std::move(dims));
}

} // namespace

Graph decompose_movements(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op, [&](const Pad &o) { return replace(r, o); },
            [&](const Slice &o) { return replace(r, o); },
            [&](const Tile &o) { return replace(r, o); },
            [&](const IndexSelect &o) {
                pick(r, o.dim, o.index);
                return true;
            },
            [&](const PixelShuffle &o) { return replace(r, o); },
            [&](const PixelUnshuffle &o) { return replace(r, o); },
            [&](const ChannelShuffle &o) { return replace(r, o); },
            [](const auto &) { return false; });
    });
}

} // namespace cnnc
