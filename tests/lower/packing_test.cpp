// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Packed weights, number by number: the order the lowered loops read them in.
#include "compiler/lower/packing.h"

#include "schedules/family.h"

#include <gtest/gtest.h>

#include <numeric>

namespace cnnc {
namespace {

struct Layer {
    Workload workload;
    Schedule schedule;
};

// The schedule's parameters that are not named come from the family's declaration.
Layer layer(const char *workload, const char *schedule) {
    return {parse_workload(workload).value(), parse_schedule(schedule, nullptr, nullptr).value()};
}

// Weights 1, 2, 3, ... in PyTorch's order.
std::vector<float> packed(const Layer &l) {
    std::vector<float> weight(size_t(element_count(workload_weight(l.workload)->shape)));
    std::iota(weight.begin(), weight.end(), 1.0f);
    std::vector<float> result = pack_weight(l.workload, l.schedule, weight.data());
    EXPECT_EQ(int64_t(result.size()), packed_weight_elements(l.workload, l.schedule));
    return result;
}

std::vector<float> packed_bias(const Layer &l) {
    std::vector<float> bias(size_t(element_count(workload_bias(l.workload)->shape)));
    std::iota(bias.begin(), bias.end(), 1.0f);
    std::vector<float> result = pack_bias(l.workload, l.schedule, bias.data());
    EXPECT_EQ(int64_t(result.size()), packed_bias_elements(l.workload, l.schedule));
    return result;
}

using Floats = std::vector<float>;

// Three outputs of two inputs, in blocks of two outputs: the last is half empty.
TEST(Packing, BlocksOfChannels) {
    const Layer l = layer("linear(3, bias=true) f32[1, 2] -> f32[1, 3]", "gemm(tile_n=2)");
    EXPECT_EQ(packed(l), (Floats{1, 3, 2, 4, 5, 0, 6, 0}));
    EXPECT_EQ(packed_bias(l), (Floats{1, 2, 3, 0}));
}

// One output, two input channels, a window of 1 x 2: channels are innermost.
TEST(Packing, ChannelsWithinTheWindow) {
    const char *const conv = "conv2d(1, kernel=[1, 2], stride=[1, 1], padding=[[0, 0], [0, 0]], "
                             "dilation=[1, 1], groups=1, bias=false) f32[1, 2, 1, 3] -> "
                             "f32[1, 1, 1, 2]";
    EXPECT_EQ(packed(layer(conv, "direct(tile_c=1)")), (Floats{1, 3, 2, 4}));
    // `small` walks along the window's row first, as PyTorch stores it.
    EXPECT_EQ(packed(layer(conv, "small(tile_c=1)")), (Floats{1, 2, 3, 4}));
}

TEST(Packing, GroupsArePaddedOneByOne) {
    const Layer l = layer("conv2d(6, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], "
                          "dilation=[1, 1], groups=2, bias=true) f32[1, 2, 2, 2] -> "
                          "f32[1, 6, 2, 2]",
                          "direct(tile_c=4)");
    EXPECT_EQ(packed(l), (Floats{1, 2, 3, 0, 4, 5, 6, 0}));
    EXPECT_EQ(packed_bias(l), (Floats{1, 2, 3, 0, 4, 5, 6, 0}));
}

TEST(Packing, DepthwiseHasChannelsInnermost) {
    const Layer l = layer("conv2d(2, kernel=[1, 3], stride=[1, 1], padding=[[0, 0], [1, 1]], "
                          "dilation=[1, 1], groups=2, bias=true) f32[1, 2, 1, 4] -> "
                          "f32[1, 2, 1, 4]",
                          "depthwise(tile_c=2)");
    EXPECT_EQ(packed(l), (Floats{1, 4, 2, 5, 3, 6}));
    EXPECT_EQ(packed_bias(l), (Floats{1, 2}));
}

// A flattened channels-last tensor: memory order is pixels, then channels; weights follow.
TEST(Packing, FeaturesFollowMemory) {
    EXPECT_EQ(
        packed(layer("linear(1, bias=false) f32[1, 2, 1, 3] -> f32[1, 1]", "direct(tile_c=1)")),
        (Floats{1, 4, 2, 5, 3, 6}));
    EXPECT_EQ(packed(layer("linear(1, bias=false) f32[1, 2, 1, 3]@nchw -> f32[1, 1]",
                           "direct(tile_c=1)")),
              (Floats{1, 2, 3, 4, 5, 6}));
}

TEST(Packing, LayersWithoutWeightsHaveNone) {
    const Layer l = layer("linear(3, bias=false) f32[1, 2] -> f32[1, 3]", "gemm(tile_n=2)");
    EXPECT_EQ(packed_bias_elements(l.workload, l.schedule), 0);
    const Layer relu = layer("identity f32[4] -> relu -> f32[4]", "pointwise()");
    EXPECT_EQ(packed_weight_elements(relu.workload, relu.schedule), 0);
}

} // namespace
} // namespace cnnc
