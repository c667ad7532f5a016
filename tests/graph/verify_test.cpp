// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// verify() finds each broken rule, and nothing in a sound graph.
#include "tests/random/test_graph.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace cnnc;

namespace {

// x -> conv -> norm -> (+ 2.0) -> y, and a linear layer used twice.
Graph sound_graph() {
    TestGraph build;
    const NodeId x = build.input("x", {1, 3, 8, 8});
    const NodeId c = build.add(conv(2, 4, 3), {x}, "conv");
    const NodeId norm = build.add(BatchNorm{}, {c}, "layer1.0.norm");
    const NodeId two = build.constant(2);
    const NodeId sum = build.add(Binary{BinaryKind::add}, {norm, two}, "sum");
    const NodeId fc = build.add(Linear{6}, {sum}, "fc");
    const NodeId again = build.add_shared(fc, {norm}, "again");
    build.output("y", again, Layout::nhwc);
    build.output("z", fc);
    return build.finish();
}

constexpr NodeId x = 0, conv_node = 1, norm = 2, two = 3, sum = 4, fc = 5;

std::string problems(const Graph &graph) {
    return fmt::format("{}", fmt::join(verify(graph), "; "));
}

TEST(Verify, AcceptsASoundGraph) {
    EXPECT_EQ(problems(sound_graph()), "");
}

struct Breakage {
    std::string problem;
    std::function<void(Graph &)> breaks;
};

TEST(Verify, FindsEachBrokenRule) {
    const std::vector<Breakage> breakages = {
        {"the name `3d` of network is no identifier", [](Graph &g) { g.name = "3d"; }},
        {"the name `input` of network is no identifier", [](Graph &g) { g.name = "input"; }},
        {"the name `a.b` of an input is no identifier", [](Graph &g) { g[x].name = "a.b"; }},
        {"the name `a-b` of node 4 is no path", [](Graph &g) { g[sum].name = "a-b"; }},
        {"the name `a..b` of node 4 is no path", [](Graph &g) { g[sum].name = "a..b"; }},
        {"the name `` of node 3 is no path", [](Graph &g) { g[two].name = ""; }},
        {"two nodes are named `sum`", [](Graph &g) { g[two].name = "sum"; }},
        {"`sum` reads node 5, which is not before it", [](Graph &g) { g[sum].inputs[0] = fc; }},
        {"`sum` reads node 4, which is not before it", [](Graph &g) { g[sum].inputs[1] = sum; }},
        {"`sum` reads node -1, which is not before it", [](Graph &g) { g[sum].inputs[1] = -1; }},
        {"`sum` has 1 operands", [](Graph &g) { g[sum].inputs.pop_back(); }},
        {"`sum` has 3 operands", [](Graph &g) { g[sum].inputs.push_back(x); }},
        {"`constant.0` has 1 operands", [](Graph &g) { g[two].inputs.push_back(x); }},
        {"`conv` has spatial attributes of different or impossible lengths",
         [](Graph &g) { std::get<Conv>(g[conv_node].op).stride = {1}; }},
        {"`sum` is f32[1, 4, 6], but should be f32[1, 4, 6, 6]",
         [](Graph &g) {
             g[sum].type.shape = {1, 4, 6};
             g[fc].inputs = {norm}; // which has the shape that `sum` should have
         }},
        {"`conv`: `conv2d` with `groups=2` needs input channels divisible by 2, found 3",
         [](Graph &g) { std::get<Conv>(g[conv_node].op).groups = 2; }},
        {"constant `constant.0` of type f32 holds nan",
         [](Graph &g) { g[two].op = Constant{std::nan("")}; }},
        {"constant `constant.0` of type i32 holds 0.5",
         [](Graph &g) {
             g[two].op = Constant({DType::i32, {}}, {0.5});
         }},
        {"constant `constant.0` is f32[2], but has 1 values",
         [](Graph &g) {
             g[two].op = Constant({DType::f32, {2}}, {1});
         }},
        {"constant `constant.0` is f32[-1], but has 1 values",
         [](Graph &g) {
             g[two].op = Constant({DType::f32, {-1}}, {1});
         }},
        {"`constant.0` is f32[], but should be f32[2]",
         [](Graph &g) {
             g[two].op = Constant({DType::f32, {2}}, {1, 2});
         }},
        {"`x` is f64[1, 3, 8, 8], which nothing computes with; `conv`: `conv2d` needs an operand "
         "of "
         "type f32, found f64[1, 3, 8, 8]",
         [](Graph &g) { g[x].type.dtype = DType::f64; }},
        {"`layer1.0.norm` has 3 params, but needs 4", [](Graph &g) { g[norm].params.pop_back(); }},
        {"`layer1.0.norm` has param 99, which does not exist",
         [](Graph &g) { g[norm].params[0] = 99; }},
        {"param `conv.bias` of `conv` is f32[5], but should be f32[4]",
         [](Graph &g) { g.params[1].type.shape = {5}; }},
        {"the params of `conv` are not named by one path and their roles",
         [](Graph &g) { g.params[1].name = "other.bias"; }},
        {"the params of `conv` are not named by one path and their roles",
         [](Graph &g) { std::swap(g.params[0].name, g.params[1].name); }},
        {"two params are named `conv.weight`; two params are named `conv.bias`",
         [](Graph &g) {
             g.params.push_back(g.params[0]);
             g.params.push_back(g.params[1]);
         }},
        {"data of `conv.bias` is f32[3], its type f32[4]",
         [](Graph &g) {
             g.params[1].data = TensorData::from_floats({3}, {1, 2, 3});
         }},
        {"input `x` is not listed", [](Graph &g) { g.inputs.clear(); }},
        {"input `x` is listed twice",
         [](Graph &g) {
             g.inputs = {x, x};
         }},
        {"input 1 is no Input node", [](Graph &g) { g.inputs.push_back(conv_node); }},
        {"input 77 is no Input node", [](Graph &g) { g.inputs.push_back(77); }},
        {"there is no output", [](Graph &g) { g.outputs.clear(); }},
        {"two outputs are named `y`", [](Graph &g) { g.outputs[1].name = "y"; }},
        {"the name `` of an output is no identifier", [](Graph &g) { g.outputs[1].name = ""; }},
        {"output `y` is node 7, which does not exist", [](Graph &g) { g.outputs[0].node = 7; }},
        {"output `z` is f32[1, 4], but a layout needs 3 dimensions or more",
         [](Graph &g) {
             g.inputs.push_back(NodeId(g.nodes.size()));
             g.nodes.push_back({Input{}, {}, {}, {DType::f32, {1, 4}}, "flat", {}});
             g.outputs[1] = {"z", g.inputs.back(), Layout::nhwc, {}};
         }},
        {"input `flat` is f32[1, 4], but a layout needs 3 dimensions or more",
         [](Graph &g) {
             g.inputs.push_back(NodeId(g.nodes.size()));
             g.nodes.push_back({Input{Layout::nhwc}, {}, {}, {DType::f32, {1, 4}}, "flat", {}});
         }},
    };
    for (const Breakage &breakage : breakages) {
        Graph graph = sound_graph();
        breakage.breaks(graph);
        EXPECT_EQ(problems(graph), breakage.problem);
    }
}

TEST(Verify, AcceptsInfiniteConstants) {
    Graph graph = sound_graph();
    graph[two].op = Constant{-std::numeric_limits<double>::infinity()};
    EXPECT_EQ(problems(graph), "");
}

// Vectors that infer_type relies on, per operator that has them.
TEST(Verify, FindsVectorsOfWrongLengths) {
    const ConvTranspose up = {4, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {0}, {1, 1}, 1, true};
    const Op broken[] = {up,
                         MaxPool{{2, 2}, {2, 2}, {0, 0}, {0, 0}, {1}},
                         AvgPool{{2, 2}, {2, 2}, {0}, {0, 0}},
                         AdaptiveAvgPool{{}},
                         AdaptiveMaxPool{{1, 1, 1, 1}},
                         Resize{{4, 4}, {2}},
                         Conv{4, {}, {}, {}, {}, {}}};
    for (const Op &op : broken) {
        Graph graph = sound_graph();
        graph[conv_node].op = op;
        EXPECT_EQ(problems(graph),
                  "`conv` has spatial attributes of different or impossible lengths");
    }
}

// prelu is the name of two operators.
TEST(Verify, FindsPRelusOfWrongOperands) {
    Graph graph = sound_graph();
    graph[sum].op = PRelu{};
    EXPECT_EQ(problems(graph), "`sum` has 2 operands");
    graph = sound_graph();
    graph[sum].op = Binary{BinaryKind::prelu};
    graph[sum].inputs.pop_back();
    EXPECT_EQ(problems(graph), "`sum` has 1 operands");
}

struct Table {
    SampleKind kind;
    std::vector<double> indices, weights;
    std::string problem;
};

TEST(Verify, FindsTablesThatDoNotFit) {
    const Table tables[] = {
        {SampleKind::pick, {-1, 0, 3}, {}, ""},
        {SampleKind::pick, {-2, 0, 3}, {}, "table 1 of `y` holds -2"},
        {SampleKind::pick, {0, 4, 3}, {}, "table 1 of `y` holds 4"},
        {SampleKind::max, {0, -1, 3}, {}, "table 1 of `y` holds -1"},
        {SampleKind::weighted_sum, {0, 1, 3}, {1, 2, -3}, ""},
        {SampleKind::weighted_sum,
         {0, 1, 3},
         {1, 2, std::numeric_limits<double>::infinity()},
         "table 2 of `y` holds inf"},
    };
    for (const Table &table : tables) {
        TestGraph build;
        std::vector<NodeId> operands = {build.input("x", {2, 4})};
        operands.push_back(build.constant(Constant({DType::i32, {3, 1}}, table.indices)));
        if (!table.weights.empty()) {
            operands.push_back(build.constant(Constant({DType::f32, {3, 1}}, table.weights)));
        }
        build.output("out", build.add(Sample{table.kind, {1}}, operands, "y"));
        EXPECT_EQ(problems(build.finish()), table.problem);
    }
}

TEST(Verify, FindsTablesThatAreComputed) {
    TestGraph build;
    const NodeId x = build.input("x", {2, 4});
    const NodeId table = build.input("table", {3, 1}, Layout::nchw, DType::i32);
    build.output("out", build.add(Sample{SampleKind::pick, {1}}, {x, table}, "y"));
    EXPECT_EQ(problems(build.finish()), "table 1 of `y` is no constant");
}

TEST(Verify, NamesArePaths) {
    for (const char *path : {"conv1", "layer1.0.conv1", "features.10", "_", "0", "a.0b.C_9"}) {
        EXPECT_TRUE(is_path(path)) << path;
    }
    for (const char *other : {"", ".", "a.", ".a", "a..b", "a b", "a-b", "1a", "a/b", "\xc3\xa9"}) {
        EXPECT_FALSE(is_path(other)) << other;
    }
}

} // namespace
