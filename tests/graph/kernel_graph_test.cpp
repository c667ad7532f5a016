// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// verify() finds every broken rule of a kernel graph.
#include "compiler/graph/kernel_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

using Kind = Buffer::Kind;

// y = relu(conv(x)), as a convolution and a pointwise kernel, with a buffer between them.
KernelGraph two_kernels() {
    TestGraph g;
    NodeId x = g.input("x", {1, 2, 4, 4});
    NodeId c = g.add(conv(2, 8, 1), {x}, "conv");
    NodeId r = g.add(Unary{UnaryKind::relu}, {c}, "relu");
    g.output("y", r);
    KernelGraph k;
    k.graph = g.finish();
    k.buffers = {{Kind::input, 0, 128, {}, "x"},
                 {Kind::output, 0, 512, {}, "y"},
                 {Kind::temp, -1, 512, {}, "conv"}};
    const Shape shape = {1, 8, 4, 4};
    const TensorView inner = channels_last(DType::f32, shape);
    Kernel first;
    first.name = "conv";
    first.workload = {k.graph[c].op, {row_major(DType::f32, {1, 2, 4, 4})}, {}, inner};
    first.inputs = {{0, 0}};
    first.output = {2, 0};
    first.nodes = {c};
    first.result = c;
    Kernel second;
    second.name = "relu";
    second.workload = {
        Unary{}, {inner}, {{Unary{UnaryKind::relu}, {}, 0}}, row_major(DType::f32, shape)};
    second.inputs = {{2, 0}};
    second.output = {1, 0};
    second.nodes = {r};
    second.result = r;
    k.kernels = {first, second};
    return k;
}

void expect_finding(const KernelGraph &kernels, const std::string &expected) {
    const auto findings = verify(kernels);
    ASSERT_FALSE(findings.empty()) << "not found: " << expected;
    EXPECT_EQ(findings[0], expected);
}

TEST(KernelGraphVerifier, AcceptsASoundGraph) {
    EXPECT_TRUE(verify(two_kernels()).empty());
}

TEST(KernelGraphVerifier, FindsBrokenBuffers) {
    KernelGraph k = two_kernels();
    k.buffers[0].index = 1;
    expect_finding(k, "buffer x stands for no input");
    k = two_kernels();
    k.buffers[1].index = -1;
    expect_finding(k, "buffer y stands for no output");
    k = two_kernels();
    k.buffers[2].bytes = 0;
    expect_finding(k, "buffer conv is empty");
    k = two_kernels();
    k.buffers[0].kind = Kind::constant;
    k.buffers[0].data = TensorData::from_floats({2}, {1, 2});
    expect_finding(k, "buffer x differs from its data in size");
}

TEST(KernelGraphVerifier, FindsBrokenKernels) {
    KernelGraph k = two_kernels();
    k.kernels[1].workload.anchor = Flatten{};
    expect_finding(k, "kernel relu: no anchor operator");
    k = two_kernels();
    k.kernels[1].inputs.push_back({0, 0});
    expect_finding(k, "kernel relu: wrong number of inputs");
    k = two_kernels();
    k.kernels[1].result = 99;
    expect_finding(k, "kernel relu: unknown node");
    k = two_kernels();
    k.kernels[1].inputs[0].buffer = 3;
    expect_finding(k, "kernel relu: unknown buffer");
    k = two_kernels();
    k.kernels[1].inputs[0].offset = 1;
    expect_finding(k, "kernel relu: view leaves buffer conv");
    k = two_kernels();
    k.kernels[0].weight = TensorData::from_floats({8, 3, 1, 1}, std::vector<float>(24));
    expect_finding(k, "kernel conv: wrong type of weight");
    k = two_kernels();
    k.kernels[1].bias = TensorData::from_floats({8}, std::vector<float>(8));
    expect_finding(k, "kernel relu: wrong type of bias");
}

TEST(KernelGraphVerifier, FollowsReadsAndWrites) {
    KernelGraph k = two_kernels();
    std::swap(k.kernels[0], k.kernels[1]);
    expect_finding(k, "kernel relu: reads conv before it is written");
    k = two_kernels();
    k.kernels[0].output.buffer = 0;
    k.buffers[0].bytes = 512;
    expect_finding(k, "kernel conv: writes x, which is read only");
    k = two_kernels();
    k.kernels[1].output.buffer = 2; // in place
    expect_finding(k, "kernel relu: writes conv a second time");
    k = two_kernels();
    k.kernels.pop_back();
    expect_finding(k, "output y is not written completely");
    k = two_kernels();
    k.kernels.push_back(k.kernels[1]);
    expect_finding(k, "kernel relu: writes y a second time");
}

TEST(KernelGraphVerifier, FollowsElementsOfEverySize) {
    KernelGraph k = two_kernels();
    k.kernels[1].workload.output.dtype = DType::boolean;
    k.kernels[1].workload.epilogue = {{Cast{DType::boolean}, {}, 0}};
    expect_finding(k, "output y is not written completely");
    k.buffers[1].bytes = 128;
    EXPECT_EQ(verify(k), std::vector<std::string>());
    k.kernels.push_back(k.kernels[1]);
    k.kernels[2].inputs[0].buffer = 1;
    expect_finding(k, "kernel relu: buffer y holds elements of another size");
}

TEST(KernelGraphText, ShowsKernelsBuffersAndNotes) {
    KernelGraph k = two_kernels();
    k.kernels[1].notes = {"a kernel of its own: conv is read more than once"};
    k.notes = {"nothing was copied"};
    EXPECT_EQ(kernel_graph_text(k),
              "kernel conv = conv\n"
              "    conv2d(8, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], "
              "dilation=[1, 1], groups=1, bias=true) f32[1, 2, 4, 4]@nchw -> f32[1, 8, 4, 4]\n"
              "    x -> conv\n"
              "kernel relu = relu\n"
              "    identity f32[1, 8, 4, 4] -> relu -> f32[1, 8, 4, 4]@nchw\n"
              "    conv -> y\n"
              "    note: a kernel of its own: conv is read more than once\n"
              "buffer x: input, 128 bytes\n"
              "buffer y: output, 512 bytes\n"
              "buffer conv: temp, 512 bytes\n"
              "note: nothing was copied\n");
}

} // namespace
} // namespace cnnc
