// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ONNX's own operator cases (make_cases.py), imported and interpreted.
#include "compiler/onnx/onnx_node.h"
#include "compiler/reference/interpret.h"
#include "tests/onnx/model_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

struct Case {
    std::string name, bytes;
    pb::ModelProto model;
};

std::vector<Case> cases() {
    std::vector<Case> result;
    for (const auto &entry : fs::directory_iterator(CNNC_SOURCE_DIR "/tests/onnx/cases")) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string bytes((std::istreambuf_iterator<char>(file)), {});
        Case one{entry.path().stem(), bytes, {}};
        EXPECT_TRUE(one.model.ParseFromString(bytes)) << one.name;
        result.push_back(std::move(one));
    }
    std::sort(result.begin(), result.end(),
              [](const Case &a, const Case &b) { return a.name < b.name; });
    return result;
}

// The initializer of a name, in the type that cnnc computes with.
std::optional<TensorData> value(const Case &one, const std::string &name) {
    for (const pb::TensorProto &tensor : one.model.graph().initializer()) {
        if (tensor.name() != name)
            continue;
        Diagnostics diags;
        ModelFiles files;
        auto data = read_tensor(tensor, name, files, diags);
        EXPECT_TRUE(data) << diags.render(SourceManager());
        return data;
    }
    return std::nullopt;
}

void expect_equal(const TensorD &found, const TensorData &expected, const std::string &name) {
    ASSERT_EQ(found.shape, expected.type.shape) << name;
    std::vector<double> numbers = to_double(expected).values;
    for (size_t i = 0; i < numbers.size(); ++i) {
        if (std::isnan(numbers[i]))
            ASSERT_TRUE(std::isnan(found.values[i])) << name << " at " << i;
        else if (std::isinf(numbers[i])) // of f32, which doubles reach later
            ASSERT_EQ(float(found.values[i]), float(numbers[i])) << name << " at " << i;
        else
            ASSERT_NEAR(found.values[i], numbers[i], 1e-5 + 1e-3 * std::abs(numbers[i]))
                << name << " at " << i;
    }
}

void run(const Case &one) {
    Diagnostics diags;
    auto graph = parse_onnx(one.name + ".onnx", as_file(one.bytes), {}, diags);
    ASSERT_TRUE(graph) << one.name << "\n" << diags.render(SourceManager());
    for (const std::string &problem : verify(*graph))
        ADD_FAILURE() << one.name << ": " << problem;
    std::vector<TensorData> inputs;
    for (const pb::ValueInfoProto &input : one.model.graph().input()) {
        if (auto data = value(one, "given:" + input.name()))
            inputs.push_back(*data);
    }
    ASSERT_EQ(inputs.size(), graph->inputs.size()) << one.name;
    std::vector<TensorD> found = interpret(*graph, inputs);
    ASSERT_EQ(int(found.size()), one.model.graph().output_size()) << one.name;
    for (size_t i = 0; i < found.size(); ++i) {
        auto expected = value(one, "expected:" + one.model.graph().output(int(i)).name());
        ASSERT_TRUE(expected) << one.name;
        EXPECT_EQ((*graph)[graph->outputs[i].node].type, expected->type) << one.name;
        expect_equal(found[i], *expected, one.name);
    }
}

TEST(ImportCases, ComputeWhatOnnxExpects) {
    for (const Case &one : cases())
        run(one);
}

// Operators without a small case among ONNX's own are tested in import_operators_test.cpp.
const std::set<std::string_view> elsewhere = {"Cast",
                                              "CastLike",
                                              "Erf",
                                              "Einsum",
                                              "Gelu",
                                              "GlobalLpPool",
                                              "LRN",
                                              "LpPool",
                                              "LpNormalization",
                                              "GroupNormalization",
                                              "Mish",
                                              "ReduceLogSumExp",
                                              "Slice"};

TEST(ImportCases, CoverEveryOperator) {
    std::set<std::string> seen;
    for (const Case &one : cases())
        seen.insert(one.model.graph().node(0).op_type());
    for (const OnnxRule &rule : onnx_rules()) {
        EXPECT_NE(seen.count(std::string(rule.name)) > 0, elsewhere.count(rule.name) > 0)
            << rule.name;
    }
}

TEST(ImportCases, DocumentsListEveryOperator) {
    std::ifstream file(CNNC_SOURCE_DIR "/docs/onnx.md");
    std::set<std::string> words{std::istream_iterator<std::string>(file), {}};
    for (const OnnxRule &rule : onnx_rules())
        EXPECT_TRUE(words.count(std::string(rule.name))) << rule.name;
}

} // namespace
} // namespace cnnc
