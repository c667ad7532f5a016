// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the model leaves open and the user states: batch, shapes, constants; element types; data in
// files of their own.
#include "tests/onnx/model_builder.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

ModelBuilder relu(const Shape &shape, int type = 1) {
    ModelBuilder model;
    model.input("x", shape, type).node("Relu", {"x"}, {"y"}).output("y");
    return model;
}

Shape input_shape(const ModelBuilder &model, const OnnxImportOptions &options = {}) {
    auto graph = imported(model, options);
    return graph ? (*graph)[graph->inputs[0]].type.shape : Shape();
}

TEST(OnnxInputs, OpenBatchIsOneUnlessStated) {
    EXPECT_EQ(input_shape(relu({-1, 3})), (Shape{1, 3}));
    EXPECT_EQ(input_shape(relu({0, 3})), (Shape{1, 3}));
    OnnxImportOptions options;
    options.batch = 4;
    EXPECT_EQ(input_shape(relu({-1, 3}), options), (Shape{4, 3}));
    EXPECT_EQ(input_shape(relu({4, 3}), options), (Shape{4, 3}));
    options.shapes["x"] = {2, 5};
    EXPECT_EQ(input_shape(relu({-1, 3}), options), (Shape{2, 5}));
}

TEST(OnnxInputs, NamedExtentsAreTheSameEverywhere) {
    ModelBuilder model;
    model.input("a", {-1, -1}).input("b", {-1, -1}).node("Add", {"a", "b"}, {"y"}).output("y");
    for (int i : {0, 1})
        model.graph()
            .mutable_input(i)
            ->mutable_type()
            ->mutable_tensor_type()
            ->mutable_shape()
            ->mutable_dim(1)
            ->set_dim_param("width");
    OnnxImportOptions options;
    options.shapes["b"] = {1, 7};
    EXPECT_EQ(input_shape(model, options), (Shape{1, 7}));
}

TEST(OnnxInputs, BecomeConstants) {
    ModelBuilder model;
    model.input("x", {4}).input("shape", {2}, 7).node("Reshape", {"x", "shape"}, {"y"});
    model.output("y");
    OnnxImportOptions options;
    auto shape = std::make_shared<std::vector<int64_t>>(2, 2);
    TensorData data;
    data.type = {DType::i64, {2}};
    data.owner = shape;
    data.bytes = reinterpret_cast<const std::byte *>(shape->data());
    options.constants.emplace("shape", data);
    auto graph = imported(model, options);
    EXPECT_EQ(graph->inputs.size(), 1u);
    EXPECT_EQ((*graph)[graph->outputs[0].node].type.shape, (Shape{2, 2}));
}

TEST(OnnxInputs, InitializersAreNone) {
    ModelBuilder model = relu({2});
    model.graph().mutable_node(0)->set_op_type("Add");
    model.graph().mutable_node(0)->add_input("w");
    model.input("w", {2}).floats("w", {2}, {1, 2});
    EXPECT_EQ(imported(model)->inputs.size(), 1u);
}

TEST(OnnxInputs, HaveGoodNames) {
    ModelBuilder model;
    model.input("input", {1, 3, 8, 8}).node("Relu", {"input"}, {"output"}).output("output");
    auto graph = imported(model);
    EXPECT_EQ((*graph)[graph->inputs[0]].name, "image");
    EXPECT_EQ(graph->outputs[0].name, "result");
    EXPECT_EQ(graph->name, "net");
}

TEST(OnnxInputs, OtherFloatsAreReadAsF32) {
    EXPECT_EQ(messages(relu({2}, 10).bytes()),
              "note: input `x` is f16 in the model; the network takes f32\n");
    EXPECT_EQ(messages(relu({2}, 1).bytes()), "");
}

