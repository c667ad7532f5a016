// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Binding weights: what fits is bound, what does not is reported at the instance in the network.
#include "compiler/import/safetensors.h"
#include "tests/import/files.h"

#include <algorithm>
#include <cmath>

namespace cnnc::test {
namespace {

template <typename Element>
TensorData tensor(DType dtype, Shape shape, std::vector<Element> elements) {
    auto owner = std::make_shared<std::vector<Element>>(std::move(elements));
    return {{dtype, std::move(shape)}, owner, reinterpret_cast<const std::byte *>(owner->data())};
}

TensorData floats(Shape shape, std::vector<float> values) {
    return TensorData::from_floats(std::move(shape), std::move(values));
}

// A network text and a graph with params that point at its instances.
struct Network {
    SourceManager sources;
    Graph graph;
    Diagnostics diags;

    Network() {
        std::string text = "a = x -> linear(2) as fc1\nb = a -> linear(1) as fc2\n";
        FileId file = sources.add("net.cnn", text);
        uint32_t first = uint32_t(text.find("linear(2)")),
                 second = uint32_t(text.find("linear(1)"));
        graph.params = {{"fc1.weight", {DType::f32, {2, 2}}, {}, {file, first, first + 6}},
                        {"fc1.bias", {DType::f32, {2}}, {}, {file, first, first + 6}},
                        {"fc2.weight", {DType::f32, {1, 2}}, {}, {file, second, second + 6}}};
    }

