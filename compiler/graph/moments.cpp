// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Estimates the mean and variance of every node's elements, operator by operator.
#include "compiler/graph/weights.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// Estimates stay within reach, whatever is raised to what power.
constexpr double max_second = 1e12;

Moments bounded(double mean, double variance) {
    const double limit = std::sqrt(max_second);
    return {std::clamp(std::isnan(mean) ? 0 : mean, -limit, limit),
            std::clamp(std::isnan(variance) ? 1 : variance, 0.0, max_second)};
}

// Sums up weighted values.
struct Accumulator {
    double mass = 0, sum = 0, squares = 0;

    void add(double weight, double value) {
        if (std::isfinite(value) && weight > 0) {
            mass += weight;
            sum += weight * value;
            squares += weight * value * value;
        }
    }
    Moments moments() const {
        const double mean = mass > 0 ? sum / mass : 0;
        return bounded(mean, mass > 0 ? squares / mass - mean * mean : 1);
    }
};

// What a function makes of normally distributed elements, by summing over their density. Elements
// of which it makes no number do not count.
template <class Function>
Moments transform(const Moments &in, const Function &function) {
    const double deviation = std::sqrt(in.variance);
    Accumulator result;
    for (int i = -32; i <= 32; ++i) {
        const double z = i / 8.0;
        result.add(std::exp(-z * z / 2), function(in.mean + deviation * z));
    }
    return result.moments();
}

// The same of two.
template <class Function>
Moments transform(const Moments &a, const Moments &b, const Function &function) {
    const double spread_a = std::sqrt(a.variance), spread_b = std::sqrt(b.variance);
    Accumulator result;
    for (int i = -12; i <= 12; ++i) {
        for (int k = -12; k <= 12; ++k) {
            const double y = i / 4.0, z = k / 4.0;
            result.add(std::exp(-(y * y + z * z) / 2),
                       function(a.mean + spread_a * y, b.mean + spread_b * z));
        }
    }
    return result.moments();
}

// The largest of n independent normal elements: a fit that is within a few percent up to n = 30.
Moments largest_of(const Moments &in, double n) {
    const double log_n = std::log(std::max(n, 1.0));
    return {in.mean + std::sqrt(in.variance) * 0.7 * std::sqrt(2 * log_n),
            in.variance / (1 + 0.75 * log_n)};
}

Moments least_of(const Moments &in, double n) {
    const Moments mirrored = largest_of({-in.mean, in.variance}, n);
    return {-mirrored.mean, mirrored.variance};
}

// Some of one, the rest of the other.
Moments mixture(const Moments &a, const Moments &b, double share) {
    const double mean = share * a.mean + (1 - share) * b.mean;
    const double second = share * a.second() + (1 - share) * b.second();
    return bounded(mean, second - mean * mean);
}

// 0 to n - 1, all equally likely.
Moments position_below(double n) {
    return {(n - 1) / 2, (n * n - 1) / 12};
}

// Spread evenly over the range of numbers that inputs of this type have.
Moments input_moments(DType dtype) {
    switch (dtype) {
    case DType::u8:
        return position_below(256);
    case DType::i8:
        return {-0.5, position_below(256).variance};
    case DType::i32:
    case DType::i64:
        return {0, position_below(201).variance};
    case DType::boolean:
        return {0.5, 0.25};
    default:
        return {0, 1};
    }
}

double average(const std::vector<double> &values) {
    double sum = 0;
    for (double value : values) {
        sum += value;
    }
    return sum / double(values.size());
}

double product(const std::vector<int64_t> &extents) {
    double result = 1;
    for (int64_t extent : extents) {
        result *= double(extent);
    }
    return result;
}

