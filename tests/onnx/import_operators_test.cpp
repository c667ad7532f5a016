// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What ONNX's own cases leave out: other operator sets' forms, weights that are transformed, shape
// arithmetic, operators that become others.
#include "tests/onnx/model_builder.h"

#include "compiler/graph/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace cnnc {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;
using Numbers = std::vector<double>;

MATCHER(NearlyEqual, "") {
    return std::abs(std::get<0>(arg) - std::get<1>(arg)) <=
           1e-5 + 1e-5 * std::abs(std::get<1>(arg));
}

// One node of input "x" and output "y".
ModelBuilder one_node(const std::string &op, int64_t opset, const Shape &shape,
                      const std::vector<Attribute> &attributes = {},
                      std::vector<std::string> more = {}) {
    ModelBuilder model(opset);
    more.insert(more.begin(), "x");
    model.input("x", shape).node(op, more, {"y"}, attributes).output("y");
    return model;
}

void expect(const ModelBuilder &model, const std::vector<float> &input, const Numbers &expected) {
    EXPECT_THAT(computed(model, input), Pointwise(NearlyEqual(), expected));
}

Shape output_shape(const ModelBuilder &model, const OnnxImportOptions &options = {}) {
    std::optional<Graph> graph = imported(model, options);
    return graph ? (*graph)[graph->outputs[0].node].type.shape : Shape();
}

TEST(ImportOperators, SoftmaxOfOldFlattens) {
    std::vector<float> x = {0, std::log(2.0F), std::log(3.0F), std::log(4.0F)};
    expect(one_node("Softmax", 11, {1, 2, 2}), x, {0.1, 0.2, 0.3, 0.4});
    expect(one_node("Softmax", 11, {1, 2, 2}, {{"axis", 2}}), x,
           {1 / 3.0, 2 / 3.0, 3 / 7.0, 4 / 7.0});
    expect(one_node("Softmax", 13, {1, 2, 2}), x, {1 / 3.0, 2 / 3.0, 3 / 7.0, 4 / 7.0});
    expect(one_node("LogSoftmax", 11, {1, 2, 2}), x,
           {std::log(0.1), std::log(0.2), std::log(0.3), std::log(0.4)});
    // Where nothing is behind the axis, no reshape is needed.
    auto graph = imported(one_node("Softmax", 11, {2, 4, 1, 1}));
    EXPECT_EQ(summary(*graph), "softmax = softmax(x)\n");
}

TEST(ImportOperators, AttributesThatBecameOperands) {
    std::vector<float> x = {-3, 1, 2, 9};
    expect(one_node("Clip", 6, {4}, {{"min", -1.0}, {"max", 2.0}}), x, {-1, 1, 2, 2});
    expect(one_node("Clip", 6, {4}, {{"min", 0.0}, {"max", 6.0}}), x, {0, 1, 2, 6});
    expect(one_node("Squeeze", 11, {1, 4, 1}, {{"axes", {0}}}), x, {-3, 1, 2, 9});
    EXPECT_EQ(output_shape(one_node("Squeeze", 11, {1, 4, 1}, {{"axes", {-1}}})), (Shape{1, 4}));
    EXPECT_EQ(output_shape(one_node("Unsqueeze", 11, {4}, {{"axes", {0, 2}}})), (Shape{1, 4, 1}));
    expect(one_node("ReduceSum", 11, {2, 2}, {{"axes", {1}}, {"keepdims", 0}}), x, {-2, 11});
    expect(one_node("Slice", 9, {4}, {{"starts", {1}}, {"ends", {INT64_MAX}}}), x, {1, 2, 9});
    expect(one_node("Pad", 2, {4}, {{"pads", {1, 0}}, {"value", 7.0}}), x, {7, -3, 1, 2, 9});
    expect(one_node("TopK", 9, {4}, {{"k", 2}}), x, {9, 2});
    expect(one_node("Upsample", 9, {1, 1, 2, 2}, {}, {"s"}).floats("s", {4}, {1, 1, 1, 2}), x,
           {-3, -3, 1, 1, 2, 2, 9, 9});
    expect(one_node("Resize", 10, {1, 1, 2, 2}, {{"mode", "linear"}}, {"s"})
               .floats("s", {4}, {1, 1, 1, 2}),
           x, {-3, -1, 1, 1, 2, 5.5, 9, 9});
}

