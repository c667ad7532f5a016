// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Proposals of what works element by element, and of changes of the element type.
#include "tests/random/generator.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cnnc {

const std::vector<bool (Generator::*)()> &Generator::elementwise_proposals() {
    static const std::vector<bool (Generator::*)()> proposals = {
        &Generator::propose_smooth,
        &Generator::propose_smooth,
        &Generator::propose_smooth,
        &Generator::propose_smooth,
        &Generator::propose_tame,
        &Generator::propose_tame,
        &Generator::propose_tame,
        &Generator::propose_power,
        &Generator::propose_rounding,
        &Generator::propose_rounding,
        &Generator::propose_extremes,
        &Generator::propose_remainder,
        &Generator::propose_comparison,
        &Generator::propose_comparison,
        &Generator::propose_decision,
        &Generator::propose_logic,
        &Generator::propose_where,
        &Generator::propose_where,
        &Generator::propose_cast,
        &Generator::propose_cast,
        &Generator::propose_from_integer,
        &Generator::propose_from_integer,
        &Generator::propose_integer_arithmetic,
        &Generator::propose_tensor_constant,
    };
    return proposals;
}

const std::vector<bool (Generator::*)()> &Generator::typed_proposals() {
    static const std::vector<bool (Generator::*)()> proposals = {
        &Generator::propose_integer_arithmetic,
        &Generator::propose_integer_arithmetic,
        &Generator::propose_integer_arithmetic,
        &Generator::propose_reduce_integers,
        &Generator::propose_position,
        &Generator::propose_top_k,
        &Generator::propose_remainder,
        &Generator::propose_comparison,
        &Generator::propose_decision,
        &Generator::propose_logic,
        &Generator::propose_where,
        &Generator::propose_where,
        &Generator::propose_cast,
        &Generator::propose_from_integer,
        &Generator::propose_slice,
        &Generator::propose_pad,
        &Generator::propose_permute,
        &Generator::propose_expand,
        &Generator::propose_image,
    };
    return proposals;
}

// --- Values of a certain kind made of any --------------------------------------------------------

// Between -1.5 and 1.5.
NodeId Generator::bounded(NodeId x) {
    switch (random_.between(0, 3)) {
    case 0:
        return put(Unary{UnaryKind::tanh}, {x});
    case 1:
        return put(Unary{UnaryKind::sigmoid}, {x});
    case 2:
        return put(Unary{UnaryKind::softsign}, {x});
    default:
        return put(Unary{UnaryKind::clamp, -1.5, 1}, {x});
    }
}

// At least 0.2.
NodeId Generator::positive(NodeId x) {
    switch (random_.between(0, 2)) {
    case 0:
        return put(Unary{UnaryKind::exp}, {bounded(x)});
    case 1:
        x = put(Unary{UnaryKind::abs}, {x});
        break;
    default:
        x = put(Unary{UnaryKind::softplus, 1, 20}, {x});
        break;
    }
    return x == none ? none : put(Binary{BinaryKind::add}, {x, scalar(x, 0.5)});
}

// Between 2 and 4 or -4 and -2, by channel: the sign of computed numbers that rounding cannot
// change.
NodeId Generator::apart(NodeId x) {
    Shape per_channel(shape(x).size(), 1);
    const size_t dim = shape(x).size() > 1 ? 1 : 0;
    per_channel[dim] = shape(x)[dim];
    std::vector<double> distance;
    for (int64_t i = 0; i < element_count(per_channel); ++i) {
        distance.push_back(random_.chance(50) ? 3 : -3);
    }
    const NodeId c = constant(Constant{{DType::f32, per_channel}, distance});
    return put(Binary{BinaryKind::add}, {put(Unary{UnaryKind::tanh}, {x}), c});
}

// Pixels or integers as floats of moderate size, by a power of two.
NodeId Generator::scaled_to_moderate(NodeId x) {
    const NodeId floats = type(x).dtype == DType::f32 ? x : put(Cast{DType::f32}, {x});
    if (floats == none || bound(floats) <= 4) {
        return floats;
    }
    const double scale = std::ldexp(1.0, -int(std::ceil(std::log2(bound(floats) / 4))));
    return put(Binary{BinaryKind::mul}, {floats, scalar(floats, scale)});
}

// A second operand that broadcasts to x: a learned one per channel or per element of the last
// dimensions, or another value of its shape.
NodeId Generator::partner(NodeId x, bool exact) {
    const NodeId other = any([&](NodeId id) {
        return id != x && is_moderate(id) && shape(id) == shape(x) && (is_exact(id) || !exact);
    });
    if (other != none && random_.chance(60)) {
        return other;
    }
    Shape p = shape(x);
    p.erase(p.begin(), p.begin() + dim_of(x));
    for (int64_t &extent : p) {
        extent = random_.chance(50) ? 1 : extent;
    }
    return put(Parameter{p}, {});
}

// --- Functions -----------------------------------------------------------------------------------