Moments reduced(const Reduce &r, const Moments &in, double n) {
    const auto square = [](double x) { return x * x; };
    const auto magnitude = [](double x) { return std::abs(x); };
    const auto sum = [n](const Moments &terms) {
        return bounded(n * terms.mean, n * terms.variance);
    };
    switch (r.kind) {
    case ReduceKind::sum:
        return sum(in);
    case ReduceKind::mean: // neighbours are far from independent
        return {in.mean, in.variance / 2};
    case ReduceKind::amax:
        return largest_of(in, n);
    case ReduceKind::amin:
        return least_of(in, n);
    case ReduceKind::prod: {
        const double mean = std::pow(in.mean, n);
        return bounded(mean, std::pow(in.second(), n) - mean * mean);
    }
    case ReduceKind::l1:
        return sum(transform(in, magnitude));
    case ReduceKind::l2:
        return transform(sum(transform(in, square)),
                         [](double x) { return std::sqrt(std::max(x, 0.0)); });
    case ReduceKind::sum_square:
        return sum(transform(in, square));
    case ReduceKind::log_sum_exp:
        return {in.mean + in.variance / 2 + std::log(n), in.variance / n};
    }
    return in;
}

struct Estimator {
    const Graph &graph;
    const std::vector<Moments> &known; // of the nodes before
    const Node &node;

    const Moments &operand(size_t i = 0) const { return known[size_t(node.inputs[i])]; }
    const Shape &shape(size_t i = 0) const { return graph[node.inputs[i]].type.shape; }
    // How many elements of the operand go into one of the result.
    double window() const {
        return double(element_count(shape())) / double(element_count(node.type.shape));
    }
    Moments halved() const { return {operand().mean, operand().variance / 2}; }

    Moments operator()(const Input &) const { return input_moments(node.type.dtype); }
    Moments operator()(const Constant &c) const {
        Accumulator result;
        for (double value : c.values) {
            result.add(1, value);
        }
        return result.moments();
    }
    Moments operator()(const Parameter &p) const {
        return p.dtype == DType::f32 ? Moments{0, 1} : Moments{0.5, 0.25};
    }

    // Layers whose weights are made for it, and norms.
    Moments operator()(const Conv &) const { return {0, 1}; }
    Moments operator()(const ConvTranspose &) const { return {0, 1}; }
    Moments operator()(const BatchNorm &) const { return {0, 1}; }
    Moments operator()(const InstanceNorm &) const { return {0, 1}; }
    Moments operator()(const GroupNorm &) const { return {0, 1}; }
    Moments operator()(const LayerNorm &) const { return {0, 1}; }
    Moments operator()(const Linear &) const { return {0, 1}; }

    Moments operator()(const LocalResponseNorm &n) const {
        const double sum = n.k + n.alpha * operand().second();
        const double factor = std::pow(std::max(sum, 1e-6), -n.beta);
        return bounded(operand().mean * factor, operand().variance * factor * factor);
    }
    Moments operator()(const Normalize &n) const {
        const double scale = 1 / average(n.std);
        return bounded((operand().mean - average(n.mean)) * scale,
                       operand().variance * scale * scale);
    }
    Moments operator()(const MatMul &) const {
        const double terms = double(shape().back());
        const double mean = operand(0).mean * operand(1).mean;
        const double second = operand(0).second() * operand(1).second();
        return bounded(terms * mean, terms * (second - mean * mean));
    }

    // Neighbours of a channel are far from independent: half the variance survives.
    Moments operator()(const MaxPool &p) const { return largest_of(operand(), product(p.kernel)); }
    Moments operator()(const AvgPool &) const { return halved(); }
    Moments operator()(const GlobalAvgPool &) const { return halved(); }
    Moments operator()(const GlobalMaxPool &) const { return largest_of(operand(), window()); }
    Moments operator()(const AdaptiveAvgPool &) const { return halved(); }
    Moments operator()(const AdaptiveMaxPool &) const { return largest_of(operand(), window()); }

