// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The interpreter as a whole, and its convolution against the definition on larger sizes.
#include "compiler/reference/interpret.h"

#include "compiler/graph/weights.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>

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

} // namespace
