// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph passes one by one: what they change, and what they must leave alone. That they keep
// the meaning of networks is property_test.cpp's concern.
#include "compiler/passes/passes.h"

#include "compiler/graph/weights.h"
#include "compiler/reference/interpret.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cnnc {
namespace {

std::vector<std::string> node_names(const Graph &graph) {
    std::vector<std::string> names;
    for (const Node &node : graph.nodes)
        names.push_back(node.name);
    return names;
}

std::vector<std::string> param_names(const Graph &graph) {
    std::vector<std::string> names;
    for (const Param &param : graph.params)
        names.push_back(param.name);
    return names;
}

using Names = std::vector<std::string>;

Graph with_weights(Graph graph) {
    random_weights(graph, 1);
    return graph;
}

// Both graphs verify and compute the same.
void expect_same_meaning(const Graph &before, const Graph &after) {
    ASSERT_EQ(verify(before), Names{});
    ASSERT_EQ(verify(after), Names{});
    const auto inputs = random_inputs(before, 7);
    const auto expected = interpret(before, inputs), actual = interpret(after, inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); i++) {
        ASSERT_EQ(actual[i].values.size(), expected[i].values.size());
        for (size_t j = 0; j < expected[i].values.size(); j++)
            ASSERT_NEAR(actual[i].values[j], expected[i].values[j], 1e-5) << i << " " << j;
    }
}

TEST(RemoveNoOps, DropsWhatChangesNothing) {
    TestGraph g;
    NodeId x = g.input("x", {2, 3, 4, 4});
    NodeId a = g.add(Unary{UnaryKind::dropout, 0.5}, {x}, "dropout");
    a = g.add(conv(2, 3, 1), {a}, "conv");
    a = g.add(Unary{}, {a}, "identity");
    a = g.add(Reshape{{2, 3, 4, 4}}, {a}, "same");
    NodeId b = g.add(Reshape{{2, 3, 16}}, {a}, "other");
    g.output("y", a);
    g.output("z", b);
    const Graph before = with_weights(g.finish());
    const Graph after = remove_no_ops(before);
    EXPECT_EQ(node_names(after), (Names{"x", "conv", "other"}));
    expect_same_meaning(before, after);
}

TEST(RemoveNoOps, AnOutputMayBecomeAnInput) {
    TestGraph g;
    NodeId x = g.input("x", {2, 3});
    g.output("y", g.add(Unary{}, {x}, "identity"));
    const Graph after = remove_no_ops(g.finish());
    EXPECT_EQ(node_names(after), (Names{"x"}));
    EXPECT_EQ(after.outputs[0].node, 0);
    EXPECT_EQ(verify(after), Names{});
}

TEST(RemoveDeadCode, KeepsInputsAndWhatOutputsNeed) {
    TestGraph g;
    NodeId x = g.input("x", {1, 3, 4, 4});
    g.input("unused", {1, 3});
    NodeId live = g.add(conv(2, 2, 1), {x}, "live");
    NodeId dead = g.add(conv(2, 2, 1), {live}, "dead");
    g.add(Unary{UnaryKind::relu}, {dead}, "dead_too");
    g.output("y", live);
    const Graph before = with_weights(g.finish());
    const Graph after = remove_dead_code(before);
    EXPECT_EQ(node_names(after), (Names{"x", "unused", "live"}));
    EXPECT_EQ(param_names(after), (Names{"live.weight", "live.bias"}));
    expect_same_meaning(before, after);
}

TEST(FoldConstants, ComputesWhatDependsOnNoInput) {
    TestGraph g;
    NodeId x = g.input("x", {1, 4});
    NodeId p = g.add(Parameter{{4}}, {}, "p");
    NodeId scaled = g.add(Binary{BinaryKind::mul}, {p, g.constant(0.5)}, "scaled");
    NodeId joined = g.add(Concat{0}, {scaled, p}, "joined");
    NodeId shaped = g.add(Reshape{{2, 4}}, {joined}, "shaped");
    g.output("y", g.add(Binary{}, {x, shaped}, "sum"));
    const Graph before = with_weights(g.finish());
    const Graph after = remove_dead_code(fold_constants(before));
    EXPECT_EQ(node_names(after), (Names{"x", "shaped", "sum"}));
    EXPECT_EQ(param_names(after), (Names{"shaped"}));
    expect_same_meaning(before, after);
}

TEST(FoldConstants, LeavesLargeValuesAndMissingDataAlone) {
    TestGraph g;
    NodeId column = g.add(Parameter{{1000, 1}}, {}, "column");
    NodeId row = g.add(Parameter{{1000}}, {}, "row");
    g.output("y", g.add(Binary{}, {column, row}, "million"));
    NodeId small = g.add(Parameter{{3}}, {}, "small");
    g.output("z", g.add(Unary{UnaryKind::relu}, {small}, "relu"));
    const Graph no_data = g.finish();
    EXPECT_TRUE(same_graph(no_data, fold_constants(no_data)));
    const Graph after = fold_constants(with_weights(no_data));
    EXPECT_TRUE(std::holds_alternative<Binary>(after[2].op)) << "a million elements";
    EXPECT_TRUE(std::holds_alternative<Parameter>(after[4].op));
}

// x -> layer -> norm
Graph normed(Op layer, Shape shape, BatchNorm norm = {}) {
    TestGraph g;
    NodeId x = g.input("x", std::move(shape));
    NodeId a = g.add(std::move(layer), {x}, "layer");
    g.output("y", g.add(norm, {a}, "norm"));
    return with_weights(g.finish());
}