TEST(ImportOperators, SlicesFollowPython) {
    auto sliced = [](int64_t start, int64_t end, int64_t step) {
        ModelBuilder model = one_node("Slice", 13, {5}, {}, {"b", "e", "a", "s"});
        model.integers("b", {1}, {start}).integers("e", {1}, {end}).integers("a", {1}, {-1});
        return computed(model.integers("s", {1}, {step}), {0, 1, 2, 3, 4});
    };
    EXPECT_THAT(sliced(0, INT64_MAX, 2), ElementsAre(0, 2, 4));
    EXPECT_THAT(sliced(-2, INT64_MAX, 1), ElementsAre(3, 4));
    EXPECT_THAT(sliced(-1, INT64_MIN, -1), ElementsAre(4, 3, 2, 1, 0));
    EXPECT_THAT(sliced(INT64_MAX, INT64_MIN, -3), ElementsAre(4, 1));
    EXPECT_THAT(sliced(INT64_MIN, -3, 1), ElementsAre(0, 1));
    EXPECT_THAT(sliced(1, 3, INT64_MAX), ElementsAre(1));
    EXPECT_THAT(sliced(3, 1, INT64_MIN), ElementsAre(3));
    EXPECT_THAT(sliced(3, 0, -2), ElementsAre(3, 1));
}

TEST(ImportOperators, SplitsOfEveryForm) {
    auto sizes = [](ModelBuilder model) {
        std::vector<int64_t> result;
        auto graph = imported(model.output("b"));
        for (const Output &output : graph->outputs)
            result.push_back((*graph)[output.node].type.shape[0]);
        return result;
    };
    auto split = [](int64_t opset, const std::vector<Attribute> &attributes, bool operand) {
        ModelBuilder model(opset);
        model.input("x", {5}).output("a");
        std::vector<std::string> inputs = {"x"};
        if (operand)
            inputs.push_back("s");
        return model.integers("s", {2}, {4, 1}).node("Split", inputs, {"a", "b"}, attributes);
    };
    EXPECT_THAT(sizes(split(11, {{"split", {2, 3}}}, false)), ElementsAre(2, 3));
    EXPECT_THAT(sizes(split(13, {}, true)), ElementsAre(4, 1));
    EXPECT_THAT(sizes(split(18, {{"num_outputs", 2}}, false)), ElementsAre(3, 2));
}

TEST(ImportOperators, GemmIsALinearLayer) {
    auto gemm = [](const std::vector<Attribute> &attributes, const Shape &weight) {
        ModelBuilder model = one_node("Gemm", 13, {1, 2}, attributes, {"fc.weight", "fc.bias"});
        return model.floats("fc.weight", weight, {1, 2, 3, 4, 5, 6})
            .floats("fc.bias", {3}, {1, 1, 2});
    };
    expect(gemm({}, {2, 3}), {1, 10}, {42, 53, 65});
    expect(gemm({{"transB", 1}}, {3, 2}), {1, 10}, {22, 44, 67});
    expect(gemm({{"alpha", 2.0}, {"beta", 0.5}}, {2, 3}), {1, 10}, {82.5, 104.5, 127});
    auto graph = imported(gemm({}, {2, 3}));
    EXPECT_EQ(summary(*graph), "fc = linear(x)\n");
    EXPECT_EQ(graph->params[0].name, "fc.weight");
    EXPECT_EQ(graph->params[0].type.shape, (Shape{3, 2}));
    EXPECT_EQ(graph->params[1].name, "fc.bias");
    // A matrix for every row is no bias.
    ModelBuilder rows = one_node("Gemm", 13, {2, 1}, {{"transA", 1}}, {"w", "c"});
    rows.floats("w", {2, 1}, {3, 4}).floats("c", {1, 1}, {5});
    expect(rows, {1, 2}, {16});
}

