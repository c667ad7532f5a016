// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/random_epilogue.h"

#include <limits>

namespace cnnc {
namespace {

using K = UnaryKind;
using B = BinaryKind;

constexpr DType dtypes[] = {DType::f32, DType::u8,  DType::i8,
                            DType::i32, DType::i64, DType::boolean};

bool is_number(DType dtype) {
    return dtype == DType::f32 || dtype == DType::i32 || dtype == DType::i64;
}

// What is known about the value so far.
struct Value {
    DType dtype = DType::f32;
    // With inputs of a few bits each: no rounding so far. `factors`: how often it was multiplied.
    bool exact = true;
    int factors = 0;
    // With any inputs: an element of one, no sum and no product.
    bool pristine = true;
    bool steep = false; // may be very large
};

Value anchor_value(const Workload &w) {
    Value v;
    v.dtype = anchor_dtype(w);
    match(
        w.anchor, [&](const Conv &) { v.pristine = false; },
        [&](const Linear &) { v.pristine = false; }, [&](const MatMul &) { v.pristine = false; },
        [&](const AvgPool &) { v.pristine = v.exact = false; },
        [&](const Softmax &) { v.pristine = v.exact = false; },
        [&](const Reduce &r) {
            v.pristine = r.kind == ReduceKind::amax || r.kind == ReduceKind::amin;
            v.exact = r.kind != ReduceKind::mean && r.kind != ReduceKind::prod;
        },
        [&](const Sample &s) { v.pristine = s.kind != SampleKind::weighted_sum; },
        [](const auto &) {});
    if (v.dtype != DType::f32)
        v.exact = v.pristine = true;
    return v;
}

class Generator {
  public:
    Generator(Workload &w, const OperandView &operand, std::mt19937_64 &random)
        : w_(w), operand_(operand), random_(random), v_(anchor_value(w)) {}

    void add_step() {
        const int64_t kind = uniform(0, 9);
        bool added = kind < 3   ? add_unary()
                     : kind < 7 ? add_binary()
                     : kind < 8 ? add_where()
                                : add_cast();
        if (!added)
            w_.epilogue.push_back({Unary{}, {}, 0});
    }
    DType dtype() const { return v_.dtype; }

  private:
    int64_t uniform(int64_t low, int64_t high) {
        return low + int64_t(random_() % uint64_t(high - low + 1));
    }
    bool chance(int percent) { return uniform(1, 100) <= percent; }
    template <class T, size_t n>
    T any(const T (&list)[n]) {
        return list[size_t(uniform(0, int64_t(n) - 1))];
    }

    // Quarters: exact, and small.
    StepOperand scalar() { return {-1, double(uniform(-8, 8)) / 4}; }
    StepOperand whole() { return {-1, double(uniform(-9, 9))}; }
    StepOperand scalar_of(DType dtype) {
        return dtype == DType::f32       ? scalar()
               : dtype == DType::boolean ? StepOperand{-1, double(uniform(0, 1))}
                                         : StepOperand{-1, double(uniform(0, 9))};
    }
    StepOperand input_of(DType dtype) {
        w_.inputs.push_back(operand_(dtype));
        return {int(w_.inputs.size()) - 1, 0};
    }
    StepOperand scalar_or_input(DType dtype) {
        return chance(40) ? scalar_of(dtype) : input_of(dtype);
    }

    bool push(Unary u) {
        w_.epilogue.push_back({u, {}, 0});
        return true;
    }
    bool push(B kind, StepOperand other, int position) {
        w_.epilogue.push_back({Binary{kind}, {other}, position});
        return true;
    }

    // ---- unary ----

    bool add_unary() {
        if (v_.dtype == DType::boolean)
            return push({K::logical_not});
        if (!is_number(v_.dtype))
            return push({K::identity});
        if (v_.dtype == DType::f32 && chance(70))
            return add_activation();
        switch (uniform(0, 5)) {
        case 0:
            return push({K::relu});
        case 1:
            return push({K::abs});
        case 2:
            return push({K::neg});
        case 3:
            return add_clamp();
        case 4: // jumps
            return v_.exact && push({K::sign});
        default:
            return push({K::identity});
        }
    }

    bool add_clamp() {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        bool integer = v_.dtype != DType::f32;
        return push({K::clamp,
                     chance(30) ? -infinity
                     : integer  ? -2
                                : -0.5,
                     chance(30) ? infinity
                     : integer  ? 5
                                : 0.75});
    }

    bool add_activation() {
        if (v_.exact && chance(30))
            return add_jump();
        if (v_.pristine && chance(25))
            return add_steep();
        constexpr Unary tame[] = {{K::relu6},
                                  {K::leaky_relu, 0.01},
                                  {K::leaky_relu, -0.5},
                                  {K::sigmoid},
                                  {K::tanh},
                                  {K::silu},
                                  {K::hard_swish},
                                  {K::elu, 0.7},
                                  {K::selu, 1.67326, 1.0507},
                                  {K::celu, 1.3},
                                  {K::gelu},
                                  {K::gelu_tanh},
                                  {K::mish},
                                  {K::softplus, 1.5, 2},
                                  {K::softsign},
                                  {K::hard_sigmoid, 0.2, 0.5},
                                  {K::log_sigmoid},
                                  {K::soft_shrink, 0.25},
                                  {K::erf},
                                  {K::dropout, 0.5}};
        Unary u = any(tame);
        if (!v_.steep && chance(20))
            u = {chance(50) ? K::sin : K::cos};
        v_.exact &= u.kind == K::relu6 || u.kind == K::soft_shrink || u.kind == K::dropout;
        v_.pristine = false;
        return push(u);
    }

