// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inputs from files and the two memory layouts.
#include "compiler/driver/tensors.h"

#include "compiler/driver/inputs.h"

#include "compiler/import/image.h"
#include "compiler/import/npy.h"
#include "compiler/reference/interpret.h"
#include "compiler/sema/load.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <algorithm>
#include <cmath>
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

std::vector<float> floats_of(const TensorData &data) {
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

    // Loads an input of this declaration from the file; leaves what was said in `said`.
    std::optional<TensorData> load_file(const std::string &declaration, const std::string &path) {
        SourceManager sources;
        Diagnostics diags;
        const std::string text =
            "network n {\n    input x: " + declaration + "\n    output y = x\n}\n";
        const auto graph = load_network_text("n.cnn", text, sources, diags);
        EXPECT_TRUE(graph) << diags.render(sources);
        std::istringstream in;
        std::ostringstream out, err;
        Console console{in, out, err};
        std::optional<TensorData> data;
        said = "";
        try {
            data = load_inputs(*graph, {"x=" + path}, nullptr, console)[0];
        } catch (const Failure &failure) {
            EXPECT_EQ(failure.code, exit_bad_input);
            said = failure.message;
        }
        said += err.str();
        for (size_t at; (at = said.find(folder.string() + "/")) != std::string::npos;)
            said.erase(at, folder.string().size() + 1);
        return data;
    }
    // The same from an array; nothing for one that does not fit.
    std::vector<float> load(const std::string &declaration, const Shape &shape) {
        const std::string path = folder / "x.npy";
        Diagnostics diags;
        write_npy(path, TensorData::from_floats(shape, counting(element_count(shape))), diags);
        const auto data = load_file(declaration, path);
        return data ? floats_of(*data) : std::vector<float>{};
    }
    std::string picture(const Image &image) {
        Diagnostics diags;
        EXPECT_TRUE(write_png(folder / "x.png", image, diags));
        return folder / "x.png";
    }

    std::string said;
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

TEST_F(InputFiles, OfEveryElementType) {
    for (const auto &[name, dtype] : {std::pair("u8", DType::u8),
                                      {"i8", DType::i8},
                                      {"i32", DType::i32},
                                      {"i64", DType::i64},
                                      {"bool", DType::boolean}}) {
        const std::vector<double> numbers = {0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1};
        Diagnostics diags;
        const std::string path = folder / "typed.npy";
        ASSERT_TRUE(write_npy(path, to_tensor_data({{2, 2, 3}, numbers}, dtype), diags));
        const auto data = load_file(std::string(name) + "[1, 3, 2, 2] layout NHWC", path);
        ASSERT_TRUE(data) << said;
        EXPECT_EQ(data->type, (TensorType{dtype, {1, 3, 2, 2}}));
        EXPECT_EQ(to_double(*data).values,
                  (std::vector<double>{0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1}));
    }
}

TEST_F(InputFiles, OfAnotherElementTypeAreRefused) {
    Diagnostics diags;
    const std::string path = folder / "typed.npy";
    ASSERT_TRUE(write_npy(path, to_tensor_data({{2}, {1, 2}}, DType::i64), diags));
    EXPECT_FALSE(load_file("u8[2]", path));
    EXPECT_EQ(said, "the input `x` is u8[2], but `typed.npy` holds i64[2]; in Python, "
                    "`a.astype(numpy.uint8)` converts an array");
    EXPECT_FALSE(load_file("f32[1, 2]", path));
    EXPECT_EQ(said, "the input `x` is f32[1, 2], but `typed.npy` holds i64[2]; in Python, "
                    "`a.astype(numpy.float32)` converts an array");
    EXPECT_FALSE(load_file("u8[1, 3, 2, 2] layout NHWC", path));
    EXPECT_EQ(said, "the input `x` is u8[1, 3, 2, 2], but `typed.npy` holds i64[2]");
}

TEST_F(InputFiles, PicturesAreResizedAndThatIsSaid) {
    const std::string path = picture({6, 4, 1, std::vector<uint8_t>(24, 51)});
    auto data = load_file("u8[1, 3, 2, 3] layout NHWC", path);
    ASSERT_TRUE(data);
    EXPECT_EQ(said, "cnnc: note: `x.png` is 6 x 4, resized to 3 x 2\n");
    EXPECT_EQ(to_double(*data).values, std::vector<double>(18, 51));
    data = load_file("f32[1, 1, 4, 4]", path);
    ASSERT_TRUE(data);
    EXPECT_EQ(said, "cnnc: note: `x.png` is 6 x 4, resized to 4 x 4 (its proportions change)\n");
    EXPECT_EQ(floats_of(*data), std::vector<float>(16, 0.2f));
    data = load_file("u8[1, 1, 4, 6]", path);
    ASSERT_TRUE(data);
    EXPECT_EQ(said, "");
}

TEST(RandomInputs, FillTheRangeOfTheirType) {
    const auto range = [](DType dtype) {
        const std::vector<double> numbers =
            to_double(random_input({dtype, {10, 1000}}, 1, "x")).values;
        const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
        for (const double number : numbers)
            EXPECT_EQ(number, std::floor(number));
        return std::pair(*low, *high);
    };
    EXPECT_EQ(range(DType::u8), std::pair(0.0, 255.0));
    EXPECT_EQ(range(DType::i8), std::pair(-128.0, 127.0));
    EXPECT_EQ(range(DType::i32), std::pair(-100.0, 100.0));
    EXPECT_EQ(range(DType::i64), std::pair(-100.0, 100.0));
    EXPECT_EQ(range(DType::boolean), std::pair(0.0, 1.0));
}

TEST(Tensors, NumbersAndElementsAreInverse) {
    const std::vector<double> numbers = {0, 1, 100, 127};
    for (const DType dtype : {DType::f32, DType::u8, DType::i8, DType::i32, DType::i64})
        EXPECT_EQ(to_double(to_tensor_data({{4}, numbers}, dtype)).values, numbers);
    EXPECT_EQ(to_double(to_tensor_data({{1}, {-9007199254740992.0}}, DType::i64)).values[0],
              -9007199254740992.0);
    EXPECT_EQ(to_tensor_data({{2}, {0, 1}}, DType::boolean).byte_count(), 2u);
}

} // namespace
} // namespace cnnc