TEST(FoldBatchNorm, GoesIntoLayersInFrontOfIt) {
    const Graph cases[] = {
        normed(conv(2, 6, 3, 1, 1, 1, false), {1, 4, 5, 5}),
        normed(conv(2, 6, 3, 2, 0, 2, true), {2, 4, 5, 5}),
        normed(conv(1, 4, 3, 1, 1, 4, true), {1, 4, 9}),
        normed(conv(3, 4, 1), {1, 2, 3, 3, 3}),
        normed(conv(2, 6, 1), {1, 4, 5, 5}, {1e-2, false}),
        normed(Linear{7, true}, {2, 5}),
        normed(Linear{7, false}, {2, 5}),
    };
    for (const Graph &before : cases) {
        SCOPED_TRACE(print_graph(before));
        const Graph after = fold_batch_norm(before);
        EXPECT_EQ(node_names(after), (Names{"x", "layer"}));
        EXPECT_EQ(param_names(after), (Names{"layer.weight", "layer.bias"}));
        expect_same_meaning(before, after);
    }
}

TEST(FoldBatchNorm, WorksWithoutData) {
    TestGraph g;
    NodeId x = g.input("x", {1, 4, 5, 5});
    NodeId a = g.add(conv(2, 6, 3), {x}, "layer");
    NodeId n = g.add(BatchNorm{}, {a}, "norm");
    NodeId r = g.add(Unary{UnaryKind::relu}, {n}, "relu");
    g.output("y", g.add(BatchNorm{}, {r}, "norm2"));
    const Graph after = fold_batch_norm(g.finish());
    EXPECT_EQ(verify(after), Names{});
    EXPECT_EQ(node_names(after),
              (Names{"x", "layer", "relu", "norm2.scale", "norm2.shift", "norm2.mul", "norm2"}));
    for (const Param &param : after.params)
        EXPECT_FALSE(param.data.defined());
}

TEST(FoldBatchNorm, ElsewhereMultipliesAndAdds) {
    // Read by others, an output, no layer in front, and the features of a linear layer of rank 3,
    // which are not its channels.
    TestGraph g;
    NodeId x = g.input("x", {2, 3, 4, 4});
    NodeId first = g.add(BatchNorm{}, {x}, "first");
    NodeId a = g.add(conv(2, 3, 1), {first}, "read_twice");
    NodeId norm_a = g.add(BatchNorm{}, {a}, "norm_a");
    NodeId b = g.add(conv(2, 3, 1), {a}, "output");
    NodeId norm_b = g.add(BatchNorm{}, {b}, "norm_b");
    NodeId words = g.input("words", {2, 5, 7});
    NodeId c = g.add(Linear{6, true}, {words}, "rows");
    NodeId norm_c = g.add(BatchNorm{}, {c}, "norm_c");
    for (NodeId id : {norm_a, b, norm_b, norm_c})
        g.output("y" + std::to_string(id), id);
    const Graph before = with_weights(g.finish());
    const Graph after = fold_batch_norm(before);
    for (const Node &node : after.nodes)
        EXPECT_FALSE(std::holds_alternative<BatchNorm>(node.op)) << node.name;
    EXPECT_EQ(after.nodes.size(), before.nodes.size() + 4 * 3);
    expect_same_meaning(before, after);
}

TEST(FoldBatchNorm, SharedWeightsAreFoldedApart) {
    TestGraph g;
    NodeId x = g.input("x", {1, 4, 5, 5});
    NodeId a = g.add(conv(2, 4, 3, 1, 1), {x}, "a");
    NodeId norm_a = g.add(BatchNorm{}, {a}, "norm_a");
    NodeId b = g.add_shared(a, {norm_a}, "b");
    NodeId norm_b = g.add(BatchNorm{}, {b}, "norm_b");
    NodeId c = g.add_shared(a, {norm_b}, "c");
    g.output("y", c);
    const Graph before = with_weights(g.finish());
    const Graph after = fold_batch_norm(before);
    EXPECT_EQ(node_names(after), (Names{"x", "a", "b", "c"}));
    expect_same_meaning(before, after);
}

TEST(FoldBatchNorm, RoundsOnce) {
    // scale = 3 / sqrt(4 + 5) = 1, to the last bit: a sum in float would not give it back.
    TestGraph g;
    NodeId x = g.input("x", {1, 1, 1, 1});
    NodeId a = g.add(conv(2, 1, 1), {x}, "layer");
    g.output("y", g.add(BatchNorm{5.0, true}, {a}, "norm"));
    Graph graph = g.finish();
    const float values[] = {0.1F, 16777216, 3, 1, 16777215, 4};
    ASSERT_EQ(graph.params.size(), 6u);
    for (size_t p = 0; p < 6; p++)
        graph.params[p].data = TensorData::from_floats(graph.params[p].type.shape, {values[p]});
    const Graph after = fold_batch_norm(graph);
    EXPECT_EQ(after.params[0].data.floats()[0], 0.1F);
    EXPECT_EQ(after.params[1].data.floats()[0], 2.0F); // 16777216 + (1 - 16777215)
}

TEST(Pipeline, RunsInOrderAndShowsEveryStep) {
    Names seen, expected;
    for (const Pass &pass : graph_passes())
        expected.push_back(pass.name);
    (void)optimize(random_graph(3), [&](const Pass &pass, const Graph &graph) {
        seen.push_back(pass.name);
        EXPECT_FALSE(graph.nodes.empty());
    });
    EXPECT_EQ(seen, expected);
}

} // namespace
} // namespace cnnc
