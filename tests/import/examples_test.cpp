// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The example networks: torchvision's weights fit by name and shape, the work is what the
// literature counts, and LeNet-5's trained weights bind.
#include "compiler/import/safetensors.h"
#include "compiler/sema/load.h"
#include "tests/import/files.h"

#include <algorithm>

namespace cnnc::test {
namespace {

struct Example {
    const char *name;
    bool in_torchvision;
    int64_t multiply_adds;
};
constexpr Example examples[] = {
    {"lenet5", false, 416'520},           {"vgg16", true, 15'470'264'320},
    {"resnet18", true, 1'814'073'344},    {"resnet50", true, 4'089'184'256},
    {"mobilenet_v1", false, 568'740'352}, {"mobilenet_v2", true, 300'774'272},
    {"squeezenet", true, 349'151'936},
};

class EveryExample : public testing::TestWithParam<Example> {};

std::string folder() {
    return CNNC_SOURCE_DIR "/examples/";
}

std::optional<Graph> load(const std::string &name) {
    SourceManager sources;
    Diagnostics diags;
    auto graph = load_network(folder() + name + "/" + name + ".cnn", sources, diags);
    EXPECT_TRUE(graph.has_value()) << diags.render(sources);
    EXPECT_EQ(diags.render(sources), "");
    return graph;
}

// The lines of a list in state_dicts/, without its comment.
std::vector<std::string> state_dict(const std::string &name) {
    std::ifstream file(CNNC_SOURCE_DIR "/tests/import/state_dicts/" + name + ".txt");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        if (line[0] != '#')
            lines.push_back(line);
    }
    return lines;
}

TEST(Examples, ParametersAreTorchvisions) {
    for (const Example &example : examples) {
        if (!example.in_torchvision)
            continue;
        auto graph = load(example.name);
        ASSERT_TRUE(graph);
        std::vector<std::string> params;
        for (const Param &param : graph->params) {
            EXPECT_EQ(param.type.dtype, DType::f32);
            params.push_back(param.name + " " + shape_text(param.type.shape));
        }
        std::sort(params.begin(), params.end());
        EXPECT_FALSE(params.empty());
        EXPECT_EQ(params, state_dict(example.name)) << example.name;
    }
}

TEST_P(EveryExample, DoTheWorkTheLiteratureCounts) {
    auto graph = load(GetParam().name);
    ASSERT_TRUE(graph);
    int64_t total = 0;
    for (size_t id = 0; id < graph->nodes.size(); ++id)
        total += multiply_adds(*graph, NodeId(id));
    EXPECT_EQ(total, GetParam().multiply_adds);
}

TEST_P(EveryExample, GraphsAreSound) {
    auto graph = load(GetParam().name);
    ASSERT_TRUE(graph);
    EXPECT_EQ(verify(*graph), std::vector<std::string>{});
    ASSERT_EQ(graph->outputs.size(), 1u);
    bool lenet = graph->name == "lenet5";
    EXPECT_EQ((*graph)[graph->outputs[0].node].type.shape, (Shape{1, lenet ? 10 : 1000}));
}

INSTANTIATE_TEST_SUITE_P(All, EveryExample, testing::ValuesIn(examples),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(Examples, TrainedWeightsBind) {
    auto graph = load("lenet5");
    ASSERT_TRUE(graph);
    Diagnostics diags;
    auto weights = read_safetensors(folder() + "lenet5/lenet5.safetensors", diags);
    ASSERT_TRUE(weights) << rendered(diags);
    EXPECT_TRUE(bind_weights(*graph, *weights, diags).empty());
    EXPECT_EQ(rendered(diags), "");
    for (const Param &param : graph->params)
        EXPECT_TRUE(param.data.defined()) << param.name;
}

} // namespace
} // namespace cnnc::test
