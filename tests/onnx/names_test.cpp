// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From names in ONNX files to names of layers.
#include "compiler/onnx/names.h"

#include "compiler/graph/graph.h"
#include "dsl/lexer.h"

#include <gtest/gtest.h>

#include <random>

namespace cnnc {
namespace {

TEST(OnnxNames, BecomePaths) {
    EXPECT_EQ(as_path("layer1.0.conv1"), "layer1.0.conv1");
    EXPECT_EQ(as_path("/layer1/conv 1:0"), "layer1.conv_1");
    EXPECT_EQ(as_path("model::conv"), "model.conv");
    EXPECT_EQ(as_path("3x3.w"), "_3x3.w");
    EXPECT_EQ(as_path("0.weight"), "0.weight");
    EXPECT_EQ(as_path("..a..b.."), "a.b");
    EXPECT_EQ(as_path("\xC3\xBC"), "");
    EXPECT_EQ(as_path("::"), "");
}

TEST(OnnxNames, OfWeightsNameLayers) {
    EXPECT_EQ(layer_of_weight("layer1.0.conv1.weight"), "layer1.0.conv1");
    EXPECT_EQ(layer_of_weight("fire2_conv1x1_1_w"), "fire2_conv1x1_1");
    EXPECT_EQ(layer_of_weight("net/conv1/Conv2D/ReadVariableOp:0"), "net.conv1");
    EXPECT_EQ(layer_of_weight("net/bn/gamma:0"), "net.bn");
    EXPECT_EQ(layer_of_weight("dw/depthwise_kernel"), "dw");
    EXPECT_EQ(layer_of_weight("onnx::Conv_193"), "");
    EXPECT_EQ(layer_of_weight("193"), "");
    EXPECT_EQ(layer_of_weight("Parameter5"), "");
    EXPECT_EQ(layer_of_weight("weight"), "");
}

std::vector<std::string> paths(const std::vector<std::pair<std::string, std::string>> &nodes) {
    std::vector<pb::NodeProto> protos;
    for (const auto &[name, op] : nodes) {
        protos.emplace_back();
        protos.back().set_name(name);
        protos.back().set_op_type(op);
    }
    std::vector<const pb::NodeProto *> pointers;
    for (const pb::NodeProto &proto : protos)
        pointers.push_back(&proto);
    NodeNames names(pointers);
    std::vector<std::string> result;
    for (const pb::NodeProto &proto : protos)
        result.push_back(names.path(proto));
    return result;
}

TEST(OnnxNames, OfNodesSayTheirModule) {
    using Paths = std::vector<std::string>;
    EXPECT_EQ(
        paths({{"/layer1/layer1.0/conv1/Conv", "Conv"},
               {"/layer1/layer1.0/Relu", "Relu"},
               {"/layer1/layer1.0/Add", "Add"},
               {"/layer1/layer1.0/Relu_1", "Relu"},
               {"/Flatten", "Flatten"}}),
        (Paths{"layer1.0.conv1", "layer1.0.relu", "layer1.0.add", "layer1.0.relu_1", "flatten"}));
    EXPECT_EQ(paths({{"Conv_12", "Conv"}, {"", "MaxPool"}, {"193", "PRelu"}, {"fc", "Gemm"}}),
              (Paths{"conv_12", "max_pool", "prelu", "fc"}));
}

TEST(OnnxNames, BecomeIdentifiers) {
    EXPECT_EQ(as_identifier("data", "x"), "data");
    EXPECT_EQ(as_identifier("input.1", "x"), "input_1");
    EXPECT_EQ(as_identifier("input", "x"), "input_"); // a keyword
    EXPECT_EQ(as_identifier("relu", "x"), "relu_");   // an operator
    EXPECT_EQ(as_identifier("f32", "x"), "f32_");
    EXPECT_EQ(as_identifier("max", "x"), "max_");
    EXPECT_EQ(as_identifier("245", "result"), "result");
    EXPECT_EQ(as_identifier("2d", "x"), "_2d");
    EXPECT_EQ(as_identifier("", "x"), "x");
}

// Whatever a name is, what comes out is one.
TEST(OnnxNames, AreAlwaysLegal) {
    std::mt19937 random(1);
    const std::string alphabet = "aZ09_./: -\xC3\xBC{}\"\n:0input";
    for (int i = 0; i < 20000; ++i) {
        std::string name;
        for (size_t length = random() % 12; length > 0; --length)
            name += alphabet[random() % alphabet.size()];
        EXPECT_TRUE(is_identifier(as_identifier(name, "x"))) << name;
        for (const std::string &path : {as_path(name), layer_of_weight(name), snake_case(name)})
            EXPECT_TRUE(path.empty() || is_path(path)) << name << " as " << path;
    }
}

TEST(OnnxNames, AreKeptApart) {
    NamePool pool;
    EXPECT_EQ(pool.unique("a"), "a");
    EXPECT_EQ(pool.unique("a_1"), "a_1");
    EXPECT_EQ(pool.unique("a"), "a_2");
    EXPECT_EQ(pool.unique("a"), "a_3");
}

} // namespace
} // namespace cnnc