    Moments operator()(const Unary &u) const {
        return transform(operand(), [&](double x) { return apply(u, x); });
    }
    Moments operator()(const Binary &b) const {
        const Moments &x = operand(0), &y = operand(1);
        switch (b.kind) {
        case BinaryKind::add:
            return bounded(x.mean + y.mean, x.variance + y.variance);
        case BinaryKind::sub:
            return bounded(x.mean - y.mean, x.variance + y.variance);
        case BinaryKind::mul: {
            const double mean = x.mean * y.mean;
            return bounded(mean, x.second() * y.second() - mean * mean);
        }
        case BinaryKind::div: // divisors keep away from 0, unlike a normal distribution's tail
            return transform(x, {y.mean, y.variance / 4}, [](double p, double q) { return p / q; });
        default:
            return transform(x, y, [&](double p, double q) { return apply(b.kind, p, q); });
        }
    }
    Moments operator()(const Where &) const {
        return mixture(operand(1), operand(2), std::clamp(operand(0).mean, 0.0, 1.0));
    }
    Moments operator()(const PRelu &) const { // weights are about this
        return transform(operand(), [](double x) { return x > 0 ? x : 0.25 * x; });
    }
    Moments operator()(const Cast &c) const {
        return c.dtype == DType::boolean ? Moments{1, 0} : operand();
    }

    // A mean of 1/n by definition; the spread of exp(x) for normal x.
    Moments operator()(const Softmax &s) const {
        const double n = double(node.type.shape[size_t(s.dim)]);
        if (s.log) {
            return {-std::log(n) - operand().variance / 2, operand().variance};
        }
        const double spread = std::exp(std::min(operand().variance, 4.0)) - 1;
        return {1 / n, std::min(spread / (n * n), 1 / n)};
    }
    Moments operator()(const Reduce &r) const { return reduced(r, operand(), window()); }
    Moments operator()(const ArgReduce &) const { return position_below(window()); }
    Moments operator()(const TopK &t) const {
        const double n = double(shape()[size_t(t.dim)]);
        if (t.indices) {
            return position_below(n);
        }
        const double share = n / double(t.k);
        return t.largest ? largest_of(operand(), share) : least_of(operand(), share);
    }

    Moments operator()(const Concat &) const {
        double mean = 0, second = 0;
        for (size_t i = 0; i < node.inputs.size(); ++i) {
            const double share =
                double(element_count(shape(i))) / double(element_count(node.type.shape));
            mean += share * operand(i).mean;
            second += share * operand(i).second();
        }
        return bounded(mean, second - mean * mean);
    }
    Moments operator()(const Pad &p) const {
        if (p.mode != PadMode::constant || !std::isfinite(p.value)) {
            return operand();
        }
        return mixture(operand(), {p.value, 0}, std::min(window(), 1.0));
    }
    Moments operator()(const Sample &s) const {
        return s.kind == SampleKind::max ? largest_of(operand(), double(shape(1)[1])) : operand();
    }
    // Whatever moves elements, or blends neighbours.
    Moments operator()(const Slice &) const { return operand(); }
    Moments operator()(const Permute &) const { return operand(); }
    Moments operator()(const Flatten &) const { return operand(); }
    Moments operator()(const Reshape &) const { return operand(); }
    Moments operator()(const Expand &) const { return operand(); }
    Moments operator()(const Tile &) const { return operand(); }
    Moments operator()(const IndexSelect &) const { return operand(); }
    Moments operator()(const Resize &) const { return operand(); }
    Moments operator()(const PixelShuffle &) const { return operand(); }
    Moments operator()(const PixelUnshuffle &) const { return operand(); }
    Moments operator()(const ChannelShuffle &) const { return operand(); }
};

} // namespace

std::vector<Moments> estimate_moments(const Graph &graph) {
    std::vector<Moments> moments;
    moments.reserve(graph.nodes.size());
    for (const Node &node : graph.nodes) {
        moments.push_back(std::visit(Estimator{graph, moments, node}, node.op));
    }
    return moments;
}

} // namespace cnnc
