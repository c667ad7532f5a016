// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Proposals of the classic operators: convolutions, pooling, activations, sums, flatten.
#include "compiler/graph/weights.h"
#include "tests/random/generator.h"

#include <algorithm>
#include <limits>

namespace cnnc {

const std::vector<bool (Generator::*)()> &Generator::classic_proposals() {
    static const std::vector<bool (Generator::*)()> proposals = {
        &Generator::propose_conv,       &Generator::propose_conv,
        &Generator::propose_conv,       &Generator::propose_depthwise,
        &Generator::propose_batch_norm, &Generator::propose_batch_norm,
        &Generator::propose_max_pool,   &Generator::propose_avg_pool,
        &Generator::propose_unary,      &Generator::propose_unary,
        &Generator::propose_unary,      &Generator::propose_binary,
        &Generator::propose_binary,     &Generator::propose_scalar,
        &Generator::propose_parameter,  &Generator::propose_concat,
        &Generator::propose_concat,     &Generator::propose_softmax,
        &Generator::propose_global,     &Generator::propose_flatten,
        &Generator::propose_reshape,    &Generator::propose_linear,
        &Generator::propose_shared,
    };
    return proposals;
}

bool Generator::propose_conv() {
    const NodeId x = value();
    if (!is_spatial(x)) {
        return false;
    }
    Conv c;
    c.groups = random_.chance(25) ? random_.between(2, 4) : 1;
    c.out_channels = channels();
    c.kernel = dims(1, random_.chance(80) ? 3 : 5);
    c.stride = dims(1, random_.chance(70) ? 1 : 3);
    c.dilation = dims(1, random_.chance(80) ? 1 : 2);
    c.pad_lo = dims(0, 2);
    c.pad_hi = random_.chance(70) ? c.pad_lo : dims(0, 2);
    c.bias = random_.chance(60);
    return add(c, {x});
}

bool Generator::propose_depthwise() {
    const NodeId x = value();
    if (!is_spatial(x)) {
        return false;
    }
    Conv c = conv(rank_, shape(x)[1] * random_.between(1, 2), random_.pick<int64_t>({2, 3, 5}),
                  random_.between(1, 2), random_.between(0, 2), shape(x)[1], random_.chance(50));
    return add(c, {x});
}

bool Generator::propose_batch_norm() {
    return add(BatchNorm{random_.pick<double>({1e-5, 1e-3}), random_.chance(80)}, {value()});
}

bool Generator::propose_max_pool() {
    MaxPool p;
    p.kernel = dims(1, 4);
    p.stride = dims(1, 3);
    p.dilation = dims(1, random_.chance(70) ? 1 : 2);
    // With dilation, a window could see nothing but padding.
    const bool dilated = std::count(p.dilation.begin(), p.dilation.end(), 1) != rank_;
    p.pad_lo = dims(0, dilated ? 0 : 1);
    p.pad_hi = random_.chance(70) || dilated ? p.pad_lo : dims(0, 1);
    p.ceil_mode = random_.chance(40);
    return add(p, {value()});
}

bool Generator::propose_avg_pool() {
    AvgPool p;
    p.kernel = dims(1, 4);
    p.stride = dims(1, 3);
    p.pad_lo = dims(0, 1);
    p.pad_hi = random_.chance(70) ? p.pad_lo : dims(0, 1);
    p.ceil_mode = random_.chance(40);
    p.count_include_pad = random_.chance(60);
    return add(p, {value()});
}

bool Generator::propose_unary() {
    const auto last = int64_t(UnaryKind::hard_swish);
    Unary u = {UnaryKind(random_.between(0, last))};
    if (u.kind == UnaryKind::clamp) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        u.a = random_.chance(30) ? -infinity : -0.75;
        u.b = random_.chance(30) && u.a != -infinity ? infinity : 1.5;
    } else if (u.kind == UnaryKind::leaky_relu) {
        u.a = random_.pick<double>({0.01, 0.2});
    } else if (u.kind == UnaryKind::dropout) {
        u.a = 0.5;
    }
    return add(u, {value()});
}

Binary Generator::binary_kind() {
    return {BinaryKind(random_.between(0, int64_t(BinaryKind::mul)))};
}

