// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pooling of every kind.
#include "compiler/reference/call.h"

#include <algorithm>
#include <limits>

namespace cnnc::reference {

namespace {

// Calls f(z, y, x) for every element of the operand that the window at o covers.
template <typename F>
void for_each_covered(const Window &w, const Extents3 &o, const F &f) {
    for_each(w.kernel, [&](int64_t z, int64_t y, int64_t x) {
        const Extents3 k = {z, y, x};
        Extents3 at;
        for (size_t i = 0; i < 3; ++i) {
            at[i] = o[i] * w.stride[i] - w.pad_lo[i] + k[i] * w.dilation[i];
            if (at[i] < 0 || at[i] >= w.in[i]) {
                return;
            }
        }
        f(at[0], at[1], at[2]);
    });
}

// Applies pool(plane of the operand, place of the window) for every element of the result.
template <typename Pool>
TensorD pool_planes(const Call &call, const Pool &pool) {
    TensorD result = call.result();
    const Extents3 in = spatial(call.operand().shape), out = spatial(result.shape);
    const double *plane = call.operand().values.data();
    double *to = result.values.data();
    for (int64_t i = 0; i < result.shape[0] * result.shape[1]; ++i) {
        for_each(out, [&](int64_t z, int64_t y, int64_t x) {
            *to++ = pool(plane, Extents3{z, y, x});
        });
        plane += volume(in);
    }
    return result;
}

} // namespace

TensorD evaluate(const MaxPool &p, const Call &call) {
    const Window w = window_of(p, p.dilation, call);
    return pool_planes(call, [&](const double *plane, const Extents3 &o) {
        double largest = -std::numeric_limits<double>::infinity();
        for_each_covered(w, o, [&](int64_t z, int64_t y, int64_t x) {
            largest = std::max(largest, plane[offset(w.in, z, y, x)]);
        });
        return largest;
    });
}

namespace {

// How many elements a mean counts when padding counts: those of the window that lie in the padded
// operand (with ceil_mode, a window may reach past the padding).
int64_t elements_in_padded(const Window &w, const Extents3 &o) {
    int64_t elements = 1;
    for (size_t i = 0; i < 3; ++i) {
        const int64_t begin = o[i] * w.stride[i] - w.pad_lo[i];
        elements *= std::min(begin + w.kernel[i], w.in[i] + w.pad_hi[i]) - begin;
    }
    return elements;
}

} // namespace

TensorD evaluate(const AvgPool &p, const Call &call) {
    const Window w = window_of(p, std::vector<int64_t>(p.kernel.size(), 1), call);
    return pool_planes(call, [&](const double *plane, const Extents3 &o) {
        double sum = 0;
        int64_t covered = 0;
        for_each_covered(w, o, [&](int64_t z, int64_t y, int64_t x) {
            sum += plane[offset(w.in, z, y, x)];
            ++covered;
        });
        return sum / double(p.count_include_pad ? elements_in_padded(w, o) : covered);
    });
}

namespace {

// Window i of `out` windows over `in` elements, as adaptive pooling divides them.
struct Part {
    int64_t begin, end;
};
Part part(int64_t i, int64_t in, int64_t out) {
    return {i * in / out, ((i + 1) * in + out - 1) / out};
}

// Applies pool to the elements of each part; global pooling is the case of one part.
template <typename Pool>
TensorD pool_parts(const Call &call, const Pool &pool) {
    const Extents3 in = spatial(call.operand().shape), out = spatial(call.node.type.shape);
    return pool_planes(call, [&](const double *plane, const Extents3 &o) {
        std::array<Part, 3> parts;
        for (size_t d = 0; d < 3; ++d) {
            parts[d] = part(o[d], in[d], out[d]);
        }
        std::vector<double> elements;
        for (int64_t z = parts[0].begin; z < parts[0].end; ++z) {
            for (int64_t y = parts[1].begin; y < parts[1].end; ++y) {
                const double *row = plane + offset(in, z, y, 0);
                elements.insert(elements.end(), row + parts[2].begin, row + parts[2].end);
            }
        }
        return pool(elements);
    });
}

double mean(const std::vector<double> &elements) {
    double sum = 0;
    for (double x : elements) {
        sum += x;
    }
    return sum / double(elements.size());
}

double maximum(const std::vector<double> &elements) {
    return *std::max_element(elements.begin(), elements.end());
}

} // namespace

TensorD evaluate(const GlobalAvgPool &, const Call &call) {
    return pool_parts(call, mean);
}
TensorD evaluate(const GlobalMaxPool &, const Call &call) {
    return pool_parts(call, maximum);
}
TensorD evaluate(const AdaptiveAvgPool &, const Call &call) {
    return pool_parts(call, mean);
}
TensorD evaluate(const AdaptiveMaxPool &, const Call &call) {
    return pool_parts(call, maximum);
}

} // namespace cnnc::reference
