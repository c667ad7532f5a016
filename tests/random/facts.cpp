// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which values f32 arithmetic computes exactly, and how large they are.
#include "tests/random/generator.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

bool is_power_of_two(double x) {
    int exponent = 0;
    return std::abs(std::frexp(x, &exponent)) == 0.5;
}

bool keeps_exact(UnaryKind kind) {
    switch (kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
    case UnaryKind::relu:
    case UnaryKind::relu6:
    case UnaryKind::clamp:
    case UnaryKind::hard_shrink:
    case UnaryKind::threshold:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::round:
    case UnaryKind::logical_not:
    case UnaryKind::is_nan:
        return true;
    default:
        return false;
    }
}

} // namespace

Generator::Facts Generator::facts_of(const Unary &op, NodeId x) const {
    if (!keeps_exact(op.kind)) {
        return {};
    }
    const double own = std::isfinite(op.a) && std::isfinite(op.b)
                           ? std::max(std::abs(op.a), std::abs(op.b))
                           : 2; // of clamp, threshold
    return {is_exact(x), is_exact(x) ? std::max({bound(x), own, 1.0}) : bound(x)};
}

Generator::Facts Generator::facts_of(const Binary &op, NodeId a, NodeId b) const {
    const bool exact = is_exact(a) && is_exact(b);
    const bool integers = type(a).dtype != DType::f32;
    const auto scales = [&](NodeId id) {
        const Constant *c = std::get_if<Constant>(&graph()[id].op);
        return c && c->is_scalar() && is_power_of_two(c->value());
    };
    switch (op.kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
        return {exact && integers, integers ? bound(a) + bound(b) : 0};
    case BinaryKind::mul: {
        const bool stays = exact && (integers || scales(a) || scales(b));
        return {stays, stays ? bound(a) * bound(b) : 0};
    }
    case BinaryKind::remainder: // -1e-9 gives nearly the divisor
        return {exact && integers, exact ? std::max(bound(a), bound(b)) : 0};
    case BinaryKind::maximum:
    case BinaryKind::minimum:
    case BinaryKind::fmod:
        return {exact, exact ? std::max(bound(a), bound(b)) : 0};
    case BinaryKind::div:
    case BinaryKind::pow:
    case BinaryKind::prelu:
        return {};
    default: // bools
        return {exact, 1};
    }
}

Generator::Facts Generator::facts_of_cast(DType to, NodeId x) const {
    const auto narrow = [&](double bound_of_type) {
        return Facts{is_exact(x), std::min(bound(x), bound_of_type)};
    };
    switch (to) {
    case DType::boolean:
        return narrow(1);
    case DType::u8: // a small negative integer becomes a large one
        return {is_exact(x), 255};
    case DType::i8:
        return narrow(128);
    default:
        return narrow(bound(x));
    }
}

Generator::Facts Generator::facts_of(const Op &op, const std::vector<NodeId> &operands) const {
    // What moves elements, or takes the greatest, gives what it was given.
    Facts same = {true, 0};
    bool unknown = false;
    for (NodeId operand : operands) {
        same.exact = same.exact && is_exact(operand);
        same.bound = std::max(same.bound, bound(operand));
        unknown = unknown || bound(operand) == 0;
    }
    if (unknown && same.bound <= moderate_bound) {
        same.bound = 0;
    }
    // Means and blends are not exact, but no larger.
    const Facts blended = {false, same.bound > moderate_bound ? same.bound : 0};
    return match(
        op, [&](const Unary &u) { return facts_of(u, operands[0]); },
        [&](const Binary &b) { return facts_of(b, operands[0], operands[1]); },
        [&](const Cast &c) { return facts_of_cast(c.dtype, operands[0]); },
        [&](const Parameter &) {
            return Facts{true, 4};
        },
        [&](const Concat &) { return same; }, [&](const Where &) { return same; },
        [&](const Slice &) { return same; },
        [&](const Pad &p) {
            return Facts{same.exact, same.bound == 0 ? 0 : std::max(same.bound, std::abs(p.value))};
        },
        [&](const Permute &) { return same; }, [&](const Flatten &) { return same; },
        [&](const Reshape &) { return same; }, [&](const Expand &) { return same; },
        [&](const Tile &) { return same; }, [&](const IndexSelect &) { return same; },
        [&](const PixelShuffle &) { return same; }, [&](const PixelUnshuffle &) { return same; },
        [&](const ChannelShuffle &) { return same; }, [&](const MaxPool &) { return same; },
        [&](const GlobalMaxPool &) { return same; }, [&](const AdaptiveMaxPool &) { return same; },
        [&](const ArgReduce &a) {
            return Facts{same.exact, double(shape(operands[0])[size_t(a.dim)])};
        },
        [&](const TopK &t) {
            return t.indices ? Facts{same.exact, double(shape(operands[0])[size_t(t.dim)])} : same;
        },
        [&](const Reduce &r) {
            const bool picks = r.kind == ReduceKind::amax || r.kind == ReduceKind::amin;
            return picks ? same : blended;
        },
        [&](const Resize &r) { return r.mode == ResizeMode::nearest ? same : blended; },
        [&](const Sample &s) {
            const double own = bound(operands[0]); // the tables' numbers are no values
            return s.kind == SampleKind::weighted_sum
                       ? Facts{false, own > moderate_bound ? own : 0}
                       : Facts{is_exact(operands[0]), own == 0 ? 0 : std::max(own, s.fill)};
        },
        [&](const auto &) { return blended; });
}

} // namespace cnnc
