// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operators' table agrees with itself and with what it makes; values and their text.
#include "compiler/graph/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

using namespace cnnc;

namespace {

// Something for every kind of argument; 2 suits all of them, two spatial dimensions or not.
Value sample(ArgKind kind) {
    return kind == ArgKind::shape ? Value{ValueList{{int64_t(2)}, {int64_t(6)}}}
                                  : Value{int64_t(2)};
}

ArgValues default_values(const OpSpec &spec) {
    ArgValues values;
    for (const ArgSpec &arg : spec.args) {
        values.push_back(arg.required() ? std::optional<Value>(sample(arg.kind)) : arg.fallback);
    }
    return values;
}

std::vector<TensorType> operands_for(const OpSpec &spec) {
    const char rank = spec.name[spec.name.size() - 2];
    Shape shape = {1, 4, 3, 1, 1};
    shape.resize(spec.name.back() != 'd' || rank == '2' ? 4 : rank == '1' ? 3 : 5);
    return std::vector<TensorType>(size_t(spec.min_operands), {DType::f32, shape});
}

TEST(Registry, RowsMakeTheOperatorOfTheirNameAndArguments) {
    for (const OpSpec &spec : op_specs()) {
        SCOPED_TRACE(spec.name);
        EXPECT_EQ(find_op(spec.name), &spec);
        EXPECT_FALSE(spec.doc.empty());
        ArgValues values = default_values(spec);
        if (spec.name == "clamp") {
            values = {Value{1.5}, Value{int64_t(2)}};
        }
        Diagnostics diags;
        const auto operands = operands_for(spec);
        const std::optional<Op> op = spec.make(values, operands, {}, diags);
        ASSERT_TRUE(op) << diags.all()[0].message;
        EXPECT_EQ(op_name(*op, operands), spec.name);
        const auto arguments = op_arguments(*op);
        ASSERT_EQ(arguments.size(), spec.args.size());
        for (size_t i = 0; i < arguments.size(); ++i) {
            EXPECT_EQ(arguments[i].first, spec.args[i].name);
            EXPECT_TRUE(has_kind(arguments[i].second, spec.args[i].kind));
            EXPECT_FALSE(spec.args[i].doc.empty());
        }
        // What is printed makes the same operator again.
        ArgValues printed;
        for (const auto &[name, value] : arguments) {
            printed.emplace_back(value);
        }
        const std::optional<Op> again = spec.make(printed, operands, {}, diags);
        ASSERT_TRUE(again);
        EXPECT_EQ(argument_texts(*again), argument_texts(*op));
    }
}

TEST(Registry, DefaultsHaveTheirKinds) {
    std::set<std::string_view> names;
    for (const OpSpec &spec : op_specs()) {
        EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
        for (const ArgSpec &arg : spec.args) {
            EXPECT_TRUE(!arg.fallback || has_kind(*arg.fallback, arg.kind))
                << spec.name << " " << arg.name;
        }
    }
}

TEST(Registry, FindsNothingElse) {
    EXPECT_EQ(find_op("conv4d"), nullptr);
    EXPECT_EQ(find_op(""), nullptr);
    EXPECT_EQ(find_op("input"), nullptr);
}

TEST(Registry, ArgumentsDependingOnOthers) {
    const OpSpec &pool = *find_op("max_pool2d");
    EXPECT_TRUE(pool.args[0].required());
    EXPECT_FALSE(pool.args[1].required());
    EXPECT_FALSE(pool.args[1].fallback);
    Diagnostics diags;
    ArgValues values = default_values(pool);
    values[0] = Value{ValueList{{int64_t(3)}, {int64_t(2)}}};
    const auto op = pool.make(values, {{DType::f32, {1, 1, 9, 9}}}, {}, diags);
    EXPECT_EQ(std::get<MaxPool>(*op).stride, (std::vector<int64_t>{3, 2}));
}

TEST(Values, PrintAsTheLanguageWritesThem) {
    const ValueList nested = {{ValueList{{int64_t(1)}, {int64_t(-2)}}}, {0.5}, {true}};
    EXPECT_EQ(value_text({nested}), "[[1, -2], 0.5, true]");
    EXPECT_EQ(value_text({std::string("same")}), "same");
    EXPECT_EQ(value_text({ValueList{}}), "[]");
    EXPECT_EQ(number_text(1e-5), "1e-05");
    EXPECT_EQ(number_text(2), "2.0");
    EXPECT_EQ(number_text(-3), "-3.0");
    EXPECT_EQ(number_text(0.1), "0.1");
    EXPECT_EQ(number_text(1.0 / 3), "0.3333333333333333");
    EXPECT_EQ(number_text(1e300), "1e+300");
    EXPECT_EQ(number_text(-0.0), "-0.0");
}

TEST(Values, HaveKinds) {
    const Value i = {int64_t(1)}, d = {1.0}, b = {true}, s = {std::string("same")};
    const Value list = {ValueList{i, i}}, pairs = {ValueList{list, i}}, mixed = {ValueList{i, d}};
    const struct {
        ArgKind kind;
        std::vector<Value> yes, no;
    } kinds[] = {
        {ArgKind::integer, {i}, {d, b, s, list}},
        {ArgKind::number, {i, d}, {b, s, list}},
        {ArgKind::boolean, {b}, {i, d, s, list}},
        {ArgKind::dims, {i, list}, {d, b, s, pairs, mixed}},
        {ArgKind::padding, {i, list, pairs, s}, {d, b, mixed}},
        {ArgKind::shape, {list}, {i, d, b, s, pairs, mixed}},
    };
    for (const auto &[kind, yes, no] : kinds) {
        for (const Value &value : yes) {
            EXPECT_TRUE(has_kind(value, kind)) << kind_text(kind) << " " << value_text(value);
        }
        for (const Value &value : no) {
            EXPECT_FALSE(has_kind(value, kind)) << kind_text(kind) << " " << value_text(value);
        }
    }
    EXPECT_EQ(value_kind(i), "an integer");
    EXPECT_EQ(value_kind(list), "a list");
}

TEST(Unary, OfSpecialNumbers) {
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(apply({UnaryKind::sigmoid}, -1000), 0);
    EXPECT_EQ(apply({UnaryKind::sigmoid}, 1000), 1);
    EXPECT_EQ(apply({UnaryKind::silu}, -1000), 0);
    EXPECT_EQ(apply({UnaryKind::clamp, -infinity, 2}, -1e9), -1e9);
    EXPECT_TRUE(std::isnan(apply({UnaryKind::relu}, std::nan(""))));
}

} // namespace