TEST(ImportOperators, SumsBecomeBiases) {
    ModelBuilder model(13);
    model.input("x", {1, 2}).floats("w", {2, 2}, {1, 2, 3, 4}).floats("b", {2}, {10, 20});
    model.node("MatMul", {"x", "w"}, {"p"}).node("Add", {"b", "p"}, {"y"}).output("y");
    expect(model, {1, 1}, {14, 26});
    EXPECT_EQ(summary(*imported(model)), "mat_mul = linear(x)\n");
    // Somebody else reads the product.
    model.output("p");
    EXPECT_EQ(summary(*imported(model)), "mat_mul = linear(x)\nadd = add(constant, mat_mul)\n");
}

TEST(ImportOperators, SumsOfConvolutionsBecomeBiases) {
    ModelBuilder model(13);
    model.input("x", {1, 1, 2, 2}).floats("c.weight", {2, 1, 1, 1}, {1, 2});
    model.floats("b", {2, 1, 1}, {10, 20}).floats("other", {1, 1, 2}, {10, 20});
    model.node("Conv", {"x", "c.weight"}, {"p"}).node("Add", {"p", "b"}, {"q"});
    model.node("Add", {"q", "other"}, {"y"}).output("y");
    expect(model, {0, 1, 2, 3}, {20, 31, 22, 33, 30, 42, 34, 46});
    EXPECT_EQ(summary(*imported(model)), "c = conv2d(x)\nadd = add(c, constant)\n");
}

TEST(ImportOperators, AliasesKeepSumsApart) {
    ModelBuilder model(13);
    model.input("x", {1, 2}).floats("w", {2, 1}, {1, 2}).floats("b", {1}, {10});
    model.node("MatMul", {"x", "w"}, {"p"}).node("Identity", {"p"}, {"q"});
    model.node("Add", {"q", "b"}, {"y"}).node("Relu", {"p"}, {"z"}).output("y").output("z");
    auto outputs = interpret(*imported(model), {TensorData::from_floats({1, 2}, {1, 1})});
    EXPECT_THAT(outputs[0].values, ElementsAre(13));
    EXPECT_THAT(outputs[1].values, ElementsAre(3));
}

TEST(ImportOperators, WeightsAreShared) {
    ModelBuilder model(13);
    model.input("x", {1, 1, 4}).floats("head.weight", {1, 1, 1}, {2});
    model.floats("b", {1}, {1}).floats("other", {1}, {3});
    model.node("Conv", {"x", "head.weight", "b"}, {"p"});
    model.node("Conv", {"p", "head.weight", "b"}, {"q"});
    model.node("Conv", {"q", "head.weight", "other"}, {"y"}).output("y");
    auto graph = imported(model);
    EXPECT_EQ(summary(*graph),
              "head = conv1d(x)\nhead_1 = conv1d(head)\nhead_2 = conv1d(head_1)\n");
    EXPECT_EQ(graph->params.size(), 4u);
    EXPECT_EQ(weights_path(*graph, 2), "head");
    EXPECT_EQ(weights_path(*graph, 3), "head_2");
}

TEST(ImportOperators, PadsForTheSameSize) {
    auto conv = [](const char *pad, const Shape &shape) {
        ModelBuilder model =
            one_node("Conv", 13, shape, {{"auto_pad", pad}, {"strides", {2}}}, {"w"});
        return model.floats("w", {1, 1, 2}, {1, 10});
    };
    expect(conv("SAME_UPPER", {1, 1, 3}), {1, 2, 3}, {21, 3});
    expect(conv("SAME_LOWER", {1, 1, 3}), {1, 2, 3}, {10, 32});
    expect(conv("VALID", {1, 1, 3}), {1, 2, 3}, {21});
}

TEST(ImportOperators, TransposedConvolutionsOfAGivenSize) {
    auto conv = [](const std::vector<Attribute> &attributes) {
        ModelBuilder model = one_node("ConvTranspose", 13, {1, 1, 2}, attributes, {"w"});
        return model.floats("w", {1, 1, 3}, {1, 2, 3});
    };
    expect(conv({}), {1, 10}, {1, 12, 23, 30});
    expect(conv({{"strides", {2}}, {"output_shape", {4}}}), {1, 10}, {2, 13, 20, 30});
    expect(conv({{"strides", {2}}, {"output_shape", {6}}}), {1, 10}, {1, 2, 13, 20, 30, 0});
    expect(conv({{"strides", {2}}, {"auto_pad", "SAME_UPPER"}}), {1, 10}, {1, 2, 13, 20});
    expect(conv({{"pads", {1, 1}}}), {1, 10}, {12, 23});
}