// Those that are tame everywhere.
bool Generator::propose_smooth() {
    const std::vector<Unary> functions = {
        {UnaryKind::elu, random_.pick<double>({1, 0.5})},
        {UnaryKind::selu, 1.6732632423543772, 1.0507009873554805},
        {UnaryKind::celu, random_.pick<double>({1, 2})},
        {UnaryKind::gelu},
        {UnaryKind::gelu_tanh},
        {UnaryKind::mish},
        {UnaryKind::softplus, random_.pick<double>({1, 2}), 20},
        {UnaryKind::softsign},
        {UnaryKind::hard_sigmoid, random_.pick<double>({1.0 / 6, 0.2}), 0.5},
        {UnaryKind::log_sigmoid},
        {UnaryKind::soft_shrink, 0.5},
        {UnaryKind::erf},
        {UnaryKind::abs},
        {UnaryKind::neg},
    };
    return add(random_.pick(functions), {value()});
}

// Those that are only where their operand is bounded or positive.
bool Generator::propose_tame() {
    const NodeId x = value();
    switch (random_.between(0, 7)) {
    case 0:
        return add(Unary{UnaryKind::exp}, {bounded(x)});
    case 1:
        return add(Unary{UnaryKind::sin}, {bounded(x)});
    case 2:
        return add(Unary{UnaryKind::cos}, {bounded(x)});
    case 3:
        return add(Unary{UnaryKind::log}, {positive(x)});
    case 4:
        return add(Unary{UnaryKind::sqrt}, {positive(x)});
    case 5:
        return add(Unary{UnaryKind::rsqrt}, {positive(x)});
    case 6:
        return add(Unary{UnaryKind::reciprocal}, {positive(x)});
    default:
        return random_.chance(50) ? add(Softmax{dim_of(x), true}, {x})
                                  : add(Binary{BinaryKind::div}, {x, positive(value())});
    }
}

// Negative numbers to whole powers too.
bool Generator::propose_power() {
    const NodeId x = value();
    if (random_.chance(40)) {
        const double exponent = random_.pick<double>({2, 3, 1, 0});
        return add(Binary{BinaryKind::pow}, {bounded(x), scalar(x, exponent)});
    }
    const NodeId base = positive(x);
    if (random_.chance(60)) {
        const double exponent = random_.pick<double>({0.5, -1, -0.5, 2, 1.7});
        return add(Binary{BinaryKind::pow}, {base, scalar(x, exponent)});
    }
    return add(Binary{BinaryKind::pow}, {base, bounded(x)});
}

bool Generator::propose_extremes() {
    const NodeId x = value();
    const Binary op = {random_.chance(50) ? BinaryKind::maximum : BinaryKind::minimum};
    return random_.chance(30) ? add(op, {x, scalar(x, 0.25)}) : add(op, {x, partner(x, false)});
}

// --- What decides, on exact values ---------------------------------------------------------------

bool Generator::propose_rounding() {
    NodeId x = any_exact(DType::f32);
    if (x == none) {
        return false;
    }
    if (random_.chance(30)) { // halves, where these are whole numbers
        x = put(Binary{BinaryKind::mul}, {x, scalar(x, random_.pick<double>({0.5, 4}))});
    }
    const std::vector<Unary> functions = {
        {UnaryKind::sign},
        {UnaryKind::floor},
        {UnaryKind::ceil},
        {UnaryKind::round},
        {UnaryKind::hard_shrink, 0.5},
        {UnaryKind::threshold, 0.25, -1},
        {UnaryKind::is_nan},
    };
    return add(random_.pick(functions), {x});
}

bool Generator::propose_remainder() {
    const BinaryKind kind = random_.chance(50) ? BinaryKind::remainder : BinaryKind::fmod;
    const NodeId x = any_exact(random_.pick<DType>({DType::f32, DType::i32, DType::i64}));
    if (x == none) {
        return false;
    }
    const double divisor = type(x).dtype == DType::f32 ? random_.pick<double>({0.5, 2, -1})
                                                       : random_.pick<double>({3, 7, -4});
    return add(Binary{kind}, {x, scalar(x, divisor)});
}

bool Generator::propose_comparison() {
    const NodeId x = any([&](NodeId id) { return is_exact(id) && !shape(id).empty(); });
    const Binary op = {
        BinaryKind(random_.between(int64_t(BinaryKind::eq), int64_t(BinaryKind::ge)))};
    const NodeId other = any([&](NodeId id) {
        return id != x && is_exact(id) && type(id).dtype == type(x).dtype &&
               broadcast(shape(id), shape(x));
    });
    if (other != none && random_.chance(60)) {
        return add(op, {x, other});
    }
    const NodeId number = scalar(x, type(x).dtype == DType::boolean ? 1 : random_.between(0, 2));
    return random_.chance(70) ? add(op, {x, number}) : add(op, {number, x});
}

// A discrete result of computed numbers that stay away from the step.
bool Generator::propose_decision() {
    const NodeId x = apart(value());
    const Facts one = {true, 1};
    switch (random_.between(0, 4)) {
    case 0:
        return put(Unary{UnaryKind::sign}, {x}, one) != none;
    case 1:
        return put(Cast{DType::boolean}, {x}, one) != none;
    case 2:
        return add(Unary{UnaryKind::threshold, 0.5, -2}, {x});
    case 3:
        return add(Unary{UnaryKind::hard_shrink, 1}, {x});
    default:
        return put(Binary{random_.pick<BinaryKind>({BinaryKind::gt, BinaryKind::le})},
                   {x, scalar(x, 0.5)}, one) != none;
    }
}

