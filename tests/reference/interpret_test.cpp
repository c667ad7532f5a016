// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The interpreter as a whole, and its convolution against the definition on larger sizes.
#include "compiler/reference/interpret.h"

#include "compiler/graph/weights.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

using namespace cnnc;

namespace {

double at(const TensorData &data, const Shape &index) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i) {
        offset = offset * data.type.shape[i] + index[i];
    }
    return data.floats()[offset];
}

// One element of a 2-D convolution, from the definition in ops.h.
double conv_element(const Conv &c, const TensorData &x, const TensorData &weight, double bias,
                    const Shape &o) {
    const int64_t in_group = x.type.shape[1] / c.groups;
    const int64_t group = o[1] / (c.out_channels / c.groups);
    double sum = bias;
    for (int64_t ci = 0; ci < in_group; ++ci) {
        for (int64_t ky = 0; ky < c.kernel[0]; ++ky) {
            for (int64_t kx = 0; kx < c.kernel[1]; ++kx) {
                const int64_t y = o[2] * c.stride[0] - c.pad_lo[0] + ky * c.dilation[0];
                const int64_t w = o[3] * c.stride[1] - c.pad_lo[1] + kx * c.dilation[1];
                if (y >= 0 && y < x.type.shape[2] && w >= 0 && w < x.type.shape[3]) {
                    sum +=
                        at(weight, {o[1], ci, ky, kx}) * at(x, {o[0], group * in_group + ci, y, w});
                }
            }
        }
    }
    return sum;
}

void check_conv(const Conv &c, const Shape &in) {
    TestGraph build;
    const NodeId x = build.input("x", in);
    build.output("y", build.add(c, {x}, "conv"));
    Graph graph = build.finish();
    random_weights(graph, 3);
    const std::vector<TensorData> inputs = random_inputs(graph, 4);
    const TensorD y = interpret(graph, inputs).at(0);
    size_t i = 0;
    Shape o(4);
    for (o[0] = 0; o[0] < y.shape[0]; ++o[0]) {
        for (o[1] = 0; o[1] < y.shape[1]; ++o[1]) {
            for (o[2] = 0; o[2] < y.shape[2]; ++o[2]) {
                for (o[3] = 0; o[3] < y.shape[3]; ++o[3]) {
                    const double bias = c.bias ? graph.params[1].data.floats()[o[1]] : 0;
                    const double expected =
                        conv_element(c, inputs[0], graph.params[0].data, bias, o);
                    ASSERT_NEAR(y.values[i++], expected, 1e-12 * (1 + std::abs(expected)));
                }
            }
        }
    }
    EXPECT_EQ(i, y.values.size());
}

// Large enough for several threads and for every kind of edge of its tiles.
TEST(Interpret, ConvolutionFollowsItsDefinition) {
    check_conv(conv(2, 19, 3, 1, 1), {2, 17, 15, 14});
    check_conv({24, {3, 5}, {2, 1}, {0, 2}, {3, 1}, {2, 3}, 4, false}, {1, 20, 21, 18});
    check_conv(conv(2, 26, 3, 2, 1, 13), {2, 13, 9, 11});
}

TEST(Interpret, ReturnsOutputsInOrderAndVisitsEveryNode) {
    TestGraph build;
    const NodeId x = build.input("x", {1, 2});
    const NodeId y = build.input("y", {1, 2});
    const NodeId sum = build.add(Binary{BinaryKind::add}, {x, y}, "sum");
    const NodeId unused = build.add(Unary{UnaryKind::relu}, {sum}, "unused");
    const NodeId difference = build.add(Binary{BinaryKind::sub}, {sum, x}, "difference");
    build.output("a", difference);
    build.output("b", x); // an input as it is
    build.output("c", difference);
    const Graph graph = build.finish();
    std::vector<NodeId> visited;
    std::vector<double> unused_values;
    const std::vector<TensorD> results = interpret(
        graph,
        {TensorData::from_floats({1, 2}, {1, 2}), TensorData::from_floats({1, 2}, {-30, 40})},
        [&](NodeId id, const TensorD &value) {
            visited.push_back(id);
            if (id == unused) {
                unused_values = value.values;
            }
        });
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].values, (std::vector<double>{-30, 40}));
    EXPECT_EQ(results[1].values, (std::vector<double>{1, 2}));
    EXPECT_EQ(results[2].values, results[0].values);
    EXPECT_EQ(visited, (std::vector<NodeId>{0, 1, 2, 3, 4}));
    EXPECT_EQ(unused_values, (std::vector<double>{0, 42}));
}

