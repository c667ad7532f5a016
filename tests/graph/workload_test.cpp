// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workloads by hand: text, validity, sizes. (That text reads back is also tested on the kernels of
// random networks, with the passes.)
#include "compiler/graph/workload.h"

#include <gtest/gtest.h>

#include <random>

namespace cnnc {
namespace {

constexpr DType f32 = DType::f32;

Conv conv3x3(int64_t out_channels, int64_t groups = 1) {
    return {out_channels, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, groups, true};
}

EpilogueStep unary(UnaryKind kind, double a = 0, double b = 0) {
    return {Unary{kind, a, b}, {}, 0};
}

// conv -> add -> relu on channels-last tensors.
Workload residual_conv() {
    const TensorView image = channels_last(f32, {1, 64, 56, 56});
    return {conv3x3(64),
            {image, image},
            {{Binary{BinaryKind::add}, {{1, 0}}, 0}, unary(UnaryKind::relu)},
            image};
}

Workload copy() {
    const Shape shape = {1, 8, 5, 7};
    return {Unary{}, {row_major(f32, shape)}, {}, channels_last(f32, shape)};
}

TEST(TensorView, StridesOfTheTwoOrders) {
    EXPECT_EQ(row_major(f32, {2, 3, 4, 5}).strides, (std::vector<int64_t>{60, 20, 5, 1}));
    EXPECT_EQ(channels_last(f32, {2, 3, 4, 5}).strides, (std::vector<int64_t>{60, 1, 15, 3}));
    EXPECT_EQ(channels_last(f32, {2, 3, 4}).strides, (std::vector<int64_t>{12, 1, 3}));
    EXPECT_EQ(channels_last(f32, {2, 3}).strides, (std::vector<int64_t>{3, 1}));
    EXPECT_EQ(channels_last(f32, {3}).strides, (std::vector<int64_t>{1}));
    EXPECT_TRUE(channels_last(f32, {}).strides.empty());
}

TEST(TensorView, DenseMeansOneBlockWithoutGapsOrSharing) {
    EXPECT_TRUE(is_dense(row_major(f32, {2, 3, 4})));
    EXPECT_TRUE(is_dense(channels_last(f32, {2, 3, 4})));
    EXPECT_TRUE(is_dense({f32, {1, 6}, {77, 1}})) << "the stride of one element means nothing";
    EXPECT_FALSE(is_dense({f32, {2, 3}, {4, 1}})) << "a gap";
    EXPECT_FALSE(is_dense({f32, {2, 3}, {0, 1}})) << "a broadcast";
    EXPECT_FALSE(is_dense({f32, {2, 3}, {2, 1}})) << "overlapping rows";
}

TEST(WorkloadText, IsAsDocumented) {
    EXPECT_EQ(workload_text(residual_conv()),
              "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
              "dilation=[1, 1], groups=1, bias=true) f32[1, 64, 56, 56] -> "
              "add(f32[1, 64, 56, 56]) -> relu -> f32[1, 64, 56, 56]");
    EXPECT_EQ(workload_text(copy()), "identity f32[1, 8, 5, 7]@nchw -> f32[1, 8, 5, 7]");
}

TEST(WorkloadText, TellsEveryDifferenceApart) {
    std::vector<Workload> different(10, residual_conv());
    std::get<Conv>(different[1].anchor).bias = false;
    std::get<Conv>(different[2].anchor).dilation = {2, 1};
    different[3].inputs[0] = row_major(f32, {1, 64, 56, 56});
    different[4].output.strides[3] = 128;
    different[5].epilogue[0].position = 1;
    different[6].epilogue[0].op = Binary{BinaryKind::mul};
    different[7].epilogue[1] = unary(UnaryKind::leaky_relu, 0.01);
    different[8].epilogue[1] = unary(UnaryKind::leaky_relu, 0.0100000001);
    different[9].inputs[1] = {f32, {1, 64, 1, 1}, {0, 1, 0, 0}};
    for (size_t i = 0; i < different.size(); i++)
        for (size_t j = 0; j < i; j++)
            EXPECT_FALSE(different[i] == different[j]) << workload_text(different[i]);
    EXPECT_TRUE(residual_conv() == residual_conv());
}

TEST(WorkloadText, ReadsBack) {
    const char *texts[] = {
        "identity f32[1, 8, 5, 7]@nchw -> f32[1, 8, 5, 7]",
        "identity f32[3, 4]@[0, 1] -> sub(0.5, v) -> mul(-1e-05) -> f32[3, 4]",
        "identity f32[2, 4, 3] -> clamp(min=-1.5, max=2.0) -> add(f32[1, 4, 1]@[0, 1, 0], v) -> "
        "tanh -> f32[2, 4, 3]@[24, 1, 8]",
        "linear(10, bias=false) f32[2, 16, 5, 5] -> hard_swish -> f32[2, 10]",
        "max_pool2d(kernel=[3, 3], stride=[2, 2], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
        "ceil_mode=false) f32[1, 6, 9, 9] -> f32[1, 6, 5, 5]",
        "avg_pool3d(kernel=[2, 2, 2], stride=[2, 2, 2], padding=[[0, 0], [0, 0], [0, 0]], "
        "ceil_mode=true, count_include_pad=false) f32[1, 3, 5, 5, 5] -> f32[1, 3, 3, 3, 3]",
        "mean(dims=[2, 3]) f32[1, 6, 9, 9] -> relu6 -> f32[1, 6, 1, 1]",
        "softmax(dim=1) f32[1, 10] -> f32[1, 10]",
        "log_softmax(dim=0) f32[3, 10] -> f32[3, 10]",
        "sum(dims=[0, 2]) i64[3, 4, 5] -> add(i64[1, 4, 1]@[0, 1, 0]) -> i64[1, 4, 1]",
        "argmax(dim=1) f32[2, 5] -> cast(i32) -> mul(-3.0) -> i32[2, 1]",
        "topk(k=2, dim=0, largest=false, indices=false) i32[4] -> i32[2]",
        "matmul f32[2, 3, 4]@[0, 4, 1], f32[2, 4, 6] -> gelu(approximate=tanh) -> f32[2, 3, 6]",
        "sample(kind=weighted_sum, dims=[2, 3], fill=0.0) u8[1, 3, 8, 8], i32[4, 2], f32[4, 2], "
        "i32[5, 1], f32[5, 1] -> sub(f32[1, 3, 1, 1]@[0, 1, 0, 0]) -> f32[1, 3, 4, 5]@nchw",
        "sample(kind=pick, dims=[0], fill=-1.0) i8[7], i32[9, 1] -> i8[9]",
        "identity bool[3] -> where(f32[3], 1.0) -> f32[3]",
        "identity bool[3] -> where(1.0, 0.0) -> f32[3]",
        "identity u8[2, 2] -> ge(128.0) -> where(u8[2, 2], u8[2, 2]) -> u8[2, 2]",
        "identity f32[2, 2] -> where(bool[1, 2]@[0, 1], inf, v) -> f32[2, 2]",
        "identity f32[2, 2] -> pow(2.0, v) -> where(bool[2, 2], v, f32[2, 2]) -> f32[2, 2]",
    };
    for (const char *text : texts) {
        auto workload = parse_workload(text);
        ASSERT_TRUE(workload) << text;
        EXPECT_EQ(workload_text(*workload), text);
        EXPECT_EQ(workload_problem(*workload), "");
    }
}

TEST(WorkloadText, ReadsTheParts) {
    auto w = parse_workload("identity f32[1, 4, 2, 2] -> sub(f32[1, 4, 1, 1]@[0, 1, 0, 0], v) -> "
                            "add(2) -> leaky_relu(negative_slope=0.25) -> f32[1, 4, 2, 2]@nchw");
    ASSERT_TRUE(w);
    ASSERT_EQ(w->epilogue.size(), 3u);
    EXPECT_EQ(w->epilogue[0].operands[0].input, 1);
    EXPECT_EQ(w->epilogue[0].position, 1);
    EXPECT_EQ(w->inputs[1].strides, (std::vector<int64_t>{0, 1, 0, 0}));
    EXPECT_EQ(w->epilogue[1].position, 0);
    EXPECT_EQ(w->epilogue[1].operands[0].input, -1);
    EXPECT_EQ(w->epilogue[1].operands[0].scalar, 2.0);
    EXPECT_EQ(std::get<Unary>(w->epilogue[2].op).a, 0.25);
    EXPECT_EQ(w->output, row_major(f32, {1, 4, 2, 2}));
}

TEST(WorkloadText, RefusesWhatIsNoWorkload) {
    const std::string many(100000, '[');
    const std::string texts[] = {
        "",
        "identity",
        "identity f32[2, 3]",
        "identity f32[2, 3] ->",
        "identity f32[2, 3] -> f32[2, 3] -> relu",
        "identity f32[2, 3] -> f32[2, 4]",
        "identity f32[2, 3] -> rellu -> f32[2, 3]",
        "identity f32[2, 3] -> add() -> f32[2, 3]",
        "identity f32[2, 3] -> add(f32[2, 2]) -> f32[2, 3]",
        "identity f32[2, 3] -> add(1.0, w) -> f32[2, 3]",
        "identity f32[2, 3] -> softmax(dim=1) -> f32[2, 3]",
        "identity f32[2, 0] -> f32[2, 0]",
        "identity f32[2, -3] -> f32[2, -3]",
        "identity f99[2, 3] -> f32[2, 3]",
        "identity f32[2, 3]@[1] -> f32[2, 3]",
        "identity f32[2, 3]@[-3, 1] -> f32[2, 3]",
        "identity f32[2, 3]@[9223372036854775807, 1] -> f32[2, 3]",
        "identity f32[99999999999, 99999999999] -> f32[99999999999, 99999999999]",
        "identity f32[99999999999999999999] -> f32[2]",
        "relu f32[2, 3] -> f32[2, 3]",
        "linear f32[2, 3] -> f32[2, 3]",
        "linear(bias=3) f32[2, 3] -> f32[2, 3]",
        "linear(3, 4, 5, 6) f32[2, 3] -> f32[2, 3]",
        "linear(0) f32[2, 3] -> f32[2, 0]",
        "linear(3, colour=1) f32[2, 3] -> f32[2, 3]",
        "softmax(dim=2) f32[2, 3] -> f32[2, 3]",
        "conv2d(4, kernel=[0, 0], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
        "groups=1, bias=true) f32[1, 4, 5, 5] -> f32[1, 4, 6, 6]",
        "concat(dim=1) f32[2, 3] -> f32[2, 3]",
        "linear(" + many,
        "linear(" + many + "1" + std::string(100000, ']') + ") f32[2, 3] -> f32[2, 3]",
        "identity f32" + many.substr(0, 16000),
    };
    for (const std::string &text : texts)
        EXPECT_FALSE(parse_workload(text)) << text.substr(0, 200);
}

// Records and command lines come from outside: whatever they hold, reading them must end well.
TEST(WorkloadText, DamagedTextIsRefusedOrReadsBack) {
    const std::string text =
        "avg_pool2d(kernel=[2, 2], stride=[2, 1], padding=[[0, 0], [1, 0]], ceil_mode=true, "
        "count_include_pad=false) f32[1, 3, 5, 5]@[75, 25, 5, 1] -> sub(f32[1, 3, 1, 1]@[0, 1, 0, "
        "0], v) -> mul(-1.5e-05) -> clamp(min=-1.0, max=2.0) -> f32[1, 3, 3, 5]@nchw";
    ASSERT_TRUE(parse_workload(text));
    const std::string alphabet = "0123456789-.,[]()@>= ev\xff";
    std::mt19937 rng(4);
    int accepted = 0;
    for (int i = 0; i < 20000; i++) {
        std::string damaged = text;
        for (int edits = 1 + int(rng() % 3); edits > 0; edits--) {
            const size_t at = rng() % damaged.size();
            if (rng() % 3 == 0)
                damaged.erase(at, 1 + rng() % 8);
            else
                damaged.insert(at, 1 + rng() % 4, alphabet[rng() % alphabet.size()]);
        }
        auto workload = parse_workload(damaged);
        if (!workload)
            continue;
        accepted++;
        const std::string printed = workload_text(*workload);
        auto again = parse_workload(printed);
        ASSERT_TRUE(again) << damaged;
        ASSERT_EQ(workload_text(*again), printed) << damaged;
        ASSERT_GE(workload_bytes(*workload), 0) << damaged;
    }
    EXPECT_GT(accepted, 100) << "some edits change a number or a space";
}

TEST(WorkloadProblem, NamesTheBrokenRule) {
    EXPECT_EQ(workload_problem(residual_conv()), "");
    EXPECT_EQ(workload_problem(copy()), "");
    auto expect = [](const Workload &w, const std::string &problem) {
        EXPECT_EQ(workload_problem(w), problem);
    };
    Workload w = copy();
    w.anchor = Unary{UnaryKind::relu};
    expect(w, "no anchor operator");
    w = copy();
    w.inputs.clear();
    expect(w, "the anchor's operand is missing");
    w = copy();
    w.inputs[0].strides.pop_back();
    expect(w, "a view needs one stride per dimension");
    w = copy();
    w.output.strides = {280, 1, 7, 1};
    expect(w, "elements of the output share a place");
    w = residual_conv();
    w.inputs[0].strides[2] = 0;
    expect(w, "elements of the anchor's operand share a place");
    w = residual_conv();
    w.output.shape[1] = 32;
    expect(w, "the anchor writes [1, 64, 56, 56] but the output is [1, 32, 56, 56]");
    w = residual_conv();
    w.inputs[0] = channels_last(f32, {1, 64, 56});
    expect(w, "convolution and pooling are 2-D or 3-D");
    w = residual_conv();
    std::get<Conv>(w.anchor).groups = 3;
    expect(w, "the anchor cannot read its operand");
    w = residual_conv();
    w.inputs[1] = channels_last(f32, {1, 64, 56, 1});
    expect(w, "a broadcast dimension needs stride 0");
    w.inputs[1] = channels_last(f32, {1, 32, 56, 56});
    expect(w, "an epilogue operand does not broadcast to the output");
    w.inputs[1] = channels_last(f32, {64, 56, 56});
    expect(w, "an epilogue operand needs the output's rank");
    w = residual_conv();
    w.inputs.pop_back();
    expect(w, "an epilogue operand is missing");
    w = residual_conv();
    w.inputs.push_back(w.inputs[1]);
    expect(w, "an input is never read");
    w = residual_conv();
    w.epilogue[0].operands[0].input = 0;
    expect(w, "epilogue operands must be numbered in the order of their use");
    w = residual_conv();
    w.epilogue[1].operands = {{1, 0}};
    expect(w, "a step has the wrong number of operands");
    w = residual_conv();
    w.epilogue[0].position = 2;
    expect(w, "a step's value has no such position");
    w = residual_conv();
    w.output.dtype = DType::i32;
    expect(w, "the result is f32 but the output i32");
    w.output.dtype = DType::f16;
    expect(w, "kernels have no elements of type f16");
    w = residual_conv();
    w.inputs[1].dtype = DType::i32;
    expect(w, "a step cannot work on f32 and its operands");
    w = residual_conv();
    w.inputs[0].dtype = DType::i32;
    expect(w, "the anchor cannot read its operand");
}

// What a step may work on, and what it makes of it.
TEST(WorkloadProblem, ChecksElementTypes) {
    const char *const good[] = {
        "identity i32[2] -> relu -> neg -> abs -> sign -> i32[2]",
        "identity i64[2] -> clamp(min=0.0, max=5.0) -> remainder(3.0) -> i64[2]",
        "identity i8[2] -> lt(i8[2]) -> logical_not -> logical_xor(bool[2]) -> bool[2]",
        "identity bool[2] -> eq(0.0) -> cast(u8) -> u8[2]",
        "identity f32[2] -> is_nan -> where(0.0, f32[2]) -> f32[2]",
        "amin(dims=[0]) i64[2] -> i64[1]",
    };
    for (const char *text : good)
        EXPECT_TRUE(parse_workload(text)) << text;
    const char *const bad[] = {
        "identity i32[2] -> sigmoid -> i32[2]",
        "identity u8[2] -> relu -> u8[2]",
        "identity f32[2] -> logical_not -> f32[2]",
        "identity i32[2] -> is_nan -> bool[2]",
        "identity i32[2] -> div(2.0) -> i32[2]",
        "identity i32[2] -> add(f32[2]) -> f32[2]",
        "identity u8[2] -> add(1.0) -> u8[2]",
        "identity f32[2] -> logical_and(bool[2]) -> bool[2]",
        "identity f32[2] -> where(1.0, 0.0) -> f32[2]",
        "identity bool[2] -> where(f32[2], i32[2]) -> f32[2]",
        "identity f32[2] -> cast(f16) -> f16[2]",
        "identity f32[2] -> eq(1.0) -> f32[2]",
        "mean(dims=[0]) i32[2] -> i32[1]",
        "l2(dims=[0]) f32[2] -> f32[1]",
        "sum(dims=[]) f32[2] -> f32[2]",
        "sum(dims=[1, 0]) f32[2, 2] -> f32[1, 1]",
        "sum(dims=[0, 0]) f32[2, 2] -> f32[1, 2]",
        "sum(dims=[0], dims=[1]) f32[2, 2] -> f32[1, 2]",
        "argmax(dim=2) f32[2, 2] -> i64[2, 2]",
        "argmax(dim=1) u8[2, 2] -> i64[2, 1]",
        "topk(k=3, dim=1, largest=true, indices=true) f32[2, 2] -> i64[2, 3]",
        "topk(k=0, dim=1, largest=true, indices=true) f32[2, 2] -> i64[2, 0]",
        "matmul f32[2, 3] -> f32[2, 3]",
        "matmul f32[2, 3], f32[2, 3] -> f32[2, 3]",
        "matmul i32[2, 3], i32[3, 3] -> i32[2, 3]",
        "matmul f32[2, 2, 3], f32[1, 3, 3] -> f32[2, 2, 3]",
        "sample(kind=pick, dims=[0], fill=0.0) f32[4], i32[2, 2] -> f32[2]",
        "sample(kind=pick, dims=[0], fill=0.0) f32[4], i64[2, 1] -> f32[2]",
        "sample(kind=pick, dims=[0], fill=0.0) f32[4], i32[2, 1]@[2, 1] -> f32[2]",
        "sample(kind=max, dims=[0], fill=0.0) u8[4], i32[2, 1] -> u8[2]",
        "sample(kind=weighted_sum, dims=[0], fill=0.0) f32[4], i32[2, 1], f32[2, 2] -> f32[2]",
        "sample(kind=weighted_sum, dims=[0], fill=0.0) i32[4], i32[2, 1], f32[2, 1] -> f32[2]",
        "sample(kind=pick, dims=[1, 0], fill=0.0) f32[4, 4], i32[2, 1], i32[2, 1] -> f32[2, 2]",
        "sample(kind=pick, dims=[0]) f32[4], i32[2, 1] -> f32[2]",
        "sample(kind=best, dims=[0], fill=0.0) f32[4], i32[2, 1] -> f32[2]",
        "softmax(dim=0) i32[2] -> i32[2]",
    };
    for (const char *text : bad)
        EXPECT_FALSE(parse_workload(text)) << text;
}

TEST(WorkloadProblem, OnlyWindowsNeedOperandsThatLieApart) {
    EXPECT_TRUE(parse_workload("sum(dims=[1]) f32[3, 4]@[0, 1] -> f32[3, 1]"));
    EXPECT_TRUE(parse_workload("matmul f32[3, 4]@[0, 1], f32[4, 2]@[1, 0] -> f32[3, 2]"));
    EXPECT_FALSE(parse_workload("linear(2, bias=false) f32[3, 4]@[0, 1] -> f32[3, 2]"));
}

TEST(WorkloadSizes, CountWeightsWorkAndBytes) {
    const Workload conv = residual_conv();
    EXPECT_EQ(workload_weight(conv)->shape, (Shape{64, 64, 3, 3}));
    EXPECT_EQ(workload_bias(conv)->shape, (Shape{64}));
    EXPECT_EQ(workload_macs(conv), 64 * 56 * 56 * 64 * 9);
    EXPECT_EQ(workload_bytes(conv), 4 * (3 * 64 * 56 * 56 + 64 * 64 * 9 + 64));

    Workload depthwise = residual_conv();
    depthwise.anchor = conv3x3(64, 64);
    std::get<Conv>(depthwise.anchor).bias = false;
    EXPECT_EQ(workload_weight(depthwise)->shape, (Shape{64, 1, 3, 3}));
    EXPECT_FALSE(workload_bias(depthwise));
    EXPECT_EQ(workload_macs(depthwise), 64 * 56 * 56 * 9);

    const Workload linear{
        Linear{10, true}, {channels_last(f32, {2, 16, 5, 5})}, {}, row_major(f32, {2, 10})};
    EXPECT_EQ(workload_weight(linear)->shape, (Shape{10, 400}));
    EXPECT_EQ(workload_macs(linear), 2 * 10 * 400);

    EXPECT_FALSE(workload_weight(copy()));
    EXPECT_EQ(workload_macs(copy()), 0);
    EXPECT_EQ(workload_bytes(copy()), 4 * 2 * 8 * 5 * 7);
    Workload broadcast = copy();
    broadcast.inputs[0].strides = {0, 1, 0, 0};
    EXPECT_EQ(workload_bytes(broadcast), 4 * (8 + 8 * 5 * 7)) << "a broadcast is read once";
}

} // namespace
} // namespace cnnc
