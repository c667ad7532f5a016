// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls with any arguments whatsoever are refused or make sense: no overflow, no crash, a type that
// can exist, and a text that says the same again.
#include "compiler/graph/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace cnnc;

namespace {

class Caller {
  public:
    explicit Caller(uint64_t seed) : random_(seed) {}

    void call(const OpSpec &spec) {
        operands_.clear();
        const int most = spec.max_operands < 0 ? spec.min_operands + 2 : spec.max_operands;
        const int count = spec.min_operands + int(below(uint64_t(most - spec.min_operands + 1)));
        const Shape common = shape();
        for (int i = 0; i < count; ++i) {
            const bool table = spec.name == "sample" && i > 0 && !chance(4);
            operands_.push_back(table ? TensorType{DType::i32, {3, 1}}
                                      : TensorType{dtype(), chance(3) ? shape() : common});
        }
        ArgValues values;
        for (const ArgSpec &arg : spec.args) {
            const bool given = arg.required() || chance(3);
            values.push_back(given ? std::optional<Value>(value(arg)) : arg.fallback);
        }
        Diagnostics diags;
        std::vector<Op> ops;
        if (spec.make_list) {
            ops = spec.make_list(values, operands_, {}, diags).value_or(ops);
        } else if (std::optional<Op> op = spec.make(values, operands_, {}, diags)) {
            ops.push_back(std::move(*op));
        }
        EXPECT_EQ(ops.empty(), diags.has_errors()) << spec.name;
        for (size_t i = 0; i < std::min<size_t>(ops.size(), 3); ++i) {
            check(ops[i]);
        }
    }

    int accepted = 0, refused = 0;

  private:
    uint64_t below(uint64_t n) { return random_() % n; }
    bool chance(uint64_t of) { return below(of) == 0; }

    // Small numbers mostly, so that some calls are legal.
    int64_t integer() {
        constexpr int64_t max = std::numeric_limits<int64_t>::max(), min = -max - 1;
        constexpr int64_t extremes[] = {min,       min + 1,      -max_elements, max,
                                        max - 1,   max_elements, 1 << 30,       (1LL << 31) - 1,
                                        1LL << 31, 1 << 20,      -(1LL << 31),  max_elements - 1};
        return chance(6) ? extremes[below(std::size(extremes))] : int64_t(below(6)) - 1;
    }
    double number() {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const double extremes[] = {infinity, -infinity, std::nan(""), 1e300, -1e300, 5e-324, -0.0};
        return chance(6) ? extremes[below(std::size(extremes))] : double(below(9)) / 4 - 0.5;
    }
    DType dtype() { return chance(4) ? DType(below(uint64_t(DType::boolean) + 1)) : DType::f32; }
    // Of a tensor that may exist.
    Shape shape() {
        constexpr int64_t large[] = {1 << 16, 1 << 20, max_elements, (1LL << 31) + 1};
        Shape result;
        for (uint64_t rank = below(7); rank > 0; --rank) {
            result.push_back(chance(8) ? large[below(std::size(large))] : int64_t(below(6)) + 1);
        }
        return checked_elements(result) ? result : Shape{2, 4, 4, 4};
    }

    template <class Entry>
    Value list(const Entry &entry) {
        ValueList result;
        for (uint64_t i = below(6); i > 0; --i) {
            result.push_back(entry());
        }
        return {result};
    }
    Value integers() {
        return list([&] { return Value{integer()}; });
    }
    Value tensor(int depth) {
        return depth > 0 && chance(2) ? list([&] { return tensor(depth - 1); })
               : chance(3)            ? Value{number()}
                                      : Value{integer()};
    }

    Value value(const ArgSpec &arg) {
        if (chance(40)) {
            return chance(2) ? Value{std::string("nonsense")} : Value{ValueList{{true}, {0.5}}};
        }
        switch (arg.kind) {
        case ArgKind::integer:
            return {integer()};
        case ArgKind::number:
            return {number()};
        case ArgKind::boolean:
            return {chance(2)};
        case ArgKind::dims:
        case ArgKind::integers:
            return chance(2) ? Value{integer()} : integers();
        case ArgKind::padding:
            if (chance(4)) {
                return {std::string(chance(2) ? "same" : "valid")};
            }
            [[fallthrough]];
        case ArgKind::borders:
        case ArgKind::pairs:
            return chance(3) ? Value{integer()} : list([&] {
                return Value{ValueList{{integer()}, {integer()}}};
            });
        case ArgKind::shape:
            return integers();
        case ArgKind::numbers:
            return chance(2) ? Value{number()} : list([&] { return Value{number()}; });
        case ArgKind::choice:
            return {std::string(arg.choices[below(arg.choices.size())])};
        case ArgKind::dtype:
            return {std::string(dtype_name(dtype()))};
        case ArgKind::tensor:
            return tensor(3);
        }
        return {integer()};
    }

    void check(const Op &op) {
        Diagnostics diags;
        const std::optional<TensorType> type = infer_type(op, operands_, {}, diags);
        ASSERT_EQ(type.has_value(), !diags.has_errors());
        refused += !type;
        if (!type) {
            return;
        }
        ++accepted;
        EXPECT_TRUE(check_type(*type, {}, diags)) << type_text(*type);
        EXPECT_TRUE(is_computed(type->dtype));
        for (const ParamSpec &param : param_types(op, operands_)) {
            EXPECT_TRUE(check_type(param.type, {}, diags)) << type_text(param.type);
        }
        expect_same_again(op);
    }

    void expect_same_again(const Op &op) {
        const OpSpec *spec = find_op(op_name(op, operands_));
        ASSERT_TRUE(spec && spec->make);
        ArgValues values;
        for (const ArgSpec &arg : spec->args) {
            values.push_back(arg.fallback);
            for (const auto &[name, value] : op_arguments(op)) {
                values.back() = name == arg.name ? std::optional(value) : values.back();
            }
        }
        Diagnostics diags;
        const std::optional<Op> again = spec->make(values, operands_, {}, diags);
        ASSERT_TRUE(again) << spec->name << ": " << diags.all()[0].message;
        EXPECT_EQ(argument_texts(*again), argument_texts(op));
    }

    std::mt19937_64 random_;
    std::vector<TensorType> operands_;
};

TEST(HostileCalls, AreRefusedOrMakeSense) {
    Caller caller(1);
    for (int round = 0; round < 1500; ++round) {
        for (const OpSpec &spec : op_specs()) {
            ASSERT_NO_FATAL_FAILURE(caller.call(spec)) << spec.name << " " << round;
        }
    }
    EXPECT_GT(caller.accepted, 20000);
    EXPECT_GT(caller.refused, 20000);
}

// Every operator is legal now and then: the test reaches what comes behind the checks.
TEST(HostileCalls, AreAcceptedNowAndThen) {
    for (const OpSpec &spec : op_specs()) {
        Caller caller(2);
        for (int round = 0; round < 40000 && caller.accepted == 0; ++round) {
            caller.call(spec);
        }
        EXPECT_GT(caller.accepted, 0) << spec.name;
    }
}

} // namespace
