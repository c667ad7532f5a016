// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Receptive fields against values known from the literature and against dependence found by trying;
// parameters, work and traffic.
#include "compiler/graph/analysis.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

using Field = std::vector<double>;

Field sizes(const NodeFacts &facts) {
    Field sizes;
    for (const auto &field : facts.fields)
        sizes.push_back(field.value().size);
    return sizes;
}
Field strides(const NodeFacts &facts) {
    Field strides;
    for (const auto &field : facts.fields)
        strides.push_back(field.value().stride);
    return strides;
}
Field centres(const NodeFacts &facts) {
    Field centres;
    for (const auto &field : facts.fields)
        centres.push_back(field.value().centre);
    return centres;
}

TEST(Analysis, Vgg16ReceptiveFields) {
    TestGraph g;
    NodeId x = g.input("image", {1, 3, 224, 224});
    std::vector<NodeId> pools;
    int layer = 0;
    for (int convs : {2, 2, 3, 3, 3}) {
        for (int i = 0; i < convs; i++)
            x = g.add(conv(2, 4, 3, 1, 1), {x}, "conv" + std::to_string(layer++));
        x = g.add(max_pool(2, 2, 2), {x}, "pool" + std::to_string(layer++));
        pools.push_back(x);
    }
    g.output("y", x);
    const auto facts = analyze(g.graph());
    // Araujo et al., Computing Receptive Fields of Convolutional Neural Networks: VGG-16's pool5
    // has size 212, stride 32, padding 90, so that the first field begins at -90.
    EXPECT_EQ(centres(facts[size_t(x)]), (Field{15.5, 15.5}));
    EXPECT_EQ(sizes(facts[size_t(x)]), (Field{212, 212}));
    EXPECT_EQ(strides(facts[size_t(x)]), (Field{32, 32}));
    EXPECT_EQ(sizes(facts[size_t(pools[0])]), (Field{6, 6}));
    EXPECT_EQ(sizes(facts[size_t(pools[1])]), (Field{16, 16}));
    EXPECT_EQ(sizes(facts[size_t(pools[2])]), (Field{44, 44}));
}

TEST(Analysis, AlexNetV2ReceptiveField) {
    TestGraph g;
    NodeId x = g.input("image", {1, 3, 224, 224});
    x = g.add(conv(2, 4, 11, 4, 0), {x}, "conv1");
    x = g.add(max_pool(2, 3, 2), {x}, "pool1");
    x = g.add(conv(2, 4, 5, 1, 2), {x}, "conv2");
    x = g.add(max_pool(2, 3, 2), {x}, "pool2");
    for (const char *name : {"conv3", "conv4", "conv5"})
        x = g.add(conv(2, 4, 3, 1, 1), {x}, name);
    x = g.add(max_pool(2, 3, 2), {x}, "pool5");
    g.output("y", x);
    // The same paper: size 195, stride 32, padding 64.
    const auto facts = analyze(g.graph());
    EXPECT_EQ(sizes(facts[size_t(x)]), (Field{195, 195}));
    EXPECT_EQ(strides(facts[size_t(x)]), (Field{32, 32}));
    EXPECT_EQ(centres(facts[size_t(x)]), (Field{-64 + 194 / 2.0, -64 + 194 / 2.0}));
}

// Issue of every course: 10 filters of 5x5 with padding 2 over 3x32x32.
TEST(Analysis, TheConvolutionOfTheTextbook) {
    TestGraph g;
    NodeId x = g.input("x", {1, 3, 32, 32});
    NodeId y = g.add(conv(2, 10, 5, 1, 2), {x}, "y");
    g.output("y", y);
    const auto facts = analyze(g.graph());
    EXPECT_EQ(facts[size_t(y)].parameters, 760);
    EXPECT_EQ(facts[size_t(y)].multiply_adds, 768000);
    const int64_t bytes = 4 * (3 * 32 * 32 + 760 + 10 * 32 * 32);
    EXPECT_EQ(facts[size_t(y)].bytes_moved, bytes);
    EXPECT_DOUBLE_EQ(facts[size_t(y)].intensity(), 2.0 * 768000 / double(bytes));
}

