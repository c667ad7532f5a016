// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resizing, and the core operator that picks and blends by tables.
#include "compiler/reference/call.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cnnc::reference {

namespace {

// The elements along a dimension that one result is made of.
struct Tap {
    int64_t index;
    double weight;
};
using Taps = std::vector<Tap>;

// Along one dimension: element o of the result is the sum of taps[o].
TensorD blend(const TensorD &x, int64_t dim, const std::vector<Taps> &taps) {
    const Lines from = lines_along(x.shape, dim);
    TensorD result = {x.shape, {}};
    result.shape[size_t(dim)] = int64_t(taps.size());
    result.values.resize(size_t(element_count(result.shape)));
    double *to = result.values.data();
    for (int64_t i = 0; i < from.outer; ++i) {
        for (const Taps &terms : taps) {
            for (const Tap &tap : terms) {
                const double *run = x.values.data() + (i * from.extent + tap.index) * from.inner;
                for (int64_t j = 0; j < from.inner; ++j) {
                    to[j] += tap.weight * run[j];
                }
            }
            to += from.inner;
        }
    }
    return result;
}

// --- Resize --------------------------------------------------------------------------------------

// One dimension of a resize.
struct Axis {
    int64_t in, out;
    double scale;

    // Whether the scale is the extents' ratio, as exactly as an f32 can say it.
    bool is_ratio() const { return float(scale) == float(double(out) / double(in)); }
    // n / scale, a tie being exactly a tie where the scale is a ratio of whole numbers.
    double unscale(double n) const { return is_ratio() ? n * double(in) / double(out) : n / scale; }
};

double position(ResizeCoordinates coordinates, const Axis &axis, int64_t o) {
    switch (coordinates) {
    case ResizeCoordinates::pytorch_half_pixel:
        if (axis.out == 1) {
            return 0;
        }
        [[fallthrough]];
    case ResizeCoordinates::half_pixel:
        return (axis.unscale(double(2 * o + 1)) - 1) / 2;
    case ResizeCoordinates::align_corners:
        return axis.out == 1 ? 0 : double(o * (axis.in - 1)) / double(axis.out - 1);
    case ResizeCoordinates::asymmetric:
        return axis.unscale(double(o));
    }
    return 0;
}

double round(ResizeRounding rounding, double x) {
    switch (rounding) {
    case ResizeRounding::floor:
        return std::floor(x);
    case ResizeRounding::ceil:
        return std::ceil(x);
    case ResizeRounding::round_prefer_floor:
        return std::ceil(x - 0.5);
    case ResizeRounding::round_prefer_ceil:
        return std::floor(x + 0.5);
    }
    return x;
}

// The weight of an element at a distance from the position, which is 0 from `radius` on.
double kernel(const Resize &r, double distance) {
    const double d = std::abs(distance), a = r.cubic_a;
    if (r.mode == ResizeMode::linear) {
        return std::max(0.0, 1 - d);
    }
    if (d <= 1) {
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

int64_t inside(double place, int64_t extent) {
    return int64_t(std::clamp(place, 0.0, double(extent - 1)));
}

// Every element in reach of the position, beyond the border the border's.
Taps interpolating_taps(const Resize &r, const Axis &axis, double x) {
    const double radius = r.mode == ResizeMode::linear ? 1 : 2;
    Taps taps;
    for (double i = std::floor(x) - radius + 1; i <= std::floor(x) + radius; ++i) {
        taps.push_back({inside(i, axis.in), kernel(r, x - i)});
    }
    return taps;
}

// The same with a kernel that is as wide as one position is large, and nothing beyond the border.
Taps antialiasing_taps(const Resize &r, const Axis &axis, double x) {
    const double width = std::max(1.0, axis.unscale(1));
    const double reach = (r.mode == ResizeMode::linear ? 1 : 2) * width;
    Taps taps;
    double sum = 0;
    for (int64_t i = inside(x - reach, axis.in); i <= inside(x + reach + 1, axis.in); ++i) {
        taps.push_back({i, kernel(r, (double(i) - x) / width)});
        sum += taps.back().weight;
    }
    if (sum == 0) { // the position is out of reach of every element
        return {{inside(x, axis.in), 1}};
    }
    for (Tap &tap : taps) {
        tap.weight /= sum;
    }
    return taps;
}

} // namespace

TensorD evaluate(const Resize &r, const Call &call) {
    TensorD result = call.operand();
    for (size_t d = 0; d < r.size.size(); ++d) {
        const Axis axis = {result.shape[d + 2], r.size[d], r.scales[d]};
        std::vector<int64_t> nearest;
        std::vector<Taps> taps;
        for (int64_t o = 0; o < axis.out; ++o) {
            const double x = position(r.coordinates, axis, o);
            if (r.mode == ResizeMode::nearest) {
                nearest.push_back(inside(round(r.rounding, x), axis.in));
            } else {
                taps.push_back(r.antialias ? antialiasing_taps(r, axis, x)
                                           : interpolating_taps(r, axis, x));
            }
        }
        const int64_t dim = int64_t(d) + 2;
        result =
            r.mode == ResizeMode::nearest ? pick(result, dim, nearest) : blend(result, dim, taps);
    }
    return result;
}

// --- Sample --------------------------------------------------------------------------------------

namespace {

TensorD greatest(const TensorD &x, int64_t dim, const TensorD &index) {
    const Lines from = lines_along(x.shape, dim);
    const int64_t taps = index.shape[1];
    TensorD result = {x.shape, {}};
    result.shape[size_t(dim)] = index.shape[0];
    for_each_index({from.outer, index.shape[0], from.inner}, [&](const Shape &o) {
        double value = -std::numeric_limits<double>::infinity();
        for (int64_t t = 0; t < taps; ++t) {
            const int64_t place = int64_t(index.values[size_t(o[1] * taps + t)]);
            value =
                std::max(value, x.values[size_t((o[0] * from.extent + place) * from.inner + o[2])]);
        }
        result.values.push_back(value);
    });
    return result;
}

TensorD weighted_sum(const TensorD &x, int64_t dim, const TensorD &index, const TensorD &weight) {
    const int64_t count = index.shape[1];
    std::vector<Taps> taps(size_t(index.shape[0]));
    for (size_t i = 0; i < index.values.size(); ++i) {
        taps[i / size_t(count)].push_back({int64_t(index.values[i]), weight.values[i]});
    }
    return blend(x, dim, taps);
}

} // namespace

TensorD evaluate(const Sample &s, const Call &call) {
    TensorD result = call.operand();
    size_t next = 1; // operand: the dimension's tables
    for (int64_t dim : s.dims) {
        const TensorD &index = *call.operands[next++];
        switch (s.kind) {
        case SampleKind::pick:
            result = pick(result, dim, {index.values.begin(), index.values.end()},
                          cast(DType::f32, call.result_type(), s.fill));
            break;
        case SampleKind::weighted_sum:
            result = weighted_sum(result, dim, index, *call.operands[next++]);
            break;
        case SampleKind::max:
            result = greatest(result, dim, index);
            break;
        }
    }
    return result;
}

} // namespace cnnc::reference
