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

// The range of a param's random numbers, by the role it has in its node.
struct Range {
    double low, high;
};

// How many terms are summed up for an output, on average over the outputs.
double terms_of(const Conv &c, const Shape &in, const Shape &out) {
    double terms = double(in[1] / c.groups);
    for (size_t i = 0; i < c.kernel.size(); ++i) {
        terms *= double(c.kernel[i]) * inner_share(c, i, in[i + 2], out[i + 2]);
    }
    return terms;
}

// Each input adds a kernel of terms, which share the outputs (cropped ones take their share).
double terms_of(const ConvTranspose &c, const Shape &in) {
    double terms = double(in[1] / c.groups);
    for (size_t i = 0; i < c.kernel.size(); ++i) {
        const int64_t extent = in[i + 2];
        const int64_t full = (extent - 1) * c.stride[i] + c.dilation[i] * (c.kernel[i] - 1) + 1;
        terms *= double(extent) * double(c.kernel[i]) / double(full);
    }
    return terms;
}

Range weight_range(const Graph &graph, const Node &node, double input_second) {
    const Shape &in = graph[node.inputs[0]].type.shape;
    const double terms = match(
        node.op, [&](const Conv &c) { return terms_of(c, in, node.type.shape); },
        [&](const ConvTranspose &c) { return terms_of(c, in); },
        [&](const auto &) { return double(in.back()); });
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

bool is_norm(const Op &op) {
    return std::holds_alternative<BatchNorm>(op) || std::holds_alternative<InstanceNorm>(op) ||
           std::holds_alternative<GroupNorm>(op) || std::holds_alternative<LayerNorm>(op);
}

Range param_range(const Graph &graph, const Node &node, const std::string &role,
                  const std::vector<Moments> &moments) {
    if (std::holds_alternative<Parameter>(node.op)) {
        return {-half_range(1), half_range(1)};
    }
    if (std::holds_alternative<PRelu>(node.op)) {
        return {0.1, 0.4};
    }
    const Moments &in = moments[size_t(node.inputs[0])];
    if (is_norm(node.op)) {
        return norm_range(role, {in.mean, std::max(in.variance, 1e-3)});
    }
    return role == "weight" ? weight_range(graph, node, in.second()) : Range{-0.1, 0.1};
}

// Parameters of other types than f32: small whole numbers.
template <typename T>
TensorData random_bits(const TensorType &type, uint64_t seed, const std::string &name) {
    const TensorData numbers = random_tensor(type.shape, seed, name, 0, 1);
    auto values = std::make_shared<std::vector<T>>(size_t(element_count(type.shape)));
    for (size_t i = 0; i < values->size(); ++i) {
        (*values)[i] = numbers.floats()[i] >= 0.5f;
    }
    const auto *bytes = reinterpret_cast<const std::byte *>(values->data());
    return {type, std::move(values), bytes};
}

TensorData random_param(const Param &param, uint64_t seed, const Range &range) {
    switch (param.type.dtype) {
    case DType::i64:
        return random_bits<int64_t>(param.type, seed, param.name);
    case DType::i32:
        return random_bits<int32_t>(param.type, seed, param.name);
    case DType::u8:
    case DType::i8:
    case DType::boolean:
        return random_bits<uint8_t>(param.type, seed, param.name);
    default:
        return random_tensor(param.type.shape, seed, param.name, range.low, range.high);
    }
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
                param.data = random_param(param, seed, range);
            }
        }
    }
}

} // namespace cnnc
