// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Proposals of layers and of operators over whole dimensions.
#include "tests/random/generator.h"

#include <algorithm>
#include <numeric>

namespace cnnc {

const std::vector<bool (Generator::*)()> &Generator::layer_proposals() {
    static const std::vector<bool (Generator::*)()> proposals = {
        &Generator::propose_conv_transpose,
        &Generator::propose_conv_transpose,
        &Generator::propose_instance_or_group_norm,
        &Generator::propose_layer_norm,
        &Generator::propose_response_norm,
        &Generator::propose_normalize,
        &Generator::propose_matmul,
        &Generator::propose_attention,
        &Generator::propose_adaptive_pool,
        &Generator::propose_adaptive_pool,
        &Generator::propose_prelu,
        &Generator::propose_reduce,
        &Generator::propose_reduce,
        &Generator::propose_reduce_integers,
        &Generator::propose_position,
        &Generator::propose_top_k,
    };
    return proposals;
}

bool Generator::propose_conv_transpose() {
    const NodeId x = value();
    if (!is_spatial(x)) {
        return false;
    }
    ConvTranspose c;
    c.groups = random_.chance(25) ? random_.between(2, 4) : random_.chance(15) ? shape(x)[1] : 1;
    c.out_channels = c.groups == 1 ? channels() : c.groups * random_.between(1, 3);
    c.kernel = dims(1, 4);
    c.stride = dims(1, random_.chance(40) ? 1 : 3);
    c.dilation = dims(1, random_.chance(80) ? 1 : 2);
    c.pad_lo = dims(0, 2);
    c.pad_hi = random_.chance(70) ? c.pad_lo : dims(0, 2);
    c.output_padding = dims(0, random_.chance(60) ? 0 : 2);
    c.bias = random_.chance(60);
    return add(c, {x});
}

// --- Normalisations ------------------------------------------------------------------------------
// With an eps that keeps them from blowing up the rounding errors of values that are all alike.

bool Generator::propose_instance_or_group_norm() {
    const NodeId x = value();
    const double eps = random_.pick<double>({0.1, 0.5});
    if (random_.chance(40)) {
        return add(InstanceNorm{eps, random_.chance(50)}, {x});
    }
    return add(GroupNorm{random_.between(1, 4), eps, random_.chance(70)}, {x});
}

bool Generator::propose_layer_norm() {
    const NodeId x = value();
    LayerNorm norm;
    norm.dims = random_.between(1, std::min<int64_t>(3, int64_t(shape(x).size())));
    norm.eps = random_.pick<double>({0.1, 0.5});
    norm.affine = random_.chance(70);
    norm.bias = norm.affine && random_.chance(80);
    return add(norm, {x});
}

bool Generator::propose_response_norm() {
    LocalResponseNorm norm;
    norm.size = random_.between(1, 6);
    norm.alpha = random_.pick<double>({1e-4, 0.5, 2});
    norm.beta = random_.pick<double>({0.75, 0.5, 1});
    norm.k = random_.pick<double>({1, 2});
    return add(norm, {value()});
}

bool Generator::propose_normalize() {
    const NodeId x = value();
    const int64_t count =
        random_.chance(40) || shape(x).size() < 2 ? 1 : std::max<int64_t>(shape(x)[1], 1);
    Normalize n;
    for (int64_t i = 0; i < count; ++i) {
        n.mean.push_back(double(random_.between(-10, 10)) / 10);
        n.std.push_back(double(random_.between(5, 20)) / 10);
    }
    return add(n, {x});
}

// --- Matrix products -----------------------------------------------------------------------------

// With a learned matrix, or any two values that fit.
bool Generator::propose_matmul() {
    const NodeId x = value();
    if (shape(x).size() < 2) {
        return false;
    }
    const NodeId other = any([&](NodeId id) {
        const Shape &s = shape(id);
        return is_moderate(id) && s.size() >= 2 && s[s.size() - 2] == shape(x).back();
    });
    if (other != none && random_.chance(60)) {
        return add(MatMul{}, {x, other});
    }
    Shape matrix = {shape(x).back(), channels()};
    if (random_.chance(30)) {
        matrix.insert(matrix.begin(), shape(x).size() > 2 ? shape(x)[shape(x).size() - 3] : 2);
    }
    return add(MatMul{}, {x, put(Parameter{matrix}, {})});
}

// softmax(x x^T / 4) x, as attention is made of.
bool Generator::propose_attention() {
    const NodeId x = value();
    const int64_t rank = int64_t(shape(x).size());
    if (rank < 2 || shape(x)[size_t(rank) - 2] > 40) {
        return false;
    }
    std::vector<int64_t> swapped(static_cast<size_t>(rank));
    std::iota(swapped.begin(), swapped.end(), 0);
    std::swap(swapped[size_t(rank) - 1], swapped[size_t(rank) - 2]);
    const NodeId scores = put(MatMul{}, {x, put(Permute{swapped}, {x})});
    const NodeId scaled = put(Binary{BinaryKind::mul}, {scores, scalar(x, 0.25)});
    const NodeId weights = put(Softmax{rank - 1, false}, {scaled});
    return add(MatMul{}, {weights, x});
}

// --- Pools, prelu --------------------------------------------------------------------------------

bool Generator::propose_adaptive_pool() {
    const NodeId x = value();
    switch (random_.between(0, 2)) {
    case 0:
        return add(AdaptiveAvgPool{dims(1, 5)}, {x});
    case 1:
        return add(AdaptiveMaxPool{dims(1, 5)}, {x});
    default:
        return random_.chance(50) && add(GlobalMaxPool{}, {x});
    }
}

bool Generator::propose_prelu() {
    const NodeId x = value();
    if (random_.chance(60) && shape(x).size() > 1) {
        return add(PRelu{random_.chance(30) ? 1 : shape(x)[1]}, {x});
    }
    return add(Binary{BinaryKind::prelu}, {x, partner(x, false)});
}

// --- Over whole dimensions -----------------------------------------------------------------------

bool Generator::propose_reduce() {
    const NodeId x = value();
    Reduce r;
    r.kind = ReduceKind(random_.between(0, int64_t(ReduceKind::log_sum_exp)));
    r.keepdim = random_.chance(50);
    if (r.kind == ReduceKind::prod) { // of few numbers near 1, or it is 0
        r.dims = {dim_of(x)};
        const NodeId near_one = put(Unary{UnaryKind::cos}, {bounded(x)});
        return shape(x)[size_t(r.dims[0])] <= 32 && put(r, {near_one}, {false, 1}) != none;
    }
    for (int64_t d = 0; d < int64_t(shape(x).size()); ++d) {
        if (random_.chance(40)) {
            r.dims.push_back(d);
        }
    }
    return !r.dims.empty() && add(r, {x});
}

bool Generator::propose_reduce_integers() {
    const NodeId x = any_exact(random_.chance(50) ? DType::i32 : DType::i64);
    if (x == none) {
        return false;
    }
    Reduce r;
    r.kind = random_.pick<ReduceKind>(
        {ReduceKind::sum, ReduceKind::amax, ReduceKind::amin, ReduceKind::sum_square});
    r.dims = {dim_of(x)};
    r.keepdim = random_.chance(60);
    const double count = double(shape(x)[size_t(r.dims[0])]);
    const bool picks = r.kind == ReduceKind::amax || r.kind == ReduceKind::amin;
    const double term = r.kind == ReduceKind::sum_square ? bound(x) * bound(x) : bound(x);
    const Facts facts = {true, picks ? bound(x) : term * count};
    return facts.bound < 1e9 && put(r, {x}, facts) != none;
}

bool Generator::propose_position() {
    const NodeId x = any_exact(DType::f32);
    if (x == none) {
        return false;
    }
    return add(ArgReduce{random_.chance(60), dim_of(x), random_.chance(50)}, {x});
}

// The greatest of anything; their positions of exact values.
bool Generator::propose_top_k() {
    const bool indices = random_.chance(40);
    const NodeId x = indices ? any_exact(DType::f32) : value();
    if (x == none) {
        return false;
    }
    const int64_t dim = dim_of(x);
    const int64_t k = random_.between(1, std::min<int64_t>(shape(x)[size_t(dim)], 6));
    return add(TopK{k, dim, random_.chance(70), indices}, {x});
}

} // namespace cnnc