TEST(ImportOperators, PoolsPaddedWidely) {
    std::vector<Attribute> attributes = {{"kernel_shape", {2}}, {"pads", {2, 0}}};
    ModelBuilder average = one_node("AveragePool", 11, {1, 1, 2}, attributes);
    average.graph().mutable_node(0)->mutable_attribute()->Add()->CopyFrom(
        Attribute("count_include_pad", 1).proto);
    expect(average, {4, 8}, {0, 2, 6});
    EXPECT_EQ(computed(one_node("MaxPool", 11, {1, 1, 2}, attributes), {4, 8})[2], 8);
    expect(one_node("LpPool", 11, {1, 1, 3}, {{"kernel_shape", {2}}}), {3, -4, 0}, {5, 4});
}

TEST(ImportOperators, NormsWithoutCases) {
    expect(one_node("LpNormalization", 11, {2, 2}, {{"p", 1}}), {1, 3, -2, 2},
           {0.25, 0.75, -0.5, 0.5});
    expect(one_node("GlobalLpPool", 11, {1, 2, 2}), {3, 4, 6, 8}, {5, 10});
    expect(one_node("LRN", 13, {1, 3, 1, 1}, {{"size", 3}, {"alpha", 3.0}, {"beta", 1.0}}),
           {1, 2, 3}, {1 / 6.0, 2 / 15.0, 3 / 14.0});
    auto group = [](int64_t opset, const Shape &shape, const std::vector<float> &scale) {
        ModelBuilder model = one_node("GroupNormalization", opset, {1, 4, 1},
                                      {{"num_groups", 2}, {"epsilon", 0.0}}, {"s", "b"});
        return model.floats("s", shape, scale).floats("b", shape, std::vector<float>(scale.size()));
    };
    expect(group(18, {2}, {1, 2}), {1, 3, 10, 30}, {-1, 1, -2, 2});
    expect(group(21, {4}, {1, 2, 3, 4}), {1, 3, 10, 30}, {-1, 2, -3, 4});
}

TEST(ImportOperators, ElementwiseWithoutCases) {
    expect(one_node("Gelu", 20, {2}), {1, -1}, {0.8413447, -0.1586553});
    expect(one_node("Gelu", 20, {2}, {{"approximate", "tanh"}}), {1, -1}, {0.8411920, -0.1588080});
    expect(one_node("Mish", 18, {1}), {1}, {0.8650984});
    expect(one_node("Erf", 13, {1}), {1}, {0.8427008});
    expect(one_node("ReduceLogSumExp", 13, {2}), {std::log(2.0F), std::log(3.0F)}, {std::log(5.0)});
    expect(one_node("Cast", 13, {3}, {{"to", 6}}), {1.7F, -1.7F, 3e9F}, {1, -1, 2147483647});
    expect(one_node("Cast", 13, {2}, {{"to", 10}}), {1.5F, 2}, {1.5, 2}); // f16 is f32 here
    expect(one_node("CastLike", 15, {1}, {}, {"l"}).integers("l", {1}, {0}), {2.5F}, {2});
}

TEST(ImportOperators, BytesWrapAround) {
    ModelBuilder model(14);
    model.input("x", {3}, 2).node("Add", {"x", "x"}, {"y"}).output("y");
    auto graph = imported(model);
    auto values = std::make_shared<std::vector<uint8_t>>(std::vector<uint8_t>{1, 100, 200});
    TensorData data{{DType::u8, {3}}, values, reinterpret_cast<const std::byte *>(values->data())};
    EXPECT_THAT(interpret(*graph, {data})[0].values, ElementsAre(2, 200, 144));
    EXPECT_EQ((*graph)[graph->outputs[0].node].type.dtype, DType::u8);
}