TEST(Analysis, DilationBranchesAndHeads) {
    TestGraph g;
    NodeId x = g.input("image", {1, 2, 12, 20});
    Conv dilated = conv(2, 4, 3, 2, 2);
    dilated.dilation = {2, 1};
    NodeId a = g.add(dilated, {x}, "a");
    NodeId b = g.add(conv(2, 4, 5, 2, 2), {x}, "b");
    b = g.add(max_pool(2, 1, 1), {b}, "b_pool");
    Conv narrow = conv(2, 4, 3, 1, 1);
    NodeId c = g.add(narrow, {a}, "c");
    NodeId joined = g.add(Concat{1}, {c, a}, "joined");
    NodeId flat = g.add(Flatten{1, 3}, {joined}, "flat");
    NodeId fc = g.add(Linear{5, true}, {flat}, "fc");
    NodeId mean = g.add(GlobalAvgPool{}, {joined}, "mean");
    g.output("y", fc);
    g.output("z", mean);
    g.output("w", b);
    const auto facts = analyze(g.graph());
    EXPECT_EQ(sizes(facts[size_t(x)]), (Field{1, 1}));
    EXPECT_EQ(sizes(facts[size_t(a)]), (Field{5, 3}));
    EXPECT_EQ(strides(facts[size_t(a)]), (Field{2, 2}));
    EXPECT_EQ(sizes(facts[size_t(c)]), (Field{9, 7}));
    EXPECT_EQ(sizes(facts[size_t(joined)]), (Field{9, 7}));
    EXPECT_EQ(sizes(facts[size_t(flat)]), (Field{9, 7}));
    const Shape &map = g.graph()[joined].type.shape;
    const Field whole = {9 + double(map[2] - 1) * 2, 7 + double(map[3] - 1) * 2};
    EXPECT_EQ(sizes(facts[size_t(fc)]), whole);
    EXPECT_EQ(sizes(facts[size_t(mean)]), whole);
    EXPECT_EQ(sizes(facts[size_t(b)]), (Field{5, 5}));
}

TEST(Analysis, NoChainOfLayersOverflows) {
    TestGraph g;
    NodeId x = g.input("x", {1, 1, 1, 1});
    for (int i = 0; i < 200; i++)
        x = g.add(conv(2, 1, 3, 1000000, 1), {x}, "c" + std::to_string(i));
    g.output("y", x);
    const auto facts = analyze(g.graph());
    EXPECT_EQ(sizes(facts.back())[0], double(int64_t(1) << 40));
    EXPECT_EQ(strides(facts.back())[0], double(int64_t(1) << 40));
}

TEST(Analysis, CountsParametersWorkAndBytes) {
    TestGraph g;
    NodeId x = g.input("x", {1, 3, 8, 8});
    NodeId a = g.add(conv(2, 3, 3, 1, 1), {x}, "a");
    NodeId b = g.add_shared(a, {a}, "b");
    NodeId norm = g.add(BatchNorm{}, {b}, "norm");
    g.output("y", norm);
    const auto facts = analyze(g.graph());
    EXPECT_EQ(facts[size_t(a)].parameters, 3 * 3 * 9 + 3);
    EXPECT_EQ(facts[size_t(b)].parameters, 3 * 3 * 9 + 3);
    EXPECT_EQ(facts[size_t(norm)].parameters, 2 * 3);
    EXPECT_EQ(parameter_count(g.graph()), 3 * 3 * 9 + 3 + 2 * 3) << "shared weights count once";
    EXPECT_EQ(facts[size_t(a)].multiply_adds, 3 * 8 * 8 * 3 * 9);
    EXPECT_EQ(facts[size_t(norm)].multiply_adds, 0);
    EXPECT_EQ(facts[size_t(a)].activation_bytes, 4 * 3 * 8 * 8);
    EXPECT_EQ(facts[size_t(norm)].bytes_moved, 4 * (2 * 3 * 8 * 8 + 4 * 3));
    EXPECT_EQ(facts[size_t(x)].bytes_moved, 0);
}

} // namespace
} // namespace cnnc
