// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators over whole dimensions: softmax, sums and the like, positions, the k greatest.
#include "compiler/reference/call.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace cnnc::reference {

TensorD evaluate(const Softmax &s, const Call &call) {
    TensorD result = call.operand();
    const Lines lines = lines_along(result.shape, s.dim);
    for (int64_t i = 0; i < lines.count(); ++i) {
        double *line = &result.values[size_t(lines.start(i))];
        double largest = line[0], sum = 0;
        for (int64_t j = 0; j < lines.extent; ++j) {
            largest = std::max(largest, line[j * lines.inner]);
        }
        for (int64_t j = 0; j < lines.extent; ++j) {
            sum += std::exp(line[j * lines.inner] - largest);
        }
        for (int64_t j = 0; j < lines.extent; ++j) {
            double &x = line[j * lines.inner];
            x = s.log ? x - largest - std::log(sum) : std::exp(x - largest) / sum;
        }
    }
    return result;
}

namespace {

// What one result is reduced from, in row-major order.
using Elements = std::vector<double>;

double reduce_integers(ReduceKind kind, DType type, const Elements &elements) {
    uint64_t result = kind == ReduceKind::prod ? 1 : 0;
    for (double x : elements) {
        const uint64_t bits = integer_bits(x);
        if (kind == ReduceKind::prod) {
            result *= bits;
        } else {
            result += kind == ReduceKind::sum_square ? bits * bits : bits;
        }
    }
    return wrap(type, result);
}

double log_sum_exp(const Elements &elements) {
    const double largest = *std::max_element(elements.begin(), elements.end());
    if (std::isinf(largest)) {
        return largest;
    }
    double sum = 0;
    for (double x : elements) {
        sum += std::exp(x - largest);
    }
    return largest + std::log(sum);
}

template <typename Step>
double accumulate(const Elements &elements, double first, const Step &step) {
    return std::accumulate(elements.begin(), elements.end(), first, step);
}

double reduce(ReduceKind kind, const Elements &elements) {
    const auto square = [](double sum, double x) { return sum + x * x; };
    switch (kind) {
    case ReduceKind::sum:
        return accumulate(elements, 0, std::plus<>());
    case ReduceKind::mean:
        return accumulate(elements, 0, std::plus<>()) / double(elements.size());
    case ReduceKind::amax:
        return *std::max_element(elements.begin(), elements.end());
    case ReduceKind::amin:
        return *std::min_element(elements.begin(), elements.end());
    case ReduceKind::prod:
        return accumulate(elements, 1, std::multiplies<>());
    case ReduceKind::l1:
        return accumulate(elements, 0, [](double sum, double x) { return sum + std::abs(x); });
    case ReduceKind::l2:
        return std::sqrt(accumulate(elements, 0, square));
    case ReduceKind::sum_square:
        return accumulate(elements, 0, square);
    case ReduceKind::log_sum_exp:
        return log_sum_exp(elements);
    }
    return 0;
}

} // namespace

TensorD evaluate(const Reduce &r, const Call &call) {
    const Shape &in = call.operand().shape;
    const std::vector<int64_t> strides = row_major_strides(in);
    // Two walks: over what is kept, and from each of its places over what is reduced.
    Shape kept = in, reduced(in.size(), 1);
    for (int64_t dim : r.dims) {
        std::swap(kept[size_t(dim)], reduced[size_t(dim)]);
    }
    const DType type = call.operand_type();
    const bool picks = r.kind == ReduceKind::amax || r.kind == ReduceKind::amin;
    TensorD result = call.result();
    auto to = result.values.begin();
    Elements elements;
    for_each_offset<1>(kept, {strides}, [&](const Offsets<1> &start) {
        elements.clear();
        for_each_offset<1>(
            reduced, {strides},
            [&](const Offsets<1> &at) { elements.push_back(call.operand().values[size_t(at[0])]); },
            start);
        *to++ = is_integer(type) && !picks ? reduce_integers(r.kind, type, elements)
                                           : reduce(r.kind, elements);
    });
    return result;
}

namespace {

// The positions of a line's elements, greatest (or least) first, equals in their order; NaN last.
std::vector<int64_t> ranking(const double *line, const Lines &lines, bool largest) {
    const auto key = [&](int64_t i) {
        const double x = line[i * lines.inner];
        return std::isnan(x) ? -std::numeric_limits<double>::infinity() : largest ? x : -x;
    };
    std::vector<int64_t> order(size_t(lines.extent));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return key(a) > key(b); });
    return order;
}

} // namespace

TensorD evaluate(const ArgReduce &a, const Call &call) {
    const Lines lines = lines_along(call.operand().shape, a.dim);
    TensorD result = call.result();
    for (int64_t i = 0; i < lines.count(); ++i) {
        const double *line = &call.operand().values[size_t(lines.start(i))];
        int64_t best = 0;
        for (int64_t j = 1; j < lines.extent; ++j) {
            const double x = line[j * lines.inner], y = line[best * lines.inner];
            best = (a.max ? x > y : x < y) ? j : best;
        }
        result.values[size_t(i)] = double(best);
    }
    return result;
}

TensorD evaluate(const TopK &t, const Call &call) {
    const Lines from = lines_along(call.operand().shape, t.dim);
    const Lines to = lines_along(call.node.type.shape, t.dim);
    TensorD result = call.result();
    for (int64_t i = 0; i < from.count(); ++i) {
        const double *line = &call.operand().values[size_t(from.start(i))];
        const std::vector<int64_t> order = ranking(line, from, t.largest);
        for (int64_t j = 0; j < t.k; ++j) {
            const int64_t place = order[size_t(j)];
            result.values[size_t(to.start(i) + j * to.inner)] =
                t.indices ? double(place) : line[place * from.inner];
        }
    }
    return result;
}

} // namespace cnnc::reference