TEST(ImportOperators, EinsumOfEveryKind) {
    auto einsum = [](const char *equation, const Shape &x, const Shape &y) {
        ModelBuilder model(12);
        model.input("x", x).floats("y", y, {1, 2, 3, 4, 5, 6});
        return model.node("Einsum", {"x", "y"}, {"z"}, {{"equation", equation}}).output("z");
    };
    expect(einsum("ij, jk -> ik", {1, 2}, {2, 3}), {1, 10}, {41, 52, 63});
    expect(einsum("ij,kj->ki", {1, 2}, {3, 2}), {1, 10}, {21, 43, 65});
    expect(einsum("bi,bj->bij", {2, 1}, {2, 3}), {1, 10}, {1, 2, 3, 40, 50, 60});
    expect(einsum("ij,ij", {2, 3}, {2, 3}), {1, 1, 1, 2, 2, 2}, {36});
    ModelBuilder single = one_node("Einsum", 12, {2, 3}, {{"equation", "ij->j"}});
    expect(single, {1, 2, 3, 4, 5, 6}, {5, 7, 9});
}

TEST(ImportOperators, ShapeArithmeticIsFolded) {
    // What exporters write for x.view(x.size(0), -1) and for sizes in halves.
    ModelBuilder model(13);
    model.input("x", {2, 3, 4, 4}).integers("zero", {}, {0}).integers("axes", {1}, {0});
    model.integers("rest", {1}, {-1}).node("Shape", {"x"}, {"s"});
    model.node("Gather", {"s", "zero"}, {"n"}).node("Unsqueeze", {"n", "axes"}, {"n1"});
    model.node("Concat", {"n1", "rest"}, {"shape"}, {{"axis", 0}});
    model.node("Reshape", {"x", "shape"}, {"y"}).output("y");
    auto graph = imported(model);
    EXPECT_EQ(summary(*graph), "reshape = flatten(x)\n");
    EXPECT_EQ(graph->nodes.size(), 2u);
}

TEST(ImportOperators, ValuesOfWhichOnlyTheShapeCountsAreLeftOut) {
    ModelBuilder model(13);
    model.input("x", {2, 2}).floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
    model.node("MatMul", {"x", "w"}, {"p"}).node("Shape", {"p"}, {"s"});
    model.node("Relu", {"x"}, {"z"}).node("ConstantOfShape", {"s"}, {"c"});
    model.output("z").output("c");
    auto graph = imported(model);
    EXPECT_EQ(summary(*graph), "relu = relu(x)\n");
    EXPECT_EQ(graph->params.size(), 0u);
}

TEST(ImportOperators, ManyCopiesAreNoWeights) {
    ModelBuilder model(13);
    model.input("x", {1}).integers("s", {2}, {1000, 1000}).node("ConstantOfShape", {"s"}, {"c"});
    model.node("Add", {"x", "c"}, {"y"}).output("y");
    auto graph = imported(model);
    EXPECT_EQ(summary(*graph),
              "constant_of_shape = expand(0.0)\nadd = add(x, constant_of_shape)\n");
    EXPECT_EQ(graph->params.size(), 0u);
}

TEST(ImportOperators, LargeIntegersStayExact) {
    ModelBuilder model(13);
    model.input("x", {1}, 7).integers("w", {1}, {INT64_MAX - 1});
    model.node("Add", {"x", "w"}, {"y"}).output("y");
    auto graph = imported(model);
    ASSERT_EQ(graph->params.size(), 1u);
    EXPECT_EQ(*reinterpret_cast<const int64_t *>(graph->params[0].data.bytes), INT64_MAX - 1);
}

TEST(ImportOperators, FoldsInSinglePrecision) {
    // floor(10 * 0.7) is 7 in f32, 6 in f64.
    ModelBuilder model(13);
    model.input("x", {10}).floats("factor", {}, {0.7F}).node("Shape", {"x"}, {"s"});
    model.node("Cast", {"s"}, {"f"}, {{"to", 1}}).node("Mul", {"f", "factor"}, {"m"});
    model.node("Floor", {"m"}, {"r"}).node("Cast", {"r"}, {"end"}, {{"to", 7}});
    model.integers("begin", {1}, {0}).node("Slice", {"x", "begin", "end"}, {"y"}).output("y");
    EXPECT_EQ(output_shape(model), (Shape{7}));
}

