// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Real networks with their answers, where they lie beside the project (../shared/models, or what
// the environment's CNNC_MODELS says).
#include "tests/onnx/model_builder.h"

#include "compiler/import/npy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

fs::path models() {
    const char *folder = std::getenv("CNNC_MODELS");
    return folder ? fs::path(folder) : fs::path(CNNC_SOURCE_DIR) / ".." / "shared" / "models";
}

std::optional<TensorData> array(const std::string &file) {
    Diagnostics diags;
    auto data = read_npy((models() / file).string(), diags);
    EXPECT_TRUE(data) << diags.render(SourceManager());
    return data;
}

// Within 1e-3 of the scale of each output.
void check(const std::string &name, const std::vector<std::string> &outputs) {
    if (!fs::exists(models() / (name + ".onnx")))
        GTEST_SKIP() << "../shared/models not here";
    Diagnostics diags;
    auto graph = import_onnx((models() / (name + ".onnx")).string(), {}, diags);
    ASSERT_TRUE(graph) << diags.render(SourceManager());
    EXPECT_EQ(diags.all().size(), 0u);
    for (const std::string &problem : verify(*graph))
        ADD_FAILURE() << problem;
    auto input = array(name + ".input.npy");
    ASSERT_TRUE(input);
    std::vector<TensorD> found = interpret(*graph, {*input});
    ASSERT_EQ(found.size(), outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
        auto expected = array(name + "." + outputs[i] + ".expected.npy");
        ASSERT_TRUE(expected);
        ASSERT_EQ(found[i].shape, expected->type.shape);
        double scale = 0, error = 0;
        for (size_t k = 0; k < found[i].values.size(); ++k) {
            double value = expected->floats()[k];
            scale = std::max(scale, std::abs(value));
            error = std::max(error, std::abs(value - found[i].values[k]));
        }
        EXPECT_LT(error, 1e-3 * scale) << outputs[i];
    }
}

TEST(OnnxNetworks, Mnist) {
    check("mnist-8", {"Plus214_Output_0"});
}
TEST(OnnxNetworks, ResNet20) {
    check("resnet20_cifar10_bn", {"y"});
}
TEST(OnnxNetworks, SqueezeNet) {
    check("squeezenet1.0", {"pool_final"});
}
TEST(OnnxNetworks, SuperResolution) {
    check("super_resolution", {"output"});
}
TEST(OnnxNetworks, UltraFace) {
    check("ultraface_rfb_320", {"scores", "boxes"});
}

} // namespace
} // namespace cnnc
