// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Output shapes of windows, and what is refused, are PyTorch's: the table of shapes.txt, which
// tests/reference/make_expected.py writes. Known layers of known networks besides.
#include "compiler/sema/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

using namespace cnnc;

namespace {

// The result's shape as text, or "refused".
std::string result_shape(const std::string &call, const std::string &operand_shape) {
    const size_t open = call.find('(');
    const std::string text =
        fmt::format("network test {{\n    input x: f32{}\n    output y = {}x, {}\n}}\n",
                    operand_shape, call.substr(0, open + 1), call.substr(open + 1));
    SourceManager sources;
    Diagnostics diags;
    const std::optional<Graph> graph = load_network_text("shape.cnn", text, sources, diags);
    return graph ? shape_text((*graph)[graph->outputs[0].node].type.shape) : "refused";
}

TEST(Shapes, OfWindowsArePyTorchs) {
    std::ifstream file(CNNC_SOURCE_DIR "/tests/graph/shapes.txt");
    int lines = 0, refused = 0;
    for (std::string line; std::getline(file, line);) {
        if (line[0] == '#') {
            continue;
        }
        const size_t shape = line.find(") [") + 2, arrow = line.find(" -> ");
        ASSERT_NE(arrow, std::string::npos) << line;
        const std::string expected = line.substr(arrow + 4);
        EXPECT_EQ(result_shape(line.substr(0, shape - 1), line.substr(shape, arrow - shape)),
                  expected)
            << line;
        ++lines;
        refused += expected == "refused";
    }
    EXPECT_GE(lines, 500);
    EXPECT_GE(refused, 50);
}

// The same of every other operator whose result has another shape than its operand: the table of
// call_shapes.txt, which make_call_shapes.py writes.
TEST(Shapes, OfCallsArePyTorchs) {
    std::ifstream file(CNNC_SOURCE_DIR "/tests/graph/call_shapes.txt");
    int lines = 0, refused = 0;
    for (std::string line; std::getline(file, line);) {
        if (line[0] == '#') {
            continue;
        }
        const size_t shape = line.find(" | "), result = line.find(" | ", shape + 1);
        ASSERT_NE(result, std::string::npos) << line;
        const std::string expected = line.substr(result + 3);
        EXPECT_EQ(result_shape(line.substr(0, shape), line.substr(shape + 3, result - shape - 3)),
                  expected)
            << line;
        ++lines;
        refused += expected == "refused";
    }
    EXPECT_GE(lines, 600);
    EXPECT_GE(refused, 80);
}

TEST(Shapes, OfKnownLayers) {
    const struct {
        const char *call, *in, *out;
    } layers[] = {
        {"conv2d(64, 7, stride=2, padding=3)", "[1, 3, 224, 224]", "[1, 64, 112, 112]"},
        {"max_pool2d(3, stride=2, padding=1)", "[1, 64, 112, 112]", "[1, 64, 56, 56]"},
        {"conv2d(64, 3, stride=2)", "[1, 3, 224, 224]", "[1, 64, 111, 111]"},
        {"max_pool2d(3, stride=2, ceil_mode=true)", "[1, 64, 111, 111]", "[1, 64, 55, 55]"},
        {"max_pool2d(3, stride=2, ceil_mode=true)", "[1, 256, 27, 27]", "[1, 256, 13, 13]"},
        {"conv2d(6, 5, padding=same)", "[1, 1, 28, 28]", "[1, 6, 28, 28]"},
        {"conv2d(6, 4, padding=same, dilation=3)", "[1, 1, 9, 8]", "[1, 6, 9, 8]"},
        {"conv1d(8, 3, padding=[[2, 0]])", "[4, 2, 10]", "[4, 8, 10]"},
        {"conv3d(16, [1, 7, 7], stride=[1, 2, 2], padding=[0, 3, 3])", "[1, 3, 8, 112, 112]",
         "[1, 16, 8, 56, 56]"},
        {"linear(1000)", "[1, 4096]", "[1, 1000]"},
        {"flatten()", "[2, 512, 7, 7]", "[2, 25088]"},
        {"flatten(start_dim=2)", "[2, 512, 7, 7]", "[2, 512, 49]"},
        {"reshape([1, -1, 8])", "[2, 4, 6]", "[1, 6, 8]"},
        {"global_avg_pool2d()", "[1, 2048, 7, 7]", "[1, 2048, 1, 1]"},
        {"batch_norm()", "[1, 64, 9, 9]", "[1, 64, 9, 9]"},
        {"softmax(dim=-1)", "[1, 10]", "[1, 10]"},
    };
    for (const auto &layer : layers) {
        EXPECT_EQ(result_shape(layer.call, layer.in), layer.out) << layer.call;
    }
}

} // namespace