TEST(ImportOperators, IntegersAreDividedTowardsZero) {
    ModelBuilder model(13);
    model.input("x", {7}).integers("d", {}, {-2}).node("Shape", {"x"}, {"s"});
    model.node("Div", {"s", "d"}, {"q"}).node("Neg", {"q"}, {"e"}).integers("b", {1}, {0});
    model.node("Slice", {"x", "b", "e"}, {"y"}).output("y");
    EXPECT_EQ(output_shape(model), (Shape{3}));
}

// reshape, permute, reshape
std::string shuffled(const Shape &x, std::initializer_list<int64_t> parts,
                     std::initializer_list<int64_t> perm, std::initializer_list<int64_t> result,
                     bool middle_is_output = false) {
    ModelBuilder model(13);
    model.input("x", x).integers("a", {int64_t(parts.size())}, parts);
    model.integers("b", {int64_t(result.size())}, result).node("Reshape", {"x", "a"}, {"p"});
    model.node("Transpose", {"p"}, {"q"}, {{"perm", perm}}).node("Reshape", {"q", "b"}, {"y"});
    model.output("y");
    if (middle_is_output)
        model.output("q");
    auto graph = imported(model);
    const Node &node = (*graph)[graph->outputs[0].node];
    return op_name(node.op, {(*graph)[node.inputs[0]].type});
}

TEST(ImportOperators, ShufflesAreFoundAgain) {
    EXPECT_EQ(shuffled({1, 8, 2, 3}, {1, 2, 2, 2, 2, 3}, {0, 1, 4, 2, 5, 3}, {1, 2, 4, 6}),
              "pixel_shuffle");
    EXPECT_EQ(shuffled({1, 2, 4, 6}, {1, 2, 2, 2, 3, 2}, {0, 1, 3, 5, 2, 4}, {1, 8, 2, 3}),
              "pixel_unshuffle");
    EXPECT_EQ(shuffled({1, 6, 4}, {1, 2, 3, 4}, {0, 2, 1, 3}, {1, 6, 4}), "channel_shuffle");
    // Not quite.
    EXPECT_EQ(shuffled({1, 8, 2, 3}, {1, 2, 2, 2, 2, 3}, {0, 1, 4, 2, 5, 3}, {1, 2, 6, 4}),
              "reshape");
    EXPECT_EQ(shuffled({1, 12, 2, 3}, {1, 2, 3, 2, 2, 3}, {0, 1, 4, 2, 5, 3}, {1, 2, 6, 6}),
              "reshape");
    EXPECT_EQ(shuffled({1, 6, 4}, {1, 2, 3, 4}, {0, 2, 1, 3}, {1, 6, 4}, true), "reshape");
}

TEST(ImportOperators, SlicesOfSlicesAreOne) {
    ModelBuilder model(13);
    model.input("x", {9}).integers("b", {1}, {7}).integers("e", {1}, {0});
    model.integers("a", {1}, {0}).integers("s", {1}, {-2});
    model.node("Slice", {"x", "b", "e", "a", "s"}, {"p"}); // 7 5 3 1
    model.integers("b2", {1}, {1}).integers("e2", {1}, {4}).integers("s2", {1}, {2});
    model.node("Slice", {"p", "b2", "e2", "a", "s2"}, {"y"}).output("y");
    expect(model, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {5, 1});
    EXPECT_EQ(summary(*imported(model)), "slice_1 = strided_slice(x)\n");

    ModelBuilder two(13);
    two.input("x", {4, 4}).integers("b", {1}, {1}).integers("e", {1}, {2});
    two.integers("first", {1}, {0}).integers("second", {1}, {1});
    two.node("Slice", {"x", "b", "e", "first"}, {"p"});
    two.node("Slice", {"p", "b", "e", "second"}, {"y"}).output("y");
    EXPECT_EQ(summary(*imported(two)),
              "slice = strided_slice(x)\nslice_1 = strided_slice(slice)\n");
}

