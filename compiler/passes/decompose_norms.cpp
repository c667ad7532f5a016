// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Normalization layers as reductions and element by element operators. The variance is that of the
// differences from the mean: E[x^2] - E[x]^2 would lose all digits where the mean is large.
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <numeric>

namespace cnnc {
namespace {

std::vector<int64_t> dims_from(int64_t first, int64_t rank) {
    std::vector<int64_t> dims(size_t(rank - first));
    std::iota(dims.begin(), dims.end(), first);
    return dims;
}

int64_t rank_of(const Replacement &r) {
    return int64_t(r.node().type.shape.size());
}

// [C, 1, ...], which broadcasts along the channels.
Shape per_channel(const Replacement &r, int64_t channels) {
    Shape shape(size_t(rank_of(r) - 1), 1);
    shape[0] = channels;
    return shape;
}

// 1 / sqrt(sum of squares / count + eps).
NodeId inverse_deviation(Replacement &r, NodeId sum_of_squares, int64_t count, double eps) {
    NodeId v = r.binary(BinaryKind::mul, sum_of_squares, 1.0 / double(count), "var");
    v = r.binary(BinaryKind::add, v, eps, "var_eps");
    return r.unary(UnaryKind::rsqrt, v, "inv_std");
}

// (x - mean) * scale * weight + bias; weight and bias may be absent (-1). Where the weight varies
// with no more than the scale does, it costs nothing to have it in the scale.
void finish_norm(Replacement &r, NodeId difference, NodeId scale, NodeId weight, NodeId bias,
                 bool scale_is_view = false) {
    if (weight >= 0 && !scale_is_view &&
        broadcast(r.shape(scale), r.shape(weight)) == std::optional(r.shape(scale))) {
        scale = r.binary(BinaryKind::mul, scale, weight, "scale");
        weight = -1;
    }
    const bool last = weight < 0 && bias < 0;
    NodeId y = r.binary(BinaryKind::mul, difference, scale, last ? "" : "scaled");
    if (weight >= 0)
        y = r.binary(BinaryKind::mul, y, weight, bias >= 0 ? "weighted" : "");
    if (bias >= 0)
        y = r.binary(BinaryKind::add, y, bias, "");
    r.finish(y);
}

void normalize_over(Replacement &r, const std::vector<int64_t> &dims, double eps, NodeId weight,
                    NodeId bias) {
    const NodeId x = r.input();
    int64_t count = 1;
    for (int64_t dim : dims)
        count *= r.shape(x)[size_t(dim)];
    const NodeId mean = r.add(Reduce{ReduceKind::mean, dims, true}, {x}, "mean");
    const NodeId difference = r.binary(BinaryKind::sub, x, mean, "sub");
    const NodeId squares = r.add(Reduce{ReduceKind::sum_square, dims, true}, {difference}, "sq");
    finish_norm(r, difference, inverse_deviation(r, squares, count, eps), weight, bias);
}

// One value per group, [N, G, 1, 1], as one per channel, [N, C, 1, ...].
NodeId to_channels(Replacement &r, NodeId groups, const std::string &role) {
    const Shape &x = r.node().type.shape;
    Shape grouped = r.shape(groups);
    grouped[2] = x[1] / grouped[1];
    const NodeId expanded = r.add(Expand{grouped}, {groups}, role + "_groups");
    Shape channels(x.size(), 1);
    channels[0] = x[0];
    channels[1] = x[1];
    return r.add(Reshape{channels}, {expanded}, role + "_channels");
}

// Statistics are made of views [N, G, C / G, pixels]; all else keeps the shape of x, so that x and
// the result may lie in whatever order they like.
void normalize_groups(Replacement &r, int64_t num_groups, double eps, NodeId weight, NodeId bias) {
    const NodeId x = r.input();
    const Shape &shape = r.node().type.shape;
    const int64_t group = shape[1] / num_groups;
    const int64_t pixels = element_count(shape) / shape[0] / shape[1];
    const Reshape grouped{{shape[0], num_groups, group, pixels}};
    const NodeId x_grouped = r.add(grouped, {x}, "groups");
    const NodeId mean = r.add(Reduce{ReduceKind::mean, {2, 3}, true}, {x_grouped}, "mean");
    const NodeId difference = r.binary(BinaryKind::sub, x, to_channels(r, mean, "mean"), "sub");
    const NodeId d_grouped = r.add(grouped, {difference}, "sub_groups");
    const NodeId squares = r.add(Reduce{ReduceKind::sum_square, {2, 3}, true}, {d_grouped}, "sq");
    const NodeId scale = inverse_deviation(r, squares, group * pixels, eps);
    finish_norm(r, difference, to_channels(r, scale, "scale"), weight, bias, true);
}

bool replace(Replacement &r, const InstanceNorm &norm) {
    const int64_t channels = r.node().type.shape[1];
    const NodeId weight = norm.affine ? r.parameter(0, per_channel(r, channels), "weight") : -1;
    const NodeId bias = norm.affine ? r.parameter(1, per_channel(r, channels), "bias") : -1;
    normalize_over(r, dims_from(2, rank_of(r)), norm.eps, weight, bias);
    return true;
}

bool replace(Replacement &r, const GroupNorm &norm) {
    const int64_t channels = r.node().type.shape[1];
    const NodeId weight = norm.affine ? r.parameter(0, per_channel(r, channels), "weight") : -1;
    const NodeId bias = norm.affine ? r.parameter(1, per_channel(r, channels), "bias") : -1;
    if (norm.num_groups == 1)
        normalize_over(r, dims_from(1, rank_of(r)), norm.eps, weight, bias);
    else if (norm.num_groups == channels && rank_of(r) > 2)
        normalize_over(r, dims_from(2, rank_of(r)), norm.eps, weight, bias);
    else
        normalize_groups(r, norm.num_groups, norm.eps, weight, bias);
    return true;
}

bool replace(Replacement &r, const LayerNorm &norm) {
    const Shape &x = r.node().type.shape;
    const Shape last(x.end() - norm.dims, x.end());
    const NodeId weight = norm.affine ? r.parameter(0, last, "weight") : -1;
    const NodeId bias = norm.affine && norm.bias ? r.parameter(1, last, "bias") : -1;
    normalize_over(r, dims_from(rank_of(r) - norm.dims, rank_of(r)), norm.eps, weight, bias);
    return true;
}

// The mean of squares over neighbouring channels is a pooling of [N, 1, pixels, C], which is how a
// channels-last tensor lies in memory.
bool replace(Replacement &r, const LocalResponseNorm &norm) {
    const NodeId x = r.input();
    const Shape &shape = r.node().type.shape;
    const int64_t n = shape[0], c = shape[1], pixels = element_count(shape) / n / c;
    NodeId y = r.binary(BinaryKind::mul, x, x, "squares");
    y = r.add(Reshape{{n, 1, c, pixels}}, {y}, "planes");
    y = r.add(Permute{{0, 1, 3, 2}}, {y}, "pixels");
    AvgPool pool;
    pool.kernel = {1, norm.size};
    pool.stride = {1, 1};
    pool.pad_lo = {0, norm.size / 2};
    pool.pad_hi = {0, norm.size - 1 - norm.size / 2};
    y = r.add(pool, {y}, "mean");
    y = r.binary(BinaryKind::mul, y, norm.alpha, "alpha");
    y = r.binary(BinaryKind::add, y, norm.k, "k");
    y = r.binary(BinaryKind::pow, y, -norm.beta, "beta");
    y = r.add(Permute{{0, 1, 3, 2}}, {y}, "channels");
    y = r.add(Reshape{shape}, {y}, "scale");
    r.finish(r.binary(BinaryKind::mul, x, y, ""));
    return true;
}

bool replace(Replacement &r, const Normalize &norm) {
    std::vector<double> factor;
    for (double std : norm.std)
        factor.push_back(1 / std);
    auto entries = [&](const std::vector<double> &values, const std::string &role) {
        if (values.size() == 1)
            return r.number(values[0]);
        return r.constant({DType::f32, per_channel(r, int64_t(values.size()))}, values, role);
    };
    const NodeId x = r.binary(BinaryKind::sub, r.input(), entries(norm.mean, "mean"), "sub");
    r.finish(r.binary(BinaryKind::mul, x, entries(factor, "factor"), ""));
    return true;
}

} // namespace

Graph decompose_norms(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op, [&](const InstanceNorm &o) { return replace(r, o); },
            [&](const GroupNorm &o) { return replace(r, o); },
            [&](const LayerNorm &o) { return replace(r, o); },
            [&](const LocalResponseNorm &o) { return replace(r, o); },
            [&](const Normalize &o) { return replace(r, o); }, [](const auto &) { return false; });
    });
}

} // namespace cnnc
