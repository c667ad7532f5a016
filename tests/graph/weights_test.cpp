// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random weights: reproducible, and of a scale that lets numbers through deep networks.
#include "compiler/graph/weights.h"

#include "compiler/reference/interpret.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace cnnc;

namespace {

double second_moment(const TensorD &value) {
    double sum = 0;
    for (double x : value.values) {
        sum += x * x;
    }
    return sum / double(value.values.size());
}

// Mean square of the last of `build`'s nodes.
double output_scale(TestGraph build) {
    build.output("y", NodeId(build.graph().nodes.size()) - 1);
    Graph graph = build.finish();
    random_weights(graph, 1);
    return second_moment(interpret(graph, random_inputs(graph, 2)).at(0));
}

TEST(RandomTensor, IsUniformAndReproducible) {
    const TensorData a = random_tensor({100001}, 7, "w", -1, 3);
    const TensorData b = random_tensor({100001}, 7, "w", -1, 3);
    const TensorData c = random_tensor({100001}, 8, "w", -1, 3);
    double sum = 0, squares = 0;
    int equal = 0;
    for (int i = 0; i < 100001; ++i) {
        ASSERT_EQ(a.floats()[i], b.floats()[i]);
        ASSERT_GE(a.floats()[i], -1);
        ASSERT_LE(a.floats()[i], 3);
        equal += a.floats()[i] == c.floats()[i];
        sum += a.floats()[i];
        squares += a.floats()[i] * a.floats()[i];
    }
    EXPECT_LT(equal, 10);
    EXPECT_NEAR(sum / 100001, 1, 0.02);
    EXPECT_NEAR(squares / 100001, 1 + 16.0 / 12, 0.03);
}

// Other params, and their order, change nothing.
TEST(RandomWeights, DependOnSeedAndNameAlone) {
    TestGraph one, two;
    const NodeId x = one.input("x", {1, 4, 5, 5});
    one.add(conv(2, 8, 3), {x}, "a");
    const NodeId y = two.input("x", {1, 4, 5, 5});
    two.add(conv(2, 3, 1), {y}, "b");
    two.add(conv(2, 8, 3), {y}, "a");
    Graph first = one.finish(), second = two.finish();
    random_weights(first, 5);
    random_weights(second, 5);
    for (int i = 0; i < 8 * 4 * 9; ++i) {
        ASSERT_EQ(first.params[0].data.floats()[i], second.params[2].data.floats()[i]);
    }
    EXPECT_NE(second.params[0].data.floats()[0], second.params[2].data.floats()[0]);
}

TEST(RandomWeights, FillEveryParamOfItsType) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        for (const Param &param : random_graph(seed).params) {
            ASSERT_TRUE(param.data.defined());
            ASSERT_EQ(param.data.type, param.type);
        }
    }
}

TEST(RandomWeights, KeepTheScaleOfADeepPlainNetwork) {
    TestGraph build;
    NodeId x = build.input("x", {1, 8, 20, 20});
    for (int i = 0; i < 20; ++i) {
        const std::string n = std::to_string(i);
        x = build.add(conv(2, 32, 3, 1, 1), {x}, "conv" + n);
        x = build.add(Unary{i % 2 ? UnaryKind::relu : UnaryKind::silu}, {x}, "act" + n);
    }
    const double scale = output_scale(std::move(build));
    EXPECT_GT(scale, 0.05);
    EXPECT_LT(scale, 5);
}

TEST(RandomWeights, KeepTheScaleOfADeepResidualNetwork) {
    TestGraph build;
    NodeId x = build.input("x", {1, 16, 12, 12});
    for (int i = 0; i < 16; ++i) {
        const std::string n = std::to_string(i);
        NodeId y = build.add(conv(2, 16, 3, 1, 1, 1, false), {x}, "conv" + n);
        y = build.add(BatchNorm{}, {y}, "norm" + n);
        y = build.add(Binary{BinaryKind::add}, {y, x}, "add" + n);
        x = build.add(Unary{UnaryKind::relu}, {y}, "relu" + n);
    }
    x = build.add(GlobalAvgPool{}, {x}, "pool");
    x = build.add(Flatten{1, 3}, {x}, "flatten");
    build.add(Linear{50}, {x}, "fc");
    const double scale = output_scale(std::move(build));
    EXPECT_GT(scale, 0.05);
    EXPECT_LT(scale, 5);
}

// The estimates are those of independent elements, which a linear layer's are.
TEST(EstimateMoments, OfActivations) {
    for (int kind = 0; kind <= int(UnaryKind::hard_swish); ++kind) {
        TestGraph build;
        const NodeId x = build.input("x", {8, 64});
        const NodeId fc = build.add(Linear{2000}, {x}, "fc");
        const NodeId y = build.add(Unary{UnaryKind(kind), 0.1, 0.7}, {fc}, "y");
        build.output("y", y);
        Graph graph = build.finish();
        random_weights(graph, 9);
        const double actual = second_moment(interpret(graph, random_inputs(graph, 3)).at(0));
        EXPECT_NEAR(estimate_moments(graph)[size_t(y)].second(), actual, 0.1 * actual) << kind;
    }
}

} // namespace