TEST(ImportOperators, GatesAreFoundAgain) {
    auto gated = [](const char *op, const std::vector<Attribute> &attributes) {
        ModelBuilder model(14);
        model.input("x", {2}).node(op, {"x"}, {"s"}, attributes).node("Mul", {"x", "s"}, {"y"});
        return model.output("y");
    };
    expect(gated("Sigmoid", {}), {1, -1}, {0.7310586, -0.2689414});
    EXPECT_EQ(summary(*imported(gated("Sigmoid", {}))), "mul = silu(x)\n");
    EXPECT_EQ(summary(*imported(gated("HardSigmoid", {{"alpha", 1 / 6.0}}))),
              "mul = hard_swish(x)\n");
    EXPECT_EQ(summary(*imported(gated("HardSigmoid", {}))),
              "hard_sigmoid = hard_sigmoid(x)\nmul = mul(x, hard_sigmoid)\n");
    ModelBuilder mish(14);
    mish.input("x", {2}).node("Softplus", {"x"}, {"p"}).node("Tanh", {"p"}, {"t"});
    mish.node("Mul", {"t", "x"}, {"y"}).output("y");
    EXPECT_EQ(summary(*imported(mish)), "mul = mish(x)\n");
}

TEST(ImportOperators, ConditionsThatAreKnown) {
    ModelBuilder model(13);
    model.input("x", {4}).integers("c", {}, {0});
    pb::AttributeProto then_branch, else_branch;
    for (auto *branch : {&then_branch, &else_branch}) {
        bool first = branch == &then_branch;
        branch->set_name(first ? "then_branch" : "else_branch");
        branch->set_type(pb::AttributeProto::GRAPH);
        pb::NodeProto &node = *branch->mutable_g()->add_node();
        node.set_op_type(first ? "NonZero" : "Relu");
        node.add_input("x");
        node.add_output("r");
        branch->mutable_g()->add_output()->set_name("r");
    }
    model.node("If", {"c"}, {"y"}).output("y");
    *model.graph().mutable_node(0)->add_attribute() = then_branch;
    *model.graph().mutable_node(0)->add_attribute() = else_branch;
    expect(model, {-1, 2, -3, 4}, {0, 2, 0, 4});
}

TEST(ImportOperators, KeepsChannelsLastWhenResizing) {
    ModelBuilder model = one_node("Resize", 13, {1, 1, 2, 3}, {{"mode", "nearest"}}, {"", "s"});
    expect(model.floats("s", {4}, {1, 2, 1, 1}), {1, 2, 3, 4, 5, 6},
           {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
}

// Expected: PyTorch's interpolate(x, size=(1, 4), mode="bilinear", antialias=True).
TEST(ImportOperators, AntialiasedResizesLeaveOutWhatIsBeyondTheBorder) {
    auto resize = [](int exclude_outside) {
        ModelBuilder model =
            one_node("Resize", 18, {1, 1, 1, 8},
                     {{"mode", "linear"}, {"antialias", 1}, {"exclude_outside", exclude_outside}},
                     {"", "", "s"});
        return model.integers("s", {4}, {1, 1, 1, 4});
    };
    expect(resize(1), {0, 1, 4, 9, 16, 25, 36, 49}, {1, 7, 21, 40});
    EXPECT_NE(
        messages(resize(0).bytes()).find("note: Resize with antialias and without exclude_outside"),
        std::string::npos);
}

TEST(ImportOperators, AspectRatios) {
    auto resized = [](const char *policy) {
        ModelBuilder model =
            one_node("Resize", 18, {1, 1, 2, 4},
                     {{"axes", {2, 3}}, {"keep_aspect_ratio_policy", policy}}, {"", "", "s"});
        return output_shape(model.integers("s", {2}, {7, 8}));
    };
    EXPECT_EQ(resized("stretch"), (Shape{1, 1, 7, 8}));
    EXPECT_EQ(resized("not_larger"), (Shape{1, 1, 4, 8}));
    EXPECT_EQ(resized("not_smaller"), (Shape{1, 1, 7, 14}));
}

} // namespace
} // namespace cnnc
