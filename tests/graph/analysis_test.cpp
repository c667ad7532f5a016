// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Receptive fields against values known from the literature; parameters and work.
#include "compiler/graph/analysis.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

using Field = std::vector<int64_t>;

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
    // Araujo et al., Computing Receptive Fields of Convolutional Neural Networks: VGG-16's pool5.
    EXPECT_EQ(facts[size_t(x)].receptive_field, (Field{212, 212}));
    EXPECT_EQ(facts[size_t(x)].jump, (Field{32, 32}));
    EXPECT_EQ(facts[size_t(pools[0])].receptive_field, (Field{6, 6}));
    EXPECT_EQ(facts[size_t(pools[1])].receptive_field, (Field{16, 16}));
    EXPECT_EQ(facts[size_t(pools[2])].receptive_field, (Field{44, 44}));
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
    EXPECT_EQ(facts[size_t(x)].receptive_field, (Field{1, 1}));
    EXPECT_EQ(facts[size_t(a)].receptive_field, (Field{5, 3}));
    EXPECT_EQ(facts[size_t(a)].jump, (Field{2, 2}));
    EXPECT_EQ(facts[size_t(c)].receptive_field, (Field{9, 7}));
    EXPECT_EQ(facts[size_t(joined)].receptive_field, (Field{9, 7}));
    EXPECT_EQ(facts[size_t(flat)].receptive_field, (Field{9, 7}));
    const Shape &map = g.graph()[joined].type.shape;
    const Field whole = {9 + (map[2] - 1) * 2, 7 + (map[3] - 1) * 2};
    EXPECT_EQ(facts[size_t(fc)].receptive_field, whole);
    EXPECT_EQ(facts[size_t(mean)].receptive_field, whole);
    EXPECT_EQ(facts[size_t(b)].receptive_field, (Field{5, 5}));
}

TEST(Analysis, NoChainOfLayersOverflows) {
    TestGraph g;
    NodeId x = g.input("x", {1, 1, 1, 1});
    for (int i = 0; i < 200; i++)
        x = g.add(conv(2, 1, 3, 1000000, 1), {x}, "c" + std::to_string(i));
    g.output("y", x);
    const auto facts = analyze(g.graph());
    EXPECT_EQ(facts.back().receptive_field[0], int64_t(1) << 40);
    EXPECT_EQ(facts.back().jump[0], int64_t(1) << 40);
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
    EXPECT_EQ(facts[size_t(norm)].parameters, 4 * 3);
    EXPECT_EQ(parameter_count(g.graph()), 3 * 3 * 9 + 3 + 4 * 3) << "shared weights count once";
    EXPECT_EQ(facts[size_t(a)].multiply_adds, 3 * 8 * 8 * 3 * 9);
    EXPECT_EQ(facts[size_t(norm)].multiply_adds, 0);
    EXPECT_EQ(facts[size_t(a)].activation_bytes, 4 * 3 * 8 * 8);
}

} // namespace
} // namespace cnnc