// Accumulation in float would lose the 1.
TEST(Interpret, AccumulatesInDouble) {
    TestGraph build;
    const NodeId x = build.input("x", {1, 3});
    build.output("y", build.add(Linear{1, false}, {x}, "fc"));
    Graph graph = build.finish();
    graph.params[0].data = TensorData::from_floats({1, 3}, {1, 1, 1});
    const auto y = interpret(graph, {TensorData::from_floats({1, 3}, {1e9f, 1, -1e9f})});
    EXPECT_EQ(y[0].values, (std::vector<double>{1}));
}

TEST(Interpret, RoundsConstantsToTheirType) {
    TestGraph build;
    const NodeId x = build.input("x", {1});
    const NodeId tenth = build.constant(0.1);
    build.output("y", build.add(Binary{BinaryKind::mul}, {x, tenth}, "y"));
    const Graph graph = build.finish();
    const auto y = interpret(graph, {TensorData::from_floats({1}, {1})});
    EXPECT_EQ(y[0].values, (std::vector<double>{double(0.1f)}));
}

TEST(Interpret, GivesTheSameBitsEveryTime) {
    for (uint64_t seed : {1, 2, 3}) {
        const Graph graph = random_graph(seed);
        const std::vector<TensorData> inputs = random_inputs(graph, seed);
        const auto a = interpret(graph, inputs), b = interpret(graph, inputs);
        for (size_t i = 0; i < a.size(); ++i) {
            EXPECT_EQ(a[i].values, b[i].values);
        }
    }
}

TEST(Interpret, EvaluatesOneNode) {
    TestGraph build;
    const NodeId x = build.input("x", {2});
    const NodeId y = build.add(Unary{UnaryKind::leaky_relu, 0.5}, {x}, "y");
    const TensorD operand = {{2}, {-4, 4}};
    EXPECT_EQ(interpret_node(build.graph(), y, {&operand}).values, (std::vector<double>{-2, 4}));
}

// --- Layers that run on several threads ----------------------------------------------------------

// Gathering what scatters: element o of the result takes x[i] where i * stride - pad + k * dilation
// is o.
TEST(Interpret, TransposedConvolutionFollowsItsDefinition) {
    const ConvTranspose c = {6, {4, 3}, {3, 2}, {1, 0}, {2, 1}, {1, 0}, {1, 2}, 2, true};
    TestGraph build;
    const NodeId x = build.input("x", {2, 8, 23, 17});
    build.output("y", build.add(c, {x}, "up"));
    Graph graph = build.finish();
    random_weights(graph, 3);
    const std::vector<TensorData> inputs = random_inputs(graph, 4);
    const TensorData &weight = graph.params[0].data;
    const TensorD y = interpret(graph, inputs).at(0);
    size_t at_y = 0;
    for (int64_t n = 0; n < 2; ++n) {
        for (int64_t o = 0; o < 6; ++o) {
            for (int64_t h = 0; h < y.shape[2]; ++h) {
                for (int64_t w = 0; w < y.shape[3]; ++w) {
                    double sum = graph.params[1].data.floats()[o];
                    for (int64_t k = 0; k < 4 * 3 * 4; ++k) {
                        const int64_t in = o / 3 * 4 + k / 12, ky = k / 3 % 4, kx = k % 3;
                        const int64_t up = h + 1 - ky, left = w - 2 * kx;
                        if (up >= 0 && up % 3 == 0 && up / 3 < 23 && left >= 0 && left % 2 == 0 &&
                            left / 2 < 17) {
                            sum += at(weight, {in, o % 3, ky, kx}) *
                                   at(inputs[0], {n, in, up / 3, left / 2});
                        }
                    }
                    ASSERT_NEAR(y.values[at_y++], sum, 1e-12 * (1 + std::abs(sum)));
                }
            }
        }
    }
    EXPECT_EQ(at_y, y.values.size());
}