    std::vector<std::string> bind(std::vector<NamedTensor> entries) {
        std::sort(entries.begin(), entries.end(), [](auto &a, auto &b) { return a.name < b.name; });
        return bind_weights(graph, {"w.safetensors", std::move(entries)}, diags);
    }
    std::string errors() const { return diags.render(sources); }
};

std::vector<NamedTensor> right_entries() {
    return {{"fc1.weight", floats({2, 2}, {1, 2, 3, 4})},
            {"fc1.bias", floats({2}, {5, 6})},
            {"fc2.weight", floats({1, 2}, {7, 8})}};
}

TEST(BindWeights, SharesWhatFits) {
    Network net;
    std::vector<NamedTensor> entries = right_entries();
    EXPECT_TRUE(net.bind(entries).empty());
    EXPECT_EQ(net.errors(), "");
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(net.graph.params[i].data.bytes, entries[i].data.bytes);
        EXPECT_EQ(net.graph.params[i].data.type, net.graph.params[i].type);
    }
}

TEST(BindWeights, NamesWhatNobodyUses) {
    Network net;
    std::vector<NamedTensor> entries = right_entries();
    entries.push_back({"fc3.weight", floats({1}, {0})});
    entries.push_back({"bn1.num_batches_tracked", tensor<int64_t>(DType::i64, {}, {12})});
    EXPECT_EQ(net.bind(entries), std::vector<std::string>{"fc3.weight"});
    EXPECT_FALSE(net.diags.has_errors());
}

TEST(BindWeights, ConvertsOtherFloats) {
    Network net;
    // 1, the least subnormal, minus infinity, the greatest; then for bfloat 1.5 and -3.
    net.bind({{"fc1.weight", tensor<uint16_t>(DType::f16, {2, 2}, {0x3c00, 1, 0xfc00, 0x7bff})},
              {"fc1.bias", tensor<uint16_t>(DType::bf16, {2}, {0x3fc0, 0xc040})},
              {"fc2.weight", tensor<double>(DType::f64, {1, 2}, {0.1, -2})}});
    EXPECT_EQ(net.errors(), "");
    const float *half = net.graph.params[0].data.floats();
    EXPECT_EQ(half[0], 1.0f);
    EXPECT_EQ(half[1], std::ldexp(1.0f, -24));
    EXPECT_EQ(half[2], -INFINITY);
    EXPECT_EQ(half[3], 65504.0f);
    EXPECT_EQ(net.graph.params[1].data.floats()[0], 1.5f);
    EXPECT_EQ(net.graph.params[1].data.floats()[1], -3.0f);
    EXPECT_EQ(net.graph.params[2].data.floats()[0], 0.1f);
    EXPECT_EQ(net.graph.params[2].data.type, net.graph.params[2].type);
}

TEST(BindWeights, ReportsWhatIsMissing) {
    Network net;
    std::vector<NamedTensor> entries = right_entries();
    entries[0].name = "fc1.wieght";
    entries[2].name = "head.fc2.weight";
    EXPECT_EQ(net.bind(entries), (std::vector<std::string>{"fc1.wieght", "head.fc2.weight"}));
    EXPECT_EQ(net.errors(), "net.cnn:1:10: error: no weights for `fc1.weight`, f32[2, 2]\n"
                            "a = x -> linear(2) as fc1\n"
                            "         ^~~~~~\n"
                            "note: `w.safetensors` has 3 entries, none of this name\n"
                            "help: did you mean `fc1.wieght`?\n"
                            "net.cnn:2:10: error: no weights for `fc2.weight`, f32[1, 2]\n"
                            "b = a -> linear(1) as fc2\n"
                            "         ^~~~~~\n"
                            "note: `w.safetensors` has 3 entries, none of this name\n"
                            "help: did you mean `head.fc2.weight`?\n");
}

TEST(BindWeights, ReportsTheWrongFileOnce) {
    Network net;
    std::vector<NamedTensor> entries = right_entries();
    for (NamedTensor &entry : entries)
        entry.name = "module." + entry.name;
    net.bind(entries);
    EXPECT_EQ(net.errors(), "error: none of the network's 3 parameters is in `w.safetensors`\n"
                            "note: its 3 entries have names such as `module.fc1.bias`\n"
                            "help: `fc1.weight` seems to be called `module.fc1.weight` there\n");
    Network other;
    other.bind({});
    EXPECT_EQ(other.errors(), "error: none of the network's 3 parameters is in `w.safetensors`\n");
}

TEST(BindWeights, PointsAtBothSidesOfAMisfit) {
    Network net;
    std::vector<NamedTensor> entries = right_entries();
    entries[0].data = floats({4}, {1, 2, 3, 4});
    entries[2].data = tensor<int8_t>(DType::i8, {1, 2}, {1, 2});
    net.bind(entries);
    EXPECT_EQ(net.errors(),
              "net.cnn:1:10: error: weights of the wrong shape: `fc1.weight` should be f32[2, 2]\n"
              "a = x -> linear(2) as fc1\n"
              "         ^~~~~~\n"
              "note: in `w.safetensors` it is f32[4]\n"
              "net.cnn:2:10: error: weights of the wrong type: `fc2.weight` should be f32\n"
              "b = a -> linear(1) as fc2\n"
              "         ^~~~~~\n"
              "note: in `w.safetensors` it is i8[1, 2]\n");
    EXPECT_FALSE(net.graph.params[0].data.defined());
    EXPECT_TRUE(net.graph.params[1].data.defined());
}

// Suggestions must not cost a comparison of every name with every other.
TEST(BindWeights, IsQuickWithManyNames) {
    Graph graph;
    WeightsFile weights{"w.safetensors", {}};
    TensorData data = floats({1}, {1});
    for (int i = 0; i < 100'000; ++i) {
        graph.params.push_back({fmt::format("layer_{:06}.weight", 2 * i), data.type, {}, {}});
        weights.entries.push_back({fmt::format("layer_{:06}.weight", 2 * i + 1), data});
    }
    graph.params.push_back({weights.entries[0].name, data.type, {}, {}});
    Diagnostics diags;
    EXPECT_TRUE(bind_weights(graph, weights, diags).size() == 99'999);
    EXPECT_EQ(diags.error_count(), 100u);
}

} // namespace
} // namespace cnnc::test