// With equal shapes, or broadcasting, whichever the other value happens to allow.
bool Generator::propose_binary() {
    const NodeId a = value(), b = NodeId(random_.between(0, int64_t(graph().nodes.size()) - 1));
    return is_moderate(b) && add(binary_kind(), {a, b});
}

bool Generator::propose_scalar() {
    const NodeId x = value();
    const NodeId c = scalar(x, random_.pick<double>({0.5, -1.25, 2, 3e-3, 0.1}));
    return random_.chance(50) ? add(binary_kind(), {x, c}) : add(binary_kind(), {c, x});
}

// A factor or summand per channel, or per element of the last dimensions.
bool Generator::propose_parameter() {
    const NodeId x = value();
    Shape p = shape(x);
    const int64_t cut = random_.between(0, int64_t(p.size()) - 1);
    p.erase(p.begin(), p.begin() + cut);
    for (int64_t &extent : p) {
        extent = random_.chance(50) ? 1 : extent;
    }
    const NodeId parameter = put(Parameter{p}, {});
    return parameter != none && add(binary_kind(), {x, parameter});
}

bool Generator::propose_concat() {
    const NodeId a = value();
    const int64_t dim = random_.chance(80) ? 1 : random_.between(0, int64_t(shape(a).size()) - 1);
    std::vector<NodeId> operands = {a};
    const auto fits = [&](NodeId id) {
        Shape other = shape(id);
        if (other.size() != shape(a).size() || dim >= int64_t(other.size())) {
            return false;
        }
        other[size_t(dim)] = shape(a)[size_t(dim)];
        return other == shape(a);
    };
    for (NodeId id = 0; id < NodeId(graph().nodes.size()) && operands.size() < 4; ++id) {
        if (is_moderate(id) && fits(id) && random_.chance(50)) {
            operands.push_back(id);
        }
    }
    std::rotate(operands.begin(),
                operands.begin() + random_.between(0, int64_t(operands.size()) - 1),
                operands.end());
    return operands.size() >= 2 && add(Concat{dim}, operands);
}

bool Generator::propose_softmax() {
    const NodeId x = value();
    return add(Softmax{random_.between(0, int64_t(shape(x).size()) - 1)}, {x});
}

bool Generator::propose_global() {
    return random_.chance(40) && add(GlobalAvgPool{}, {value()});
}

bool Generator::propose_flatten() {
    const NodeId x = value();
    const int64_t last = int64_t(shape(x).size()) - 1;
    const int64_t start = random_.chance(80) ? std::min<int64_t>(1, last) : 0;
    return random_.chance(50) &&
           add(Flatten{start, random_.chance(80) ? last : random_.between(start, last)}, {x});
}

// Moves a factor of 2 or 3 from one dimension to its neighbour, or gives the last dimension
// a neighbour of 1.
bool Generator::propose_reshape() {
    const NodeId x = value();
    Shape to = shape(x);
    const int64_t factor = random_.between(1, 3);
    const size_t from = size_t(random_.between(0, int64_t(to.size()) - 1));
    if (to[from] % factor != 0) {
        return false;
    }
    to[from] /= factor;
    if (from + 1 < to.size()) {
        to[from + 1] *= factor;
    } else {
        to.push_back(factor);
    }
    return to.size() <= 5 && add(Reshape{to}, {x});
}

bool Generator::propose_linear() {
    const NodeId x = value();
    return shape(x).size() <= 3 && add(Linear{channels(), random_.chance(70)}, {x});
}

// A layer once more, on another value of the same type.
bool Generator::propose_shared() {
    const NodeId like = value();
    const Node &node = graph()[like];
    if (!options_.shared_weights || node.params.empty() || node.inputs.empty()) {
        return false;
    }
    // Weights that suit small values would make much of large ones.
    const std::vector<Moments> moments = estimate_moments(graph());
    const double most = 100 * moments[size_t(node.inputs[0])].second();
    std::vector<NodeId> candidates;
    for (NodeId id = 0; id < NodeId(graph().nodes.size()); ++id) {
        if (is_moderate(id) && type(id) == type(node.inputs[0]) && id != node.inputs[0] &&
            moments[size_t(id)].second() < most) {
            candidates.push_back(id);
        }
    }
    if (candidates.empty()) {
        return false;
    }
    const NodeId operand = random_.pick(candidates);
    build_.add_shared(like, {operand}, name(node.op, {operand}));
    facts_.push_back({});
    return true;
}

} // namespace cnnc