TEST(Interpret, MultipliesLargeMatrices) {
    TestGraph build;
    const NodeId a = build.input("a", {3, 1, 40, 60}), b = build.input("b", {2, 60, 70});
    build.output("y", build.add(MatMul{}, {a, b}, "y"));
    const Graph graph = build.finish();
    const std::vector<TensorData> inputs = random_inputs(graph, 4);
    const TensorD y = interpret(graph, inputs).at(0);
    ASSERT_EQ(y.shape, (Shape{3, 2, 40, 70}));
    for (size_t i = 0; i < y.values.size(); ++i) {
        const auto n = int64_t(i) % 70, m = int64_t(i) / 70 % 40, batch = int64_t(i) / 2800;
        double sum = 0;
        for (int64_t k = 0; k < 60; ++k) {
            sum += at(inputs[0], {batch / 2, 0, m, k}) * at(inputs[1], {batch % 2, k, n});
        }
        ASSERT_NEAR(y.values[i], sum, 1e-12 * (1 + std::abs(sum)));
    }
}

// --- Element types -------------------------------------------------------------------------------

TEST(TensorData, KeepsEveryTypesNumbers) {
    const std::vector<std::pair<DType, std::vector<double>>> cases = {
        {DType::f32, {0.5, -0x1p100, 0.125}},
        {DType::f64, {0.1, -1e300}},
        {DType::u8, {0, 255}},
        {DType::boolean, {0, 1}},
        {DType::i8, {-128, 127}},
        {DType::i16, {-32768, 32767}},
        {DType::i32, {-2147483648.0, 2147483647}},
        {DType::i64, {-9223372036854775808.0, 9007199254740992}},
    };
    for (const auto &[dtype, values] : cases) {
        const TensorD value = {{int64_t(values.size())}, values};
        const TensorData data = to_tensor_data(value, dtype);
        EXPECT_EQ(data.type, (TensorType{dtype, value.shape}));
        EXPECT_EQ(to_double(data).values, values) << dtype_name(dtype);
    }
    EXPECT_EQ(to_double(to_tensor_data({{1}, {0.1}}, DType::f32)).values[0], double(0.1f));
    // Beyond the last i64, which is no double.
    const TensorData most = to_tensor_data({{1}, {9223372036854775808.0}}, DType::i64);
    EXPECT_EQ(*reinterpret_cast<const int64_t *>(most.bytes), INT64_MAX);
}

// A network of one operator on numbers of one type.
std::vector<double> compute(const Op &op, DType dtype,
                            const std::vector<std::vector<double>> &operands) {
    TestGraph build;
    std::vector<NodeId> inputs;
    std::vector<TensorData> data;
    for (const std::vector<double> &values : operands) {
        const Shape shape = {int64_t(values.size())};
        inputs.push_back(build.input("x" + std::to_string(data.size()), shape, {}, dtype));
        data.push_back(to_tensor_data({shape, values}, dtype));
    }
    build.output("y", build.add(op, inputs, "y"));
    return interpret(build.graph(), data).at(0).values;
}

using Values = std::vector<double>;

TEST(Integers, WrapAround) {
    const double least = -2147483648.0, most = 2147483647;
    EXPECT_EQ(compute(Binary{BinaryKind::add}, DType::i32, {{most, 1}, {1, 2}}),
              (Values{least, 3}));
    EXPECT_EQ(compute(Binary{BinaryKind::sub}, DType::i32, {{least}, {1}}), (Values{most}));
    // (2^31 - 1)^2 = 2^62 - 2^32 + 1, which is no double.
    EXPECT_EQ(compute(Binary{BinaryKind::mul}, DType::i32, {{most}, {most}}), (Values{1}));
    EXPECT_EQ(compute(Unary{UnaryKind::neg}, DType::i32, {{least, 5}}), (Values{least, -5}));
    EXPECT_EQ(compute(Unary{UnaryKind::abs}, DType::i32, {{least, -5}}), (Values{least, 5}));
    const double large = 4503599627370496; // 2^52
    EXPECT_EQ(compute(Binary{BinaryKind::mul}, DType::i64, {{large}, {4096 * 3}}), (Values{0}));
    EXPECT_EQ(compute(Reduce{ReduceKind::sum_square, {0}, false}, DType::i32, {{65536, 65536, 3}}),
              (Values{9}));
}

TEST(Integers, DivideByZeroToZero) {
    for (BinaryKind kind : {BinaryKind::remainder, BinaryKind::fmod}) {
        for (DType dtype : {DType::i32, DType::i64}) {
            EXPECT_EQ(compute(Binary{kind}, dtype, {{7, -7, 0}, {0, 0, 0}}), (Values{0, 0, 0}));
        }
    }
    EXPECT_EQ(compute(Binary{BinaryKind::remainder}, DType::i64, {{-9223372036854775808.0}, {-1}}),
              (Values{0}));
}

