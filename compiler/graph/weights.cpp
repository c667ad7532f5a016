// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/weights.h"

#include "compiler/graph/registry.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// FNV-1a: where a param's sequence of random numbers begins.
uint64_t hash(const std::string &text) {
    uint64_t h = 0xcbf29ce484222325;
    for (char c : text) {
        h = (h ^ uint8_t(c)) * 0x100000001b3;
    }
    return h;
}

// The output function of splitmix64, which turns a counter into random bits.
uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// A uniform number of variance v lies within this distance of its mean.
double half_range(double variance) {
    return std::sqrt(3 * variance);
}

// What a function makes of normally distributed elements, by summing over their density.
Moments transform(const Moments &in, const Unary &unary) {
    const double deviation = std::sqrt(in.variance);
    double mass = 0, sum = 0, squares = 0;
    for (int i = -32; i <= 32; ++i) {
        const double z = i / 8.0;
        const double density = std::exp(-z * z / 2);
        const double y = apply(unary, in.mean + deviation * z);
        mass += density;
        sum += density * y;
        squares += density * y * y;
    }
    const double mean = sum / mass;
    return {mean, std::max(squares / mass - mean * mean, 0.0)};
}

// Of the terms of a convolution, the share that does not fall on padding, on average over the
// outputs; in one dimension.
double inner_share(const Conv &c, size_t i, int64_t in, int64_t out) {
    double inner = 0;
    for (int64_t k = 0; k < c.kernel[i]; ++k) {
        // Outputs o with 0 <= o * stride + shift < in.
        const int64_t shift = k * c.dilation[i] - c.pad_lo[i];
        const int64_t begin = shift >= 0 ? 0 : (-shift + c.stride[i] - 1) / c.stride[i];
        const int64_t end = in > shift ? (in - shift - 1) / c.stride[i] + 1 : 0;
        inner += double(std::max<int64_t>(std::min(end, out) - begin, 0));
    }
    return inner / (double(out) * double(c.kernel[i]));
}

// The largest of n independent normal elements: a fit that is within a few percent up to n = 30.
Moments largest_of(const Moments &in, double n) {
    const double log_n = std::log(n);
    return {in.mean + std::sqrt(in.variance) * 0.7 * std::sqrt(2 * log_n),
            in.variance / (1 + 0.75 * log_n)};
}

struct Estimator {
    const Graph &graph;
    const std::vector<Moments> &known; // of the nodes before
    const Node &node;

    const Moments &operand(size_t i = 0) const { return known[size_t(node.inputs[i])]; }

    Moments operator()(const Input &) const { return {0, 1}; }
    Moments operator()(const Constant &c) const { return {c.value(), 0}; }
    Moments operator()(const Parameter &) const { return {0, 1}; }
    Moments operator()(const Conv &) const { return {0, 1}; }
    Moments operator()(const BatchNorm &) const { return {0, 1}; }
    Moments operator()(const Linear &) const { return {0, 1}; }

    Moments operator()(const MaxPool &p) const {
        double elements = 1;
        for (int64_t extent : p.kernel) {
            elements *= double(extent);
        }
        return largest_of(operand(), elements);
    }
    // Neighbours of a channel are far from independent: half the variance survives.
    Moments operator()(const AvgPool &) const { return halved(); }
    Moments operator()(const GlobalAvgPool &) const { return halved(); }
    Moments halved() const { return {operand().mean, operand().variance / 2}; }

    Moments operator()(const Unary &u) const { return transform(operand(), u); }

    Moments operator()(const Binary &b) const {
        const Moments &x = operand(0), &y = operand(1);
        switch (b.kind) {
        case BinaryKind::add:
            return {x.mean + y.mean, x.variance + y.variance};
        case BinaryKind::sub:
            return {x.mean - y.mean, x.variance + y.variance};
        case BinaryKind::mul: {
            const double mean = x.mean * y.mean;
            return {mean, std::max(x.second() * y.second() - mean * mean, 0.0)};
        }
        default: // MISSING
            return x;
        }
        return {};
    }

    // A mean of 1/n by definition; the spread of exp(x) for normal x.
    Moments operator()(const Softmax &s) const {
        const double n = double(node.type.shape[size_t(s.dim)]);
        const double spread = std::exp(std::min(operand().variance, 4.0)) - 1;
        return {1 / n, std::min(spread / (n * n), 1 / n)};
    }