// Each way in which a tensor's elements can be stored.
TEST(OnnxTensors, OfEveryTypeAndField) {
    auto sum = [](auto &&fill) {
        ModelBuilder model;
        model.input("x", {2}).node("Cast", {"w"}, {"f"}, {{"to", 1}});
        model.node("Add", {"x", "f"}, {"y"}).output("y");
        pb::TensorProto &tensor = *model.graph().add_initializer();
        tensor.set_name("w");
        tensor.add_dims(2);
        fill(tensor);
        return computed(model, {0, 0});
    };
    using Numbers = std::vector<double>;
    for (int type : {2, 3, 4, 5, 6}) {
        EXPECT_EQ(sum([&](pb::TensorProto &t) {
                      t.set_data_type(type);
                      t.add_int32_data(1);
                      t.add_int32_data(77);
                  }),
                  (Numbers{1, 77}));
    }
    for (int type : {12, 13}) {
        EXPECT_EQ(sum([&](pb::TensorProto &t) {
                      t.set_data_type(type);
                      t.add_uint64_data(1);
                      t.add_uint64_data(3000000000);
                  }),
                  (Numbers{1, 3e9}));
    }
    EXPECT_EQ(sum([](pb::TensorProto &t) {
                  t.set_data_type(9);
                  t.set_raw_data(std::string("\x02\x00", 2)); // any byte but 0 is true
              }),
              (Numbers{1, 0}));
    EXPECT_EQ(sum([](pb::TensorProto &t) {
                  t.set_data_type(10);
                  t.add_int32_data(0x3C00);
                  t.add_int32_data(0xC000);
              }),
              (Numbers{1, -2}));
    EXPECT_EQ(sum([](pb::TensorProto &t) {
                  t.set_data_type(16);
                  t.set_raw_data(std::string("\x80\x3F\x00\xC0", 4));
              }),
              (Numbers{1, -2}));
    EXPECT_EQ(sum([](pb::TensorProto &t) {
                  t.set_data_type(11);
                  t.add_double_data(1.5);
                  t.add_double_data(2.5);
              }),
              (Numbers{1.5, 2.5}));
    EXPECT_EQ(sum([](pb::TensorProto &t) {
                  t.set_data_type(1);
                  t.add_float_data(1.5);
                  t.add_float_data(2.5);
              }),
              (Numbers{1.5, 2.5}));
}

// A folder of its own that goes away again.
class ExternalData : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::path(testing::TempDir()) / ("cnnc_onnx_" + std::to_string(getpid()));
        fs::create_directories(folder_ / "sub");
        write("sub/weights.bin", std::string("\0\0\0\0\0\0\x80\x3F\0\0\0\x40", 12));
    }
    void TearDown() override { fs::remove_all(folder_); }

    void write(const std::string &name, const std::string &bytes) {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }

    // The outputs of x + w for x = 0, or what is wrong.
    std::string run(const std::vector<std::pair<std::string, std::string>> &entries) {
        ModelBuilder model;
        model.input("x", {2}).node("Add", {"x", "w"}, {"y"}).output("y");
        pb::TensorProto &tensor = *model.graph().add_initializer();
        tensor.set_name("w");
        tensor.set_data_type(1);
        tensor.add_dims(2);
        tensor.set_data_location(pb::TensorProto::EXTERNAL);
        for (const auto &[key, value] : entries) {
            tensor.add_external_data()->set_key(key);
            tensor.mutable_external_data(tensor.external_data_size() - 1)->set_value(value);
        }
        write("net.onnx", model.bytes());
        Diagnostics diags;
        auto graph = import_onnx((folder_ / "net.onnx").string(), {}, diags);
        if (!graph)
            return diags.render(SourceManager());
        auto values = interpret(*graph, {TensorData::from_floats({2}, {0, 0})})[0].values;
        return std::to_string(values[0]) + " " + std::to_string(values[1]);
    }

    fs::path folder_;
};

TEST_F(ExternalData, IsRead) {
    EXPECT_EQ(run({{"location", "sub/weights.bin"}, {"offset", "4"}, {"length", "8"}}),
              "1.000000 2.000000");
    EXPECT_EQ(run({{"location", "sub/weights.bin"}}), "0.000000 1.000000");
}

TEST_F(ExternalData, MustLieInTheFolderAndTheFile) {
    for (const char *place : {"../weights.bin", "sub/../../w", "/etc/passwd", ""}) {
        EXPECT_EQ(run({{"location", place}}), "error: the data of `w` are in `" +
                                                  std::string(place) +
                                                  "`, outside the model's folder\n");
    }
    EXPECT_EQ(run({}), "error: the data of `w` are in another file, but it is not said which\n");
    EXPECT_EQ(
        run({{"location", "sub/weights.bin"}, {"offset", "8"}}),
        "error: the data of `w` are 8 bytes from byte 8 on of `sub/weights.bin`, which has 12\n");
    EXPECT_EQ(run({{"location", "sub/weights.bin"}, {"offset", "18446744073709551615"}}),
              "error: the data of `w` are 8 bytes from byte 18446744073709551615 on of "
              "`sub/weights.bin`, which has 12\n");
    EXPECT_EQ(run({{"location", "sub/weights.bin"}, {"offset", "4 "}}),
              "error: the offset of the data of `w` in `sub/weights.bin` is `4 `, which is no "
              "number\n");
    EXPECT_EQ(run({{"location", "sub/weights.bin"}, {"length", "4"}}),
              "error: `w` is f32[2], which takes 8 bytes, but it has 4\n");
    EXPECT_EQ(run({{"location", "none"}}),
              "error: cannot read `" + folder_.string() + "/none`: No such file or directory\n");
}

} // namespace
} // namespace cnnc