    bool add_jump() {
        constexpr Unary jumps[] = {
            {K::floor}, {K::ceil}, {K::round}, {K::hard_shrink, 0.5}, {K::threshold, 0.25, -1.5},
            {K::is_nan}};
        Unary u = any(jumps);
        v_.pristine = false;
        if (u.kind == K::is_nan)
            v_.dtype = DType::boolean;
        return push(u);
    }

    bool add_steep() {
        constexpr K steep[] = {K::log, K::sqrt, K::rsqrt, K::reciprocal, K::exp};
        v_.exact = v_.pristine = false;
        v_.steep = true;
        return push({any(steep)});
    }

    // ---- binary ----

    bool add_binary() {
        if (chance(20) && v_.exact)
            return add_comparison();
        if (v_.dtype == DType::boolean) {
            constexpr B logical[] = {B::logical_and, B::logical_or, B::logical_xor};
            return push(any(logical), input_of(v_.dtype), int(uniform(0, 1)));
        }
        if (v_.dtype == DType::f32)
            return add_float_binary();
        if (!is_number(v_.dtype))
            return add_comparison();
        constexpr B kinds[] = {B::add,     B::sub,       B::mul, B::maximum,
                               B::minimum, B::remainder, B::fmod};
        return push(any(kinds), chance(30) ? whole() : input_of(v_.dtype), int(uniform(0, 1)));
    }

    bool add_comparison() {
        constexpr B kinds[] = {B::eq, B::ne, B::lt, B::le, B::gt, B::ge};
        DType dtype = v_.dtype;
        v_ = {DType::boolean};
        return push(any(kinds), scalar_or_input(dtype), int(uniform(0, 1)));
    }

    bool add_float_binary() {
        if (v_.pristine && chance(20))
            return add_quotient();
        if (v_.exact && chance(15)) {
            v_.pristine = false;
            return push(chance(50) ? B::remainder : B::fmod, {-1, chance(50) ? 0.75 : -1.25}, 0);
        }
        constexpr B kinds[] = {B::add,     B::add,     B::sub, B::mul,
                               B::maximum, B::minimum, B::div, B::prelu};
        B kind = any(kinds);
        v_.pristine &= kind == B::maximum || kind == B::minimum;
        if (kind == B::mul || kind == B::prelu)
            v_.exact &= ++v_.factors <= 1;
        if (kind == B::div) {
            v_.exact = false;
            return push(kind, {-1, chance(50) ? 3 : -0.7}, 0);
        }
        if (kind == B::prelu) // v stays in front: as a slope it could jump
            return push(kind, chance(30) ? scalar() : input_of(DType::f32), 0);
        if (kind == B::mul && v_.exact && chance(10))
            return push(kind, {-1, 8589934592.0}, int(uniform(0, 1))); // out of integers' range
        return push(kind, chance(30) ? scalar() : input_of(DType::f32), int(uniform(0, 1)));
    }

    bool add_quotient() {
        v_.exact = v_.pristine = false;
        v_.steep = true;
        if (chance(50))
            return push(B::div, chance(30) ? scalar() : input_of(DType::f32), int(uniform(0, 1)));
        constexpr double exponents[] = {2, 3, 0.5, -1, 0.75, -0.5, 4, -3, 1.7};
        return push(B::pow, {-1, any(exponents)}, 0);
    }

    // ---- where and cast ----

    bool add_where() {
        if (v_.dtype != DType::boolean) {
            StepOperand condition = input_of(DType::boolean);
            w_.epilogue.push_back(
                {Where{}, {condition, scalar_or_input(v_.dtype)}, int(uniform(1, 2))});
            return true;
        }
        DType dtype = any(dtypes);
        StepOperand a = dtype == DType::f32 ? scalar_or_input(dtype) : input_of(dtype);
        StepOperand b = scalar_or_input(dtype);
        w_.epilogue.push_back({Where{}, {a, b}, 0});
        v_ = {dtype};
        return true;
    }

    bool add_cast() {
        DType to = any(dtypes);
        if (v_.dtype == DType::f32 && to != DType::f32 && !v_.exact)
            return false;
        w_.epilogue.push_back({Cast{to}, {}, 0});
        bool large = v_.dtype != DType::f32 && v_.dtype != DType::boolean;
        bool changed = to != v_.dtype;
        v_.dtype = to;
        // Integers may be larger than what f32 holds exactly.
        if (changed && to == DType::f32 && large)
            v_.exact = v_.pristine = false;
        return true;
    }

    Workload &w_;
    const OperandView &operand_;
    std::mt19937_64 &random_;
    Value v_;
};

} // namespace

void add_random_epilogue(Workload &w, int64_t steps, const OperandView &operand,
                         std::mt19937_64 &random) {
    Generator generator(w, operand, random);
    for (; steps > 0; --steps)
        generator.add_step();
    w.output.dtype = generator.dtype();
}

} // namespace cnnc
