// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Questions about graphs: equality, users, multiply-adds, params.
#include "compiler/graph/graph.h"
#include "compiler/sema/load.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

using namespace cnnc;

namespace {

Graph small_graph() {
    TestGraph build;
    const NodeId x = build.input("x", {1, 4, 6, 6});
    const NodeId a = build.add(conv(2, 4, 3, 1, 1), {x}, "a");
    const NodeId b = build.add(Binary{BinaryKind::add}, {a, x}, "b");
    const NodeId half = build.constant(0.5);
    const NodeId c = build.add(Binary{BinaryKind::mul}, {b, half}, "c");
    build.output("y", c);
    return build.finish();
}

TEST(SameGraph, IgnoresSpansDataAndConstantsPlaces) {
    TestGraph build;
    build.constant(9); // nobody's
    const NodeId half = build.constant(0.5);
    const NodeId x = build.input("x", {1, 4, 6, 6});
    const NodeId a = build.add(conv(2, 4, 3, 1, 1), {x}, "a");
    const NodeId b = build.add(Binary{BinaryKind::add}, {a, x}, "b");
    const NodeId c = build.add(Binary{BinaryKind::mul}, {b, half}, "c");
    build.output("y", c);
    Graph other = build.finish();
    other[c].span = {1, 2, 3};
    other.params[1].data = TensorData::from_floats({4}, {1, 2, 3, 4});
    std::string why;
    EXPECT_TRUE(same_graph(small_graph(), other, &why)) << why;
}

TEST(SameGraph, SeesEveryOtherDifference) {
    const std::vector<std::pair<std::string, std::function<void(Graph &)>>> changes = {
        {"network: `net` and `other`", [](Graph &g) { g.name = "other"; }},
        {"inputs: `1` and `0`", [](Graph &g) { g.inputs.clear(); }},
        {"node: `x = input layout=nchw -> f32[1, 4, 6, 6]` and "
         "`x = input layout=nhwc -> f32[1, 4, 6, 6]`",
         [](Graph &g) { g[0].op = Input{Layout::nhwc}; }},
        {"node: `c = mul -> f32[1, 4, 6, 6]` and `d = mul -> f32[1, 4, 6, 6]`",
         [](Graph &g) { g[4].name = "d"; }},
        {"node: `b = add -> f32[1, 4, 6, 6]` and `b = sub -> f32[1, 4, 6, 6]`",
         [](Graph &g) { g[2].op = Binary{BinaryKind::sub}; }},
        {"operand of b: `x` and `a`", [](Graph &g) { g[2].inputs[1] = 1; }},
        {"operands of b: `2` and `1`", [](Graph &g) { g[2].inputs.pop_back(); }},
        {"operand of c: `0.5` and `0.25`", [](Graph &g) { g[3].op = Constant{0.25}; }},
        {"operators: `3` and `2`", [](Graph &g) { g.nodes.pop_back(); }},
        {"outputs: `1` and `2`", [](Graph &g) { g.outputs.push_back(g.outputs[0]); }},
        {"operand of c: `a constant` and `x`", [](Graph &g) { g[4].inputs[1] = 0; }},
        {"operand of c: `f32[]` and `i64[]`",
         [](Graph &g) {
             g[3].op = Constant({DType::i64, {}}, {1});
         }},
        {"operand of c: `f32[]` and `f32[2]`",
         [](Graph &g) {
             g[3].op = Constant({DType::f32, {2}}, {0.5, 0.5});
         }},
        {"output: `y` and `z`", [](Graph &g) { g.outputs[0].name = "z"; }},
        {"output y: `c` and `b`", [](Graph &g) { g.outputs[0].node = 2; }},
        {"output: `y` and `y layout NHWC`", [](Graph &g) { g.outputs[0].layout = Layout::nhwc; }},
    };
    for (const auto &[expected, change] : changes) {
        Graph other = small_graph();
        change(other);
        std::string why;
        EXPECT_FALSE(same_graph(small_graph(), other, &why)) << expected;
        EXPECT_EQ(why, expected);
    }
    // Attributes and params, whose text is long.
    Graph other = small_graph();
    std::get<Conv>(other[1].op).pad_hi = {2, 1};
    EXPECT_FALSE(same_graph(small_graph(), other));
    other = small_graph();
    other.params[0].name = "elsewhere";
    EXPECT_FALSE(same_graph(small_graph(), other));
    other = small_graph();
    other.params[0].type.shape[0] = 5;
    EXPECT_FALSE(same_graph(small_graph(), other));
}

TEST(Users, AreListedOncePerUse) {
    TestGraph build;
    const NodeId x = build.input("x", {2});
    const NodeId square = build.add(Binary{BinaryKind::mul}, {x, x}, "square");
    build.add(Binary{BinaryKind::sub}, {square, x}, "difference");
    EXPECT_EQ(users(build.graph()), (std::vector<std::vector<NodeId>>{{1, 1, 2}, {2}, {}}));
}

TEST(MultiplyAdds, OfLayers) {
    TestGraph build;
    const NodeId x = build.input("x", {2, 8, 10, 10});
    const NodeId full = build.add(conv(2, 16, 3), {x}, "full");
    const NodeId grouped = build.add(conv(2, 16, 3, 2, 1, 4), {x}, "grouped");
    const NodeId fc = build.add(Linear{7}, {x}, "fc");
    const NodeId relu = build.add(Unary{UnaryKind::relu}, {x}, "relu");
    EXPECT_EQ(multiply_adds(build.graph(), full), 2 * 16 * 8 * 8 * (8 * 3 * 3));
    EXPECT_EQ(multiply_adds(build.graph(), grouped), 2 * 16 * 5 * 5 * (2 * 3 * 3));
    EXPECT_EQ(multiply_adds(build.graph(), fc), 2 * 8 * 10 * 7 * 10);
    EXPECT_EQ(multiply_adds(build.graph(), relu), 0);
    const ConvTranspose up = {16, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 4, true};
    const NodeId wide = build.add(up, {x}, "wide");
    EXPECT_EQ(multiply_adds(build.graph(), wide), 2 * 8 * 10 * 10 * (4 * 3 * 3));
    const NodeId swapped = build.add(Permute{{0, 1, 3, 2}}, {x}, "swapped");
    const NodeId product = build.add(MatMul{}, {x, swapped}, "product");
    EXPECT_EQ(multiply_adds(build.graph(), product), 2 * 8 * 10 * 10 * 10);
}

TEST(MultiplyAdds, DoNotOverflow) {
    TestGraph build;
    const NodeId x = build.input("x", {1, 1 << 10, 1 << 26});
    const NodeId huge = build.add(conv(1, 1 << 10, 1 << 15, 1, 1 << 13), {x}, "huge");
    EXPECT_EQ(multiply_adds(build.graph(), huge), int64_t(1) << 53);
}

// The literature's numbers, in millions of multiply-adds (convolutions and linear layers).
TEST(MultiplyAdds, OfExamples) {
    const std::map<std::string, std::pair<double, double>> known = {
        {"vgg16", {15470, 138.36}},      {"resnet18", {1814, 11.69}},
        {"resnet50", {4089, 25.56}},     {"mobilenet_v2", {300.8, 3.50}},
        {"mobilenet_v1", {568.7, 4.23}},
    };
    for (const auto &[name, numbers] : known) {
        SourceManager sources;
        Diagnostics diags;
        const auto graph =
            load_network(CNNC_SOURCE_DIR "/examples/" + name + "/" + name + ".cnn", sources, diags);
        ASSERT_TRUE(graph) << diags.render(sources);
        double work = 0, params = 0;
        for (NodeId id = 0; id < NodeId(graph->nodes.size()); ++id) {
            work += double(multiply_adds(*graph, id)) / 1e6;
        }
        for (const Param &param : graph->params) {
            const std::string role = param.name.substr(param.name.rfind('.') + 1);
            if (role == "weight" || role == "bias") {
                params += double(element_count(param.type.shape)) / 1e6;
            }
        }
        EXPECT_NEAR(work, numbers.first, 1e-3 * numbers.first) << name;
        EXPECT_NEAR(params, numbers.second, 2e-3 * numbers.second) << name;
    }
}

TEST(ParamTypes, OfLayers) {
    const std::vector<TensorType> x = {{DType::f32, {1, 8, 5, 5}}};
    const auto text = [&](const Op &op) {
        std::string result;
        for (const ParamSpec &spec : param_types(op, x)) {
            result += spec.role + ": " + type_text(spec.type) + "; ";
        }
        return result;
    };
    EXPECT_EQ(text(conv(2, 6, 3, 1, 1, 2)), "weight: f32[6, 4, 3, 3]; bias: f32[6]; ");
    EXPECT_EQ(text(conv(2, 6, 1, 1, 0, 1, false)), "weight: f32[6, 8, 1, 1]; ");
    EXPECT_EQ(text(Linear{3, true}), "weight: f32[3, 5]; bias: f32[3]; ");
    EXPECT_EQ(text(BatchNorm{}),
              "weight: f32[8]; bias: f32[8]; running_mean: f32[8]; running_var: f32[8]; ");
    EXPECT_EQ(text(BatchNorm{1e-5, false}), "running_mean: f32[8]; running_var: f32[8]; ");
    EXPECT_EQ(text(Parameter{{2, 3}}), ": f32[2, 3]; ");
    EXPECT_EQ(text(Parameter{{2, 3}, DType::i64}), ": i64[2, 3]; ");
    EXPECT_EQ(text(ConvTranspose{6, {3, 2}, {1, 1}, {0, 0}, {0, 0}, {0, 0}, {1, 1}, 2, true}),
              "weight: f32[8, 3, 3, 2]; bias: f32[6]; ");
    EXPECT_EQ(text(InstanceNorm{}), "");
    EXPECT_EQ(text(InstanceNorm{1e-5, true}), "weight: f32[8]; bias: f32[8]; ");
    EXPECT_EQ(text(GroupNorm{2}), "weight: f32[8]; bias: f32[8]; ");
    EXPECT_EQ(text(LayerNorm{2}), "weight: f32[5, 5]; bias: f32[5, 5]; ");
    EXPECT_EQ(text(LayerNorm{1, 1e-5, true, false}), "weight: f32[5]; ");
    EXPECT_EQ(text(LayerNorm{1, 1e-5, false, true}), "");
    EXPECT_EQ(text(PRelu{8}), "weight: f32[8]; ");
    EXPECT_EQ(text(MatMul{}), "");
    EXPECT_EQ(text(Unary{}), "");
}

TEST(CallSpans, FallBackToTheCall) {
    CallSpans spans;
    spans.call = {1, 5, 9};
    spans.operands = {{1, 10, 11}};
    spans.arguments = {{"kernel", {1, 20, 21}}};
    EXPECT_EQ(spans.operand(0).begin, 10u);
    EXPECT_EQ(spans.operand(1).begin, 5u);
    EXPECT_EQ(spans.argument("kernel").begin, 20u);
    EXPECT_EQ(spans.argument("stride").begin, 5u);
}

} // namespace
