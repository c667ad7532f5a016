// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inputs from files and the two memory layouts.
#include "compiler/driver/tensors.h"

#include "compiler/driver/inputs.h"

#include "compiler/import/image.h"
#include "compiler/import/npy.h"
#include "compiler/sema/load.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <numeric>
#include <sstream>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

std::vector<float> counting(int64_t count) {
    std::vector<float> values(size_t(count), 0.0f);
    std::iota(values.begin(), values.end(), 0.0f);
    return values;
}

std::vector<float> values_of(const TensorData &data) {
    return {data.floats(), data.floats() + element_count(data.type.shape)};
}

TEST(Tensors, LayoutsAreWhatTheirNamesSay) {
    const Shape shape = {2, 3, 4, 5};
    EXPECT_EQ(layout_strides(shape, Layout::nchw), (std::vector<int64_t>{60, 20, 5, 1}));
    EXPECT_EQ(layout_strides(shape, Layout::nhwc), (std::vector<int64_t>{60, 1, 15, 3}));
}

TEST(Tensors, ScatterAndGatherAreInverse) {
    const Shape shape = {2, 3, 4, 5};
    const std::vector<float> logical = counting(120);
    const TensorType type = {DType::f32, shape};
    std::vector<float> memory(120), back(120);
    const auto strides = layout_strides(shape, Layout::nhwc);
    scatter(logical.data(), type, strides, memory.data());
    EXPECT_EQ(memory[0], 0);  // n 0, y 0, x 0, c 0
    EXPECT_EQ(memory[1], 20); // c 1
    EXPECT_EQ(memory[3], 1);  // x 1, c 0
    gather(memory.data(), type, strides, back.data());
    EXPECT_EQ(back, logical);
}

class InputFiles : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "cnnc-tensors-XXXXXX";
        folder = mkdtemp(name.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    // Loads an input of this declaration from an array of this shape; "" is an error's text.
    std::vector<float> load(const std::string &declaration, const Shape &shape) {
        SourceManager sources;
        Diagnostics diags;
        const std::string text =
            "network n {\n    input x: " + declaration + "\n    output y = relu(x)\n}\n";
        const auto graph = load_network_text("n.cnn", text, sources, diags);
        EXPECT_TRUE(graph) << diags.render(sources);
        const std::string path = folder / "x.npy";
        write_npy(path, TensorData::from_floats(shape, counting(element_count(shape))), diags);
        std::istringstream in;
        std::ostringstream out, err;
        Console console{in, out, err};
        try {
            return values_of(load_inputs(*graph, {"x=" + path}, nullptr, console)[0]);
        } catch (const Failure &failure) {
            EXPECT_EQ(failure.code, exit_bad_input);
            return {};
        }
    }

    fs::path folder;
};

TEST_F(InputFiles, OfTheDeclaredShape) {
    EXPECT_EQ(load("f32[1, 3, 2, 2]", {1, 3, 2, 2}), counting(12));
    EXPECT_EQ(load("f32[1, 3, 2, 2] layout NHWC", {1, 3, 2, 2}), counting(12));
}

TEST_F(InputFiles, WithoutABatchOfOne) {
    EXPECT_EQ(load("f32[1, 3, 2, 2]", {3, 2, 2}), counting(12));
    EXPECT_EQ(load("f32[2, 3, 2, 2]", {3, 2, 2}), std::vector<float>{});
}

TEST_F(InputFiles, ChannelsLastForAnNhwcInputOnly) {
    const std::vector<float> moved = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11};
    EXPECT_EQ(load("f32[1, 3, 2, 2] layout NHWC", {1, 2, 2, 3}), moved);
    EXPECT_EQ(load("f32[1, 3, 2, 2] layout NHWC", {2, 2, 3}), moved);
    EXPECT_EQ(load("f32[1, 3, 2, 2]", {1, 2, 2, 3}), std::vector<float>{});
}

TEST_F(InputFiles, OfAnotherShapeAreRefused) {
    EXPECT_EQ(load("f32[1, 3, 2, 2]", {1, 3, 4}), std::vector<float>{});
    EXPECT_EQ(load("f32[1, 3, 2, 2]", {12}), std::vector<float>{});
}

} // namespace
} // namespace cnnc