    Moments operator()(const Concat &) const {
        double mean = 0, second = 0;
        for (size_t i = 0; i < node.inputs.size(); ++i) {
            const double share = double(element_count(graph[node.inputs[i]].type.shape)) /
                                 double(element_count(node.type.shape));
            mean += share * operand(i).mean;
            second += share * operand(i).second();
        }
        return {mean, std::max(second - mean * mean, 0.0)};
    }

    Moments operator()(const Flatten &) const { return operand(); }
    Moments operator()(const Reshape &) const { return operand(); }
    template <class T>
    Moments operator()(const T &) const { // MISSING
        return operand();
    }
};

// The range of a param's random numbers, by the role it has in its node.
struct Range {
    double low, high;
};

Range weight_range(const Graph &graph, const Node &node, double input_second) {
    const Shape &in = graph[node.inputs[0]].type.shape;
    double terms = 0;
    if (const Conv *c = std::get_if<Conv>(&node.op)) {
        terms = double(in[1] / c->groups);
        for (size_t i = 0; i < c->kernel.size(); ++i) {
            terms *= double(c->kernel[i]) * inner_share(*c, i, in[i + 2], node.type.shape[i + 2]);
        }
    } else {
        terms = double(in.back());
    }
    // A variance of 1 for the sum of the terms; weights stay within sight where inputs vanish.
    const double variance = 1 / std::max(terms * input_second, 1e-6);
    return {-half_range(variance), half_range(variance)};
}

Range norm_range(const std::string &role, const Moments &in) {
    const double deviation = std::sqrt(in.variance);
    if (role == "running_var") {
        return {0.8 * in.variance, 1.2 * in.variance};
    }
    if (role == "running_mean") {
        return {in.mean - 0.1 * deviation, in.mean + 0.1 * deviation};
    }
    return role == "weight" ? Range{0.8, 1.2} : Range{-0.1, 0.1};
}

Range param_range(const Graph &graph, const Node &node, const std::string &role,
                  const std::vector<Moments> &moments) {
    if (std::holds_alternative<Parameter>(node.op)) {
        return {-half_range(1), half_range(1)};
    }
    const Moments &in = moments[size_t(node.inputs[0])];
    if (std::holds_alternative<BatchNorm>(node.op)) {
        return norm_range(role, {in.mean, std::max(in.variance, 1e-3)});
    }
    return role == "weight" ? weight_range(graph, node, in.second()) : Range{-0.1, 0.1};
}

} // namespace

TensorData random_tensor(Shape shape, uint64_t seed, const std::string &name, double low,
                         double high) {
    const int64_t count = element_count(shape);
    const uint64_t start = mix(seed) ^ hash(name);
    const float middle = float((low + high) / 2);
    const float step = float((high - low) / 2 / 2147483648.0);
    // Not a vector: its memory would be written twice.
    std::shared_ptr<float[]> owner(new float[size_t(count)]);
    float *values = owner.get();
    const auto scaled = [&](uint64_t bits) { return middle + float(int32_t(bits)) * step; };
    for (int64_t i = 0; i + 1 < count; i += 2) {
        const uint64_t bits = mix(start + uint64_t(i));
        values[i] = scaled(bits);
        values[i + 1] = scaled(bits >> 32);
    }
    if (count % 2 == 1) {
        values[count - 1] = scaled(mix(start + uint64_t(count - 1)));
    }
    const auto *bytes = reinterpret_cast<const std::byte *>(values);
    return {{DType::f32, std::move(shape)}, std::move(owner), bytes};
}

std::vector<Moments> estimate_moments(const Graph &graph) {
    std::vector<Moments> moments;
    moments.reserve(graph.nodes.size());
    for (const Node &node : graph.nodes) {
        moments.push_back(std::visit(Estimator{graph, moments, node}, node.op));
    }
    return moments;
}

void random_weights(Graph &graph, uint64_t seed) {
    for (Param &param : graph.params) {
        param.data = {};
    }
    const std::vector<Moments> moments = estimate_moments(graph);
    for (const Node &node : graph.nodes) {
        std::vector<TensorType> operands;
        for (NodeId input : node.inputs) {
            operands.push_back(graph[input].type);
        }
        const std::vector<ParamSpec> specs = param_types(node.op, operands);
        for (size_t i = 0; i < specs.size(); ++i) {
            Param &param = graph.params[size_t(node.params[i])];
            if (!param.data.defined()) { // shared weights suit the first that uses them
                const Range range = param_range(graph, node, specs[i].role, moments);
                param.data =
                    random_tensor(param.type.shape, seed, param.name, range.low, range.high);
            }
        }
    }
}

} // namespace cnnc