bool Generator::propose_logic() {
    const NodeId a = any_exact(DType::boolean);
    if (a == none) {
        return false;
    }
    if (random_.chance(30)) {
        return add(Unary{UnaryKind::logical_not}, {a});
    }
    const NodeId b = any([&](NodeId id) {
        return type(id).dtype == DType::boolean && broadcast(shape(id), shape(a));
    });
    return add(Binary{random_.pick<BinaryKind>(
                   {BinaryKind::logical_and, BinaryKind::logical_or, BinaryKind::logical_xor})},
               {a, b});
}

// By a bool that is there, or by how exact values compare with a number.
bool Generator::propose_where() {
    const bool floats = random_.chance(prefers_types_ ? 30 : 70);
    const NodeId a = any(
        [&](NodeId id) { return !shape(id).empty() && (type(id).dtype == DType::f32) == floats; });
    if (a == none) {
        return false;
    }
    const auto fits = [&](NodeId id) { return bool(broadcast(shape(id), shape(a))); };
    NodeId condition = any([&](NodeId id) { return type(id).dtype == DType::boolean && fits(id); });
    if (is_exact(a) && (condition == none || random_.chance(40))) {
        condition = put(Binary{BinaryKind::gt}, {a, scalar(a, 0)});
    }
    if (random_.chance(40)) {
        const NodeId number = scalar(a, type(a).dtype == DType::boolean ? 0 : 2);
        return random_.chance(50) ? add(Where{}, {condition, a, number})
                                  : add(Where{}, {condition, number, a});
    }
    const NodeId b = any([&](NodeId id) { return type(id).dtype == type(a).dtype && fits(id); });
    return add(Where{}, {condition, a, b});
}

// --- Element types -------------------------------------------------------------------------------

bool Generator::propose_cast() {
    NodeId x = any([&](NodeId id) { return is_exact(id) && !shape(id).empty(); });
    const DType to = random_.pick<DType>(
        {DType::f32, DType::i32, DType::i32, DType::i64, DType::u8, DType::i8, DType::boolean});
    if (type(x).dtype == DType::f32 && random_.chance(60)) { // beyond the bounds of u8 and i8
        x = put(Binary{BinaryKind::mul}, {x, scalar(x, random_.pick<double>({8, 256}))});
    }
    return add(Cast{to}, {x});
}

bool Generator::propose_from_integer() {
    const NodeId x = any([&](NodeId id) {
        return !shape(id).empty() && !is_moderate(id) && is_exact(id) && bound(id) < 1e7;
    });
    return x != none && scaled_to_moderate(x) != none;
}

bool Generator::propose_integer_arithmetic() {
    const DType dtype = random_.chance(60) ? DType::i32 : DType::i64;
    NodeId x = any_exact(dtype);
    if (x == none) { // of pixels, perhaps, or of bools
        x = any([&](NodeId id) { return !is_moderate(id) && is_exact(id) && !shape(id).empty(); });
        return x != none && type(x).dtype != dtype && add(Cast{dtype}, {x});
    }
    if (random_.chance(30)) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const std::vector<Unary> functions = {
            {UnaryKind::abs},  {UnaryKind::neg},           {UnaryKind::sign},
            {UnaryKind::relu}, {UnaryKind::clamp, -3, 40}, {UnaryKind::clamp, 2, infinity}};
        return add(random_.pick(functions), {x});
    }
    const NodeId other = any([&](NodeId id) {
        return is_exact(id) && type(id).dtype == type(x).dtype && broadcast(shape(id), shape(x));
    });
    const NodeId y = random_.chance(50) ? scalar(x, random_.pick<double>({3, -2, 100, 7})) : other;
    const Binary op = {random_.pick<BinaryKind>({BinaryKind::add, BinaryKind::sub, BinaryKind::mul,
                                                 BinaryKind::maximum, BinaryKind::minimum})};
    return y != none && facts_of(op, x, y).bound < 1e9 && add(op, {x, y});
}

// Numbers in the text, one per channel or per element of the last dimensions.
bool Generator::propose_tensor_constant() {
    const NodeId x = value();
    Shape s = shape(x);
    s.erase(s.begin(), s.begin() + dim_of(x));
    for (size_t d = 1; d < s.size(); ++d) {
        s[d] = random_.chance(70) ? 1 : s[d];
    }
    if (element_count(s) > 64) {
        return false;
    }
    std::vector<double> values;
    for (int64_t i = 0; i < element_count(s); ++i) {
        values.push_back(double(random_.between(-16, 16)) / 8);
    }
    const NodeId c = constant(Constant{{DType::f32, s}, values});
    return random_.chance(50) ? add(binary_kind(), {x, c}) : add(binary_kind(), {c, x});
}

} // namespace cnnc
