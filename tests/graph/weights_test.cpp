// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random weights: reproducible, and of a scale that lets numbers through deep networks.
#include "compiler/graph/weights.h"

#include "compiler/graph/registry.h"
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

// Transposed convolutions, norms, products of two results.
TEST(RandomWeights, KeepTheScaleOfADecoder) {
    TestGraph build;
    NodeId x = build.input("x", {1, 16, 3, 3});
    for (int i = 0; i < 4; ++i) {
        const std::string n = std::to_string(i);
        const ConvTranspose up = {16,     {4, 4}, {2, 2}, {1, 1},
                                  {1, 1}, {0, 0}, {1, 1}, i % 2 ? 4 : 1};
        x = build.add(up, {x}, "up" + n);
        x = build.add(PRelu{16}, {x}, "act" + n);
        if (i == 1) {
            x = build.add(GroupNorm{4}, {x}, "norm" + n);
        }
    }
    const double scale = output_scale(std::move(build));
    EXPECT_GT(scale, 0.2);
    EXPECT_LT(scale, 3);
}

TEST(RandomWeights, KeepTheScaleOfAttention) {
    TestGraph build;
    NodeId x = build.input("x", {1, 20, 32});
    for (int i = 0; i < 4; ++i) {
        const std::string n = std::to_string(i);
        const NodeId norm = build.add(LayerNorm{}, {x}, "norm" + n);
        const NodeId q = build.add(Linear{32}, {norm}, "q" + n);
        const NodeId k = build.add(Permute{{0, 2, 1}}, {norm}, "k" + n);
        const NodeId scores = build.add(MatMul{}, {q, k}, "scores" + n);
        const NodeId scaled =
            build.add(Binary{BinaryKind::div}, {scores, build.constant(6)}, "scaled" + n);
        const NodeId weights = build.add(Softmax{2}, {scaled}, "weights" + n);
        const NodeId mixed = build.add(MatMul{}, {weights, norm}, "mixed" + n);
        const NodeId out = build.add(Linear{32}, {mixed}, "out" + n);
        x = build.add(Binary{BinaryKind::add}, {x, out}, "x" + n);
    }
    const double scale = output_scale(std::move(build));
    EXPECT_GT(scale, 0.2);
    EXPECT_LT(scale, 30);
}

// A camera's bytes come out of the first layer in scale.
TEST(RandomWeights, KeepTheScaleOfBytes) {
    TestGraph build;
    NodeId x = build.input("x", {1, 3, 16, 16}, Layout::nhwc, DType::u8);
    x = build.add(Cast{DType::f32}, {x}, "cast");
    x = build.add(Normalize{{123, 117, 104}, {58, 57, 57}}, {x}, "normalize");
    const Moments normalized = estimate_moments(build.graph())[size_t(x)];
    EXPECT_NEAR(normalized.mean, 0.22, 0.05);
    EXPECT_NEAR(normalized.variance, 1.66, 0.1);
    build.add(conv(2, 16, 3), {x}, "conv");
    const double scale = output_scale(std::move(build));
    EXPECT_GT(scale, 0.3);
    EXPECT_LT(scale, 3);
}

TEST(RandomWeights, OfEveryType) {
    TestGraph build;
    NodeId sum = build.add(Parameter{{500}, DType::f32}, {}, "f32");
    for (DType dtype : {DType::i64, DType::i32, DType::u8, DType::i8, DType::boolean}) {
        const std::string name(dtype_name(dtype));
        const NodeId param = build.add(Parameter{{500}, dtype}, {}, name + "_");
        const NodeId cast = build.add(Cast{DType::f32}, {param}, name + "_cast");
        build.output(name + "_out", cast);
    }
    build.output("y", sum);
    Graph graph = build.finish();
    random_weights(graph, 1);
    for (const Param &param : graph.params) {
        EXPECT_EQ(param.data.type, param.type);
    }
    const auto outputs = interpret(graph, {});
    for (size_t i = 0; i < 5; ++i) { // zeros and ones, about as many of each
        EXPECT_NEAR(second_moment(outputs[i]), 0.5, 0.1);
    }
}