TEST(Cast, SaturatesFloatsAndCutsIntegers) {
    const double infinity = INFINITY;
    const Values floats = {-infinity, -1.9, -0.5, 254.9, 1e20, infinity, NAN};
    EXPECT_EQ(compute(Cast{DType::u8}, DType::f32, {floats}), (Values{0, 0, 0, 254, 255, 255, 0}));
    EXPECT_EQ(compute(Cast{DType::i8}, DType::f32, {floats}),
              (Values{-128, -1, 0, 127, 127, 127, 0}));
    EXPECT_EQ(compute(Cast{DType::i32}, DType::f32, {floats}),
              (Values{-2147483648.0, -1, 0, 254, 2147483647, 2147483647, 0}));
    EXPECT_EQ(compute(Cast{DType::boolean}, DType::f32, {floats}), (Values{1, 1, 1, 1, 1, 1, 1}));
    EXPECT_FALSE(std::signbit(compute(Cast{DType::i32}, DType::f32, {{-0.5}})[0]));
    EXPECT_EQ(compute(Cast{DType::u8}, DType::i32, {{-1, 256, 300}}), (Values{255, 0, 44}));
    EXPECT_EQ(compute(Cast{DType::i32}, DType::i64, {{4294967297, -4294967297}}), (Values{1, -1}));
}

TEST(Interpret, TakesConstantsOfEveryType) {
    TestGraph build;
    const NodeId c = build.constant(Constant{{DType::i64, {2}}, {9007199254740992, -1}});
    build.output("y", build.add(Permute{{0}}, {c}, "y"));
    EXPECT_EQ(interpret(build.graph(), {}).at(0).values, (Values{9007199254740992, -1}));
}

// --- Resize --------------------------------------------------------------------------------------

// 3 elements to 5 and 3 to 9: o * 3 / 5 and (2 o + 1) / 6 - 1 / 2 meet whole numbers and halves,
// which o / scale in floating point may miss by a unit in the last place.
TEST(Resize, TiesAreTies) {
    const auto resize = [](int64_t in, int64_t out, ResizeCoordinates coordinates,
                           ResizeRounding rounding) {
        Values x(static_cast<size_t>(in));
        for (size_t i = 0; i < x.size(); ++i) {
            x[i] = double(i);
        }
        TestGraph build;
        const NodeId input = build.input("x", {1, 1, in});
        const Resize r = {
            {out}, {double(out) / double(in)}, ResizeMode::nearest, coordinates, rounding, -0.75,
            false};
        build.output("y", build.add(r, {input}, "y"));
        return interpret(build.graph(), {to_tensor_data({{1, 1, in}, x}, DType::f32)}).at(0).values;
    };
    for (int64_t in = 1; in < 40; ++in) {
        for (int64_t out = 1; out < 40; ++out) {
            Values floors, halves;
            for (int64_t o = 0; o < out; ++o) {
                floors.push_back(double(o * in / out));
                // ceil((2 o + 1) in / (2 out) - 1)
                const int64_t up = ((2 * o + 1) * in + 2 * out - 1) / (2 * out) - 1;
                halves.push_back(double(up));
            }
            EXPECT_EQ(resize(in, out, ResizeCoordinates::asymmetric, ResizeRounding::floor), floors)
                << in << " to " << out;
            EXPECT_EQ(
                resize(in, out, ResizeCoordinates::half_pixel, ResizeRounding::round_prefer_floor),
                halves)
                << in << " to " << out;
        }
    }
}

// A scale that is not the extents' ratio counts as it is: 5 / 1.7 is 2.94.
TEST(Resize, KeepsAScaleThatWasGiven) {
    TestGraph build;
    const NodeId input = build.input("x", {1, 1, 4});
    const Resize r = {
        {6},   {1.7}, ResizeMode::nearest, ResizeCoordinates::asymmetric, ResizeRounding::floor,
        -0.75, false};
    build.output("y", build.add(r, {input}, "y"));
    const TensorData x = TensorData::from_floats({1, 1, 4}, {0, 1, 2, 3});
    EXPECT_EQ(interpret(build.graph(), {x}).at(0).values, (Values{0, 0, 1, 1, 2, 2}));
}

} // namespace
