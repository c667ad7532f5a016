// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resizing as a Sample: for every position of the result, which elements it is made of.
#include "compiler/passes/passes.h"
#include "compiler/passes/sample_tables.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// One spatial dimension.
struct Axis {
    int64_t in, out;
    double scale;

    // n / scale. A scale that says the extents' ratio (as exactly as an f32 can) is that ratio, so
    // that positions halfway between two elements are exactly there.
    double unscaled(double n) const {
        const bool is_ratio = float(scale) == float(double(out) / double(in));
        return is_ratio ? n * double(in) / double(out) : n / scale;
    }
};

double position(ResizeCoordinates coordinates, const Axis &axis, int64_t o) {
    if (coordinates == ResizeCoordinates::asymmetric)
        return axis.unscaled(double(o));
    if (axis.out == 1 && coordinates != ResizeCoordinates::half_pixel)
        return 0;
    if (coordinates == ResizeCoordinates::align_corners)
        return double(o) * double(axis.in - 1) / double(axis.out - 1);
    return (axis.unscaled(double(2 * o + 1)) - 1) / 2;
}

int64_t clamped(double place, int64_t extent) {
    return int64_t(std::clamp(place, 0.0, double(extent - 1)));
}

// The tent, or Keys' cubic convolution kernel.
double kernel(const Resize &r, double x) {
    x = std::fabs(x);
    if (r.mode == ResizeMode::linear)
        return x < 1 ? 1 - x : 0;
    const double a = r.cubic_a;
    if (x <= 1)
        return (a + 2) * x * x * x - (a + 3) * x * x + 1;
    return x < 2 ? a * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
}

// Element and weight.
using Taps = std::vector<std::pair<int64_t, double>>;

void add_tap(Taps &taps, int64_t index, double weight) {
    for (auto &[i, w] : taps)
        if (i == index) {
            w += weight;
            return;
        }
    taps.emplace_back(index, weight);
}

// Elements beyond the border are the one at the border.
Taps taps_at(const Resize &r, const Axis &axis, double x) {
    const int reach = r.mode == ResizeMode::linear ? 1 : 2;
    Taps taps;
    for (int i = 1 - reach; i <= reach; i++) {
        const double at = std::floor(x) + i;
        if (double weight = kernel(r, x - at); weight != 0)
            add_tap(taps, clamped(at, axis.in), weight);
    }
    return taps;
}

// The kernel widened by what one position covers; nothing lies beyond the border.
Taps antialiased_taps(const Resize &r, const Axis &axis, double x) {
    const double width = std::max(1.0, axis.unscaled(1));
    const double reach = (r.mode == ResizeMode::linear ? 1 : 2) * width;
    Taps taps;
    double sum = 0;
    const int64_t last = clamped(std::ceil(x + reach), axis.in);
    for (int64_t i = clamped(std::floor(x - reach), axis.in); i <= last; i++)
        if (double weight = kernel(r, (double(i) - x) / width); weight != 0) {
            taps.emplace_back(i, weight);
            sum += weight;
        }
    if (sum == 0)
        return {{clamped(x, axis.in), 1.0}};
    for (auto &tap : taps)
        tap.second /= sum;
    return taps;
}

SampleTable blend_table(const Resize &r, const Axis &axis) {
    std::vector<Taps> rows;
    SampleTable table;
    for (int64_t o = 0; o < axis.out; o++) {
        const double x = position(r.coordinates, axis, o);
        rows.push_back(r.antialias ? antialiased_taps(r, axis, x) : taps_at(r, axis, x));
        table.taps = std::max(table.taps, int64_t(rows.back().size()));
    }
    for (const Taps &taps : rows)
        for (size_t t = 0; t < size_t(table.taps); t++) {
            table.index.push_back(t < taps.size() ? taps[t].first : taps[0].first);
            table.weight.push_back(t < taps.size() ? taps[t].second : 0);
        }
    return table;
}

SampleTable nearest_table(const Resize &r, const Axis &axis) {
    std::vector<int64_t> positions;
    for (int64_t o = 0; o < axis.out; o++)
        positions.push_back(
            clamped(rounded(position(r.coordinates, axis, o), r.rounding), axis.in));
    return pick_table(std::move(positions));
}

bool replace(Replacement &r, const Resize &resize) {
    const bool nearest = resize.mode == ResizeMode::nearest;
    TabledSample sample{nearest ? SampleKind::pick : SampleKind::weighted_sum, {}, 0};
    for (size_t d = 0; d < resize.size.size(); d++) {
        const Axis axis{r.shape(r.input())[d + 2], resize.size[d], resize.scales[d]};
        SampleTable table = nearest ? nearest_table(resize, axis) : blend_table(resize, axis);
        if (!is_identity(table, axis.in))
            sample.tables[int64_t(d) + 2] = std::move(table);
    }
    r.finish(add_sample(r, r.input(), sample, ""));
    return true;
}

} // namespace

Graph decompose_resize(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        const auto *resize = std::get_if<Resize>(&r.node().op);
        return resize && replace(r, *resize);
    });
}

} // namespace cnnc