// The estimates are those of independent elements, which a linear layer's are.
class Estimates : public testing::Test {
  protected:
    // The estimated and the actual second moment of `build`'s last node, and their means.
    void expect_close(TestGraph build, double tolerance, const std::string &what) {
        const NodeId y = NodeId(build.graph().nodes.size()) - 1;
        build.output("y", y);
        Graph graph = build.finish();
        random_weights(graph, 9);
        const double actual = second_moment(interpret(graph, random_inputs(graph, 3)).at(0));
        EXPECT_NEAR(estimate_moments(graph)[size_t(y)].second(), actual, tolerance * actual)
            << what;
    }
};

TEST_F(Estimates, OfActivations) {
    for (int kind = 0; kind <= int(UnaryKind::round); ++kind) {
        const UnaryKind k = UnaryKind(kind);
        const bool unbounded = k == UnaryKind::reciprocal || k == UnaryKind::rsqrt;
        if (unbounded || k == UnaryKind::log || k == UnaryKind::sqrt) {
            continue; // of no use for a network without knowing that the operand is positive
        }
        TestGraph build;
        const NodeId x = build.input("x", {8, 64});
        const NodeId fc = build.add(Linear{2000}, {x}, "fc");
        build.add(Unary{k, 0.1, 0.7}, {fc}, "y");
        expect_close(std::move(build), k == UnaryKind::exp ? 0.15 : 0.1,
                     std::string(unary_name(k)));
    }
}

TEST_F(Estimates, OfReductionsAndSelections) {
    const Op ops[] = {Reduce{ReduceKind::sum, {1}},
                      Reduce{ReduceKind::amax, {1}},
                      Reduce{ReduceKind::amin, {1}},
                      Reduce{ReduceKind::l1, {1}},
                      Reduce{ReduceKind::l2, {1}},
                      Reduce{ReduceKind::sum_square, {1}},
                      Reduce{ReduceKind::log_sum_exp, {1}},
                      ArgReduce{true, 1},
                      TopK{3, 1},
                      TopK{3, 1, true, true},
                      Softmax{1, true},
                      LocalResponseNorm{5, 2, 0.75, 1},
                      Pad{{0, 8, 0}, {0, 8, 0}, PadMode::constant, 2},
                      GlobalMaxPool{},
                      AdaptiveMaxPool{{4}},
                      Slice{{0, 0, 0}, {8, 10, 50}, {1, 2, 3}}};
    for (const Op &op : ops) {
        TestGraph build;
        const NodeId x = build.input("x", {8, 24, 64});
        const NodeId fc = build.add(Linear{200}, {x}, "fc");
        build.add(op, {fc}, "y");
        expect_close(std::move(build), 0.35, op_name(op, {{DType::f32, {8, 24, 200}}}));
    }
}

TEST_F(Estimates, OfTwoOperands) {
    for (int kind = 0; kind <= int(BinaryKind::prelu); ++kind) {
        const BinaryKind k = BinaryKind(kind);
        if (k == BinaryKind::pow || k == BinaryKind::remainder || k == BinaryKind::fmod) {
            continue;
        }
        TestGraph build;
        const NodeId x = build.input("x", {8, 64});
        const NodeId a = build.add(Linear{500}, {x}, "a");
        const NodeId b = build.add(Linear{500}, {x}, "b");
        const NodeId positive = build.add(Unary{UnaryKind::sigmoid}, {b}, "positive");
        build.add(Binary{k}, {a, positive}, "y");
        expect_close(std::move(build), k == BinaryKind::div ? 0.75 : 0.15,
                     std::string(binary_name(k)));
    }
}

// Nothing a network may say makes an estimate overflow.
TEST(EstimateMoments, StayFinite) {
    TestGraph build;
    NodeId x = build.input("x", {2, 8});
    for (int i = 0; i < 20; ++i) {
        const std::string n = std::to_string(i);
        x = build.add(Unary{UnaryKind::exp}, {x}, "exp" + n);
        x = build.add(Binary{BinaryKind::pow}, {x, x}, "pow" + n);
        x = build.add(Unary{UnaryKind::log}, {x}, "log" + n);
        x = build.add(Unary{UnaryKind::reciprocal}, {x}, "reciprocal" + n);
        x = build.add(Reduce{ReduceKind::prod, {1}, true}, {x}, "prod" + n);
    }
    for (const Moments &moments : estimate_moments(build.graph())) {
        EXPECT_TRUE(std::isfinite(moments.mean) && std::isfinite(moments.second()));
        EXPECT_GE(moments.variance, 0);
    }
}

} // namespace
