// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What fuses, what becomes a view and where a copy is needed, on small networks made for each case.
// Every one of them is also executed and compared with the interpreter.
#include "compiler/graph/weights.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/plan.h"
#include "compiler/reference/interpret.h"
#include "tests/passes/execute_kernels.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cnnc {
namespace {

const Unary relu{UnaryKind::relu};
const Binary add{BinaryKind::add};
const Binary sub{BinaryKind::sub};
const Reduce mean_of_pixels{ReduceKind::mean, {2, 3}, true};

class FormKernels : public testing::Test {
  protected:
    // Forms kernels, proves that they compute the network, and returns their names in order; a
    // name is the nodes' names joined by +.
    std::vector<std::string> form() {
        Graph graph = g.finish();
        random_weights(graph, 5);
        k = form_kernels(graph);
        for (const std::string &finding : verify(k))
            ADD_FAILURE() << finding;
        expect_computes(graph);
        std::vector<std::string> names;
        for (const Kernel &kernel : k.kernels)
            names.push_back(kernel.nodes.empty() ? kernel.name : joined(kernel));
        return names;
    }

    const Kernel &kernel(const std::string &name) const {
        auto found = std::find_if(k.kernels.begin(), k.kernels.end(),
                                  [&](const Kernel &kernel) { return kernel.name == name; });
        if (found == k.kernels.end())
            throw std::runtime_error("no kernel " + name);
        return *found;
    }

    std::string text(const std::string &name) const { return workload_text(kernel(name).workload); }
    const Buffer &written(const std::string &name) const {
        return k.buffers[size_t(kernel(name).output.buffer)];
    }

    TestGraph g;
    KernelGraph k;

  private:
    std::string joined(const Kernel &kernel) const {
        std::string name;
        for (NodeId id : kernel.nodes)
            name += (name.empty() ? "" : "+") + k.graph[id].name;
        return name;
    }

    void expect_computes(const Graph &graph) {
        const Plan plan = plan_memory(k);
        for (const std::string &finding : verify(plan, k))
            ADD_FAILURE() << finding;
        const auto inputs = random_inputs(graph, 6);
        const auto expected = interpret(graph, inputs);
        const auto actual = execute(k, plan, inputs);
        ASSERT_EQ(actual.size(), expected.size());
        for (size_t i = 0; i < actual.size(); i++)
            for (size_t j = 0; j < expected[i].values.size(); j++)
                ASSERT_NEAR(load_element(actual[i].type.dtype, actual[i].bytes, int64_t(j)),
                            expected[i].values[j], 1e-4)
                    << kernel_graph_text(k);
    }
};

using Names = std::vector<std::string>;

// ---- fusion ----

// A GPU's kernels take so many arguments and no more.
TEST_F(FormKernels, KernelsReadAHundredTensorsAtMost) {
    NodeId sum = g.input("x", {2, 3});
    for (int i = 0; i < 250; i++) {
        const NodeId next = g.input("x" + std::to_string(i), {2, 3});
        sum = g.add(Unary{UnaryKind::relu}, {g.add(add, {sum, next}, "sum" + std::to_string(i))},
                    "relu" + std::to_string(i));
    }
    g.output("y", sum);
    EXPECT_EQ(form().size(), 3u);
    size_t inputs = 0;
    for (const Kernel &kernel : k.kernels) {
        EXPECT_LE(kernel.inputs.size(), 96u);
        inputs += kernel.inputs.size();
    }
    EXPECT_EQ(inputs, 251u + 2); // and what the first two make
    EXPECT_EQ(k.kernels[1].notes[0],
              "a kernel of its own: the kernel of relu94 reads 96 tensors; x95 is an input");
}

TEST_F(FormKernels, ActivationsFuseIntoEveryAnchor) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    x = g.add(relu, {g.add(conv(2, 8, 3, 1, 1), {x}, "conv")}, "a");
    x = g.add(relu, {g.add(max_pool(2, 2, 2), {x}, "max")}, "b");
    x = g.add(relu, {g.add(avg_pool(2, 2, 1), {x}, "avg")}, "c");
    x = g.add(relu, {g.add(Softmax{1}, {x}, "softmax")}, "d");
    x = g.add(relu, {g.add(mean_of_pixels, {x}, "mean")}, "e");
    x = g.add(Flatten{1, 3}, {x}, "flatten");
    x = g.add(relu, {g.add(Linear{5, true}, {x}, "fc")}, "f");
    g.output("y", x);
    EXPECT_EQ(form(), (Names{"conv+a", "max+b", "avg+c", "softmax+d", "mean+e", "fc+f"}));
    EXPECT_EQ(text("fc"), "linear(5, bias=true) f32[1, 8] -> relu -> f32[1, 5]");
}

// The add goes into the later kernel, whichever side of it that is.
TEST_F(FormKernels, ResidualAddFusesOnce) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId main = g.add(conv(2, 4, 3, 1, 1), {x}, "main");
    NodeId shortcut = g.add(conv(2, 4, 1), {x}, "shortcut");
    NodeId sum = g.add(sub, {main, shortcut}, "sum");
    g.output("y", g.add(relu, {sum}, "relu"));
    EXPECT_EQ(form(), (Names{"main", "shortcut+sum+relu"}));
    ASSERT_EQ(kernel("shortcut").workload.epilogue.size(), 2u);
    EXPECT_EQ(kernel("shortcut").workload.epilogue[0].position, 1);
    EXPECT_EQ(kernel("shortcut").notes,
              (Names{"sum fused: the only reader of shortcut; main is computed before",
                     "relu fused: the only reader of sum"}));
}

TEST_F(FormKernels, ResidualAddWaitsForWhatComesLater) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId early = g.add(conv(2, 4, 1), {x}, "early");
    NodeId late = g.add(conv(2, 4, 3, 1, 1), {x}, "late");
    NodeId sum = g.add(add, {early, late}, "sum");
    g.output("y", sum);
    g.output("z", g.add(relu, {late}, "other_reader"));
    EXPECT_EQ(form(), (Names{"late", "early+sum", "other_reader"}));
}

TEST_F(FormKernels, WhatSomethingElseReadsIsStored) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 4, 3, 1, 1), {x}, "conv");
    NodeId a = g.add(relu, {c}, "a");
    NodeId b = g.add(Unary{UnaryKind::tanh}, {a}, "b");
    g.output("y", b);
    g.output("z", c);
    EXPECT_EQ(form(), (Names{"conv", "a+b"}));
    EXPECT_EQ(kernel("a").notes[0], "a kernel of its own: conv is an output");
}

TEST_F(FormKernels, SquareReadsOneValueTwice) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 4, 3, 1, 1), {x}, "conv");
    g.output("y", g.add(Binary{BinaryKind::mul}, {c, c}, "square"));
    EXPECT_EQ(form(), (Names{"conv", "square"}));
    const Kernel &square = kernel("square");
    ASSERT_EQ(square.inputs.size(), 2u);
    EXPECT_EQ(square.inputs[0].buffer, square.inputs[1].buffer);
}

TEST_F(FormKernels, ScalarsAndParametersInEpilogues) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 4, 1), {x}, "conv");
    c = g.add(sub, {g.constant(1.5), c}, "minus");
    c = g.add(add, {g.add(Parameter{{4, 1, 1}}, {}, "p"), c}, "plus");
    g.output("y", c);
    EXPECT_EQ(form(), (Names{"conv+minus+plus"}));
    EXPECT_EQ(text("conv"), "conv2d(4, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], "
                            "dilation=[1, 1], groups=1, bias=true) f32[1, 4, 6, 6]@nchw -> "
                            "sub(1.5, v) -> add(f32[1, 4, 1, 1]@[0, 1, 0, 0]) -> "
                            "f32[1, 4, 6, 6]@nchw");
    EXPECT_EQ(k.buffers[size_t(kernel("conv").inputs[1].buffer)].kind, Buffer::Kind::constant);
}

// Neither side has the sum's shape: a pointwise kernel walks over the broadcast left one.
TEST_F(FormKernels, BroadcastThatGrowsStartsAKernel) {
    NodeId x = g.input("x", {1, 1, 4, 6});
    NodeId c = g.add(conv(2, 3, 1), {g.add(mean_of_pixels, {x}, "mean")}, "conv");
    NodeId sum = g.add(sub, {x, c}, "sum");
    g.output("y", g.add(relu, {sum}, "relu"));
    EXPECT_EQ(form(), (Names{"mean", "conv", "sum+relu"}));
    EXPECT_EQ(text("sum"), "identity f32[1, 3, 4, 6]@[24, 0, 6, 1] -> "
                           "sub(f32[1, 3, 1, 1]@[0, 1, 0, 0]) -> relu -> f32[1, 3, 4, 6]@nchw");
}

// ---- flatten and reshape ----

TEST_F(FormKernels, LinearReadsThroughFlatten) {
    NodeId x = g.input("x", {2, 3, 6, 6});
    NodeId c = g.add(conv(2, 8, 3, 1, 1), {x}, "conv");
    NodeId f = g.add(Flatten{1, 3}, {c}, "flatten");
    f = g.add(relu, {f}, "relu");
    g.output("y", g.add(Linear{5, true}, {f}, "fc"));
    EXPECT_EQ(form(), (Names{"conv+relu", "fc"}));
    EXPECT_EQ(text("fc"), "linear(5, bias=true) f32[2, 8, 6, 6] -> f32[2, 5]");
    EXPECT_EQ(k.notes, (Names{"flatten: a view of relu"}));
}

TEST_F(FormKernels, FlattenThatIsAnOutputStaysInFrontOfTheActivation) {
    NodeId x = g.input("x", {2, 3, 6, 6});
    NodeId f = g.add(Flatten{1, 3}, {g.add(conv(2, 8, 3, 1, 1), {x}, "conv")}, "flatten");
    g.output("y", f);
    g.output("z", g.add(relu, {f}, "relu"));
    EXPECT_EQ(form(), (Names{"conv", "relu"}));
}

TEST_F(FormKernels, FlattenedOutputIsWrittenRowMajor) {
    NodeId x = g.input("x", {2, 3, 6, 6});
    NodeId c = g.add(conv(2, 8, 3, 1, 1), {x}, "conv");
    g.output("y", g.add(Flatten{1, 3}, {c}, "flatten"));
    EXPECT_EQ(form(), (Names{"conv"}));
    EXPECT_EQ(kernel("conv").workload.output, row_major(DType::f32, {2, 8, 6, 6}));
}

TEST_F(FormKernels, FlattenThatNoStridesExpressIsCopiedOnce) {
    NodeId x = g.input("x", {2, 3, 6, 6});
    NodeId c = g.add(conv(2, 8, 3, 1, 1), {x}, "conv");
    NodeId f = g.add(Flatten{1, 3}, {c}, "flatten");
    g.output("y", g.add(Softmax{1}, {f}, "a"));
    g.output("z", g.add(add, {f, f}, "b"));
    EXPECT_EQ(form(), (Names{"conv", "conv.copy", "a", "b"}));
    EXPECT_EQ(kernel("conv.copy").notes, (Names{"a copy: flatten needs row-major order"}));
}

// Images of few channels lie channels-first, where flattening is free.
TEST_F(FormKernels, FewChannelsLieChannelsFirst) {
    NodeId x = g.input("x", {1, 1, 28, 28});
    NodeId c = g.add(conv(2, 6, 5, 1, 2), {x}, "conv");
    NodeId p = g.add(max_pool(2, 2, 2), {c}, "pool");
    g.output("y", g.add(Softmax{1}, {g.add(Flatten{1, 3}, {p}, "flatten")}, "softmax"));
    EXPECT_EQ(form(), (Names{"conv", "pool", "softmax"}));
    EXPECT_EQ(kernel("conv").workload.output, row_major(DType::f32, {1, 6, 28, 28}));
    EXPECT_EQ(kernel("pool").workload.output, row_major(DType::f32, {1, 6, 14, 14}));
}

TEST_F(FormKernels, SpatialReshapeIsAView) {
    NodeId x = g.input("x", {2, 3, 6, 6});
    NodeId c = g.add(conv(2, 8, 3, 1, 1), {x}, "conv");
    NodeId r = g.add(Reshape{{2, 8, 36}}, {c}, "reshape");
    g.output("y", g.add(conv(1, 4, 3), {r}, "conv1d"));
    EXPECT_EQ(form(), (Names{"conv", "conv1d"}));
    EXPECT_EQ(text("conv1d"),
              "conv2d(4, kernel=[1, 3], stride=[1, 1], padding=[[0, 0], [0, 0]], "
              "dilation=[1, 1], groups=1, bias=true) f32[2, 8, 1, 36] -> f32[2, 4, 1, 34]@nchw");
    EXPECT_EQ(kernel("conv1d").weight.type.shape, (Shape{4, 8, 1, 3}));
}

TEST_F(FormKernels, LinearOfHigherRankWorksOnRows) {
    NodeId x = g.input("x", {2, 5, 6});
    NodeId a = g.add(Linear{7, true}, {x}, "a");
    a = g.add(relu, {a}, "relu");
    NodeId b = g.add(Linear{7, false}, {a}, "b");
    g.output("y", g.add(add, {b, a}, "sum"));
    EXPECT_EQ(form(), (Names{"a+relu", "b+sum"}));
    EXPECT_EQ(text("b"), "linear(7, bias=false) f32[10, 7] -> add(f32[10, 7]) -> f32[10, 7]");
}

TEST_F(FormKernels, RowsBroadcastOverDoNotFuse) {
    NodeId x = g.input("x", {2, 5, 6});
    NodeId a = g.add(Linear{7, true}, {x}, "a");
    NodeId sum = g.add(add, {a, g.add(Parameter{{5, 7}}, {}, "p")}, "sum");
    g.output("y", g.add(add, {sum, g.add(Parameter{{7}}, {}, "q")}, "fine"));
    EXPECT_EQ(form(), (Names{"a", "sum+fine"}));
}

// ---- other views ----

// The heads of attention: nothing is copied, the product is written as the next layer reads it.
TEST_F(FormKernels, PermutedElementsAreWrittenInTheOrderOfTheReshapeBehind) {
    NodeId x = g.input("x", {2, 5, 8});
    NodeId q = g.add(Linear{8, true}, {x}, "q");
    NodeId heads = g.add(Permute{{0, 2, 1, 3}}, {g.add(Reshape{{2, 5, 2, 4}}, {q}, "split")}, "h");
    NodeId turned = g.add(Permute{{0, 1, 3, 2}}, {heads}, "turned");
    NodeId product = g.add(MatMul{}, {g.add(MatMul{}, {heads, turned}, "scores"), heads}, "mix");
    NodeId back = g.add(Permute{{0, 2, 1, 3}}, {product}, "back");
    NodeId rows = g.add(Reshape{{2, 5, 8}}, {back}, "rows");
    g.output("y", g.add(Linear{3, true}, {rows}, "out"));
    EXPECT_EQ(form(), (Names{"q", "scores", "mix", "out"}));
    EXPECT_EQ(kernel("scores").workload.inputs[1].strides, (std::vector<int64_t>{40, 4, 1, 8}));
    EXPECT_EQ(kernel("mix").workload.output.strides, (std::vector<int64_t>{40, 4, 8, 1}));
}

TEST_F(FormKernels, SlicesAreReadWhereTheyLie) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 16, 3, 1, 1), {x}, "conv");
    NodeId a = g.add(Slice{{0, 0, 0, 0}, {1, 8, 6, 6}, {1, 1, 1, 1}}, {c}, "a");
    NodeId b = g.add(Slice{{0, 8, 0, 1}, {1, 8, 6, 3}, {1, 1, 1, 2}}, {c}, "b");
    g.output("y", g.add(conv(2, 2, 1), {a}, "left"));
    g.output("z", g.add(conv(2, 2, 1), {b}, "right"));
    EXPECT_EQ(form(), (Names{"conv", "left", "right"}));
    EXPECT_EQ(kernel("right").inputs[0].offset, 16 + 8);
    EXPECT_EQ(kernel("right").workload.inputs[0].strides, (std::vector<int64_t>{576, 1, 96, 32}));
}

// Frames with channels last are what a convolution reads anyway.
TEST_F(FormKernels, PermutedInputsNeedNoCopy) {
    NodeId x = g.input("x", {1, 6, 6, 8});
    NodeId p = g.add(Permute{{0, 3, 1, 2}}, {x}, "permute");
    g.output("y", g.add(conv(2, 4, 3), {p}, "conv"));
    EXPECT_EQ(form(), (Names{"conv"}));
    EXPECT_EQ(kernel("conv").workload.inputs[0], channels_last(DType::f32, {1, 8, 6, 6}));
}

TEST_F(FormKernels, ActivationsMoveInFrontOfViewsButNotOfPartsOfWhatOthersRead) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 8, 3, 1, 1), {x}, "conv");
    NodeId p = g.add(Permute{{0, 2, 3, 1}}, {c}, "permute");
    g.output("y", g.add(relu, {p}, "relu"));
    NodeId d = g.add(conv(2, 8, 1), {x}, "wide");
    const Slice half{{0, 4, 0, 0}, {1, 4, 6, 6}, {1, 1, 1, 1}};
    g.output("z", g.add(relu, {g.add(half, {d}, "half")}, "relu_of_half"));
    g.output("w", d);
    EXPECT_EQ(form(), (Names{"conv+relu", "wide", "relu_of_half"}));
    EXPECT_EQ(kernel("relu_of_half").workload.output.shape, (Shape{1, 4, 6, 6}));
}

TEST_F(FormKernels, ExpandedElementsAreCopiedForConvolutionsAlone) {
    NodeId x = g.input("x", {1, 1, 6, 6});
    NodeId e = g.add(Expand{{2, 8, 6, 6}}, {x}, "expand");
    g.output("y", g.add(conv(2, 4, 1), {e}, "conv"));
    g.output("z", g.add(Reduce{ReduceKind::sum, {1}, true}, {e}, "sum"));
    EXPECT_EQ(form(), (Names{"expand.copy", "conv", "sum"}));
    EXPECT_EQ(kernel("sum").workload.inputs[0].strides[1], 0);
}

// ---- element types ----

TEST_F(FormKernels, StepsHaveTypes) {
    NodeId x = g.input("x", {2, 6});
    NodeId k = g.input("k", {2, 6}, Layout::nchw, DType::i64);
    NodeId fc = g.add(Linear{6, true}, {x}, "fc");
    NodeId big = g.add(Binary{BinaryKind::gt}, {fc, g.constant(0.5)}, "gt");
    NodeId three = g.constant(Constant{{DType::i64, {}}, {3}});
    g.output("y", g.add(Where{}, {big, k, three}, "where"));
    EXPECT_EQ(form(), (Names{"fc+gt+where"}));
    EXPECT_EQ(text("fc"), "linear(6, bias=true) f32[2, 6] -> gt(0.5) -> where(i64[2, 6], 3.0) -> "
                          "i64[2, 6]");
}

// A choice between two numbers is taken for f32; others have to be read.
TEST_F(FormKernels, ChoicesBetweenNumbers) {
    NodeId x = g.input("x", {2, 6});
    NodeId k = g.input("k", {2, 6}, Layout::nchw, DType::i64);
    NodeId one = g.constant(Constant{{DType::i64, {}}, {1}});
    NodeId two = g.constant(Constant{{DType::i64, {}}, {2}});
    NodeId a = g.add(Binary{BinaryKind::gt}, {k, one}, "a");
    g.output("y", g.add(Where{}, {a, one, two}, "integers"));
    NodeId b = g.add(Binary{BinaryKind::lt}, {x, g.constant(0)}, "b");
    g.output("z", g.add(Where{}, {b, g.constant(1), g.constant(2)}, "floats"));
    EXPECT_EQ(form(), (Names{"a+integers", "b+floats"}));
    EXPECT_EQ(kernel("a").workload.inputs.size(), 2u);
    EXPECT_EQ(kernel("b").workload.inputs.size(), 1u);
}

// Steps that are the same are written the same.
TEST_F(FormKernels, CommutingOperandsStandBehind) {
    NodeId x = g.input("x", {2, 6});
    NodeId p = g.add(Parameter{{6}}, {}, "p");
    g.output("y", g.add(add, {p, g.add(Linear{6, true}, {x}, "a")}, "sum_a"));
    g.output("z", g.add(add, {g.add(Linear{6, true}, {x}, "b"), p}, "sum_b"));
    EXPECT_EQ(form(), (Names{"a+sum_a", "b+sum_b"}));
    EXPECT_EQ(text("a"), text("b"));
}

// ---- concatenation ----

// SqueezeNet's fire module.
TEST_F(FormKernels, ConcatIsWrittenInPlace) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId squeeze = g.add(relu, {g.add(conv(2, 2, 1), {x}, "squeeze")}, "r0");
    NodeId a = g.add(relu, {g.add(conv(2, 5, 1), {squeeze}, "expand1")}, "r1");
    NodeId b = g.add(relu, {g.add(conv(2, 3, 3, 1, 1), {squeeze}, "expand3")}, "r3");
    NodeId cat = g.add(Concat{1}, {a, b}, "cat");
    g.output("y", g.add(max_pool(2, 2, 2), {cat}, "pool"));
    EXPECT_EQ(form(), (Names{"squeeze+r0", "expand1+r1", "expand3+r3", "pool"}));
    EXPECT_EQ(kernel("expand1").output.buffer, kernel("expand3").output.buffer);
    EXPECT_EQ(kernel("expand3").output.offset, 5);
    EXPECT_EQ(kernel("expand3").workload.output.strides, (std::vector<int64_t>{288, 1, 48, 8}));
    EXPECT_EQ(k.notes, (Names{"cat: r1, r3 written in place"}));
}

TEST_F(FormKernels, NestedConcatsShareOneBuffer) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId a = g.add(conv(2, 5, 1), {x}, "a");
    NodeId b = g.add(conv(2, 3, 1), {a}, "b"); // reads a's slice
    NodeId c = g.add(conv(2, 2, 1), {x}, "c");
    NodeId inner = g.add(Concat{1}, {a, b}, "inner");
    NodeId outer = g.add(Concat{1}, {c, inner}, "outer");
    g.output("y", outer, Layout::nhwc);
    EXPECT_EQ(form(), (Names{"a", "b", "c"}));
    for (const Kernel &each : k.kernels)
        EXPECT_EQ(k.buffers[size_t(each.output.buffer)].name, "y");
    EXPECT_EQ(kernel("b").output.offset, 7);
}

TEST_F(FormKernels, ConcatCopiesWhatCannotLieInIt) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId a = g.add(conv(2, 5, 1), {x}, "a");
    NodeId b = g.add(conv(2, 3, 1), {x}, "b");
    NodeId first = g.add(Concat{1}, {x, a, b, b}, "first");
    NodeId second = g.add(Concat{2}, {a, a}, "second");
    g.output("y", first, Layout::nhwc);
    g.output("z", second);
    EXPECT_EQ(form(), (Names{"a", "b", "x.copy", "b.copy", "b.copy1", "a.copy", "a.copy1"}));
    EXPECT_EQ(written("a").name, "y");
    EXPECT_EQ(kernel("x.copy").notes, (Names{"a copy: x joins first but is an input"}));
    EXPECT_EQ(kernel("a.copy").notes, (Names{"a copy: a joins second but lies in first"}));
}

TEST_F(FormKernels, FlattenedPartsAreWrittenIntoTheConcat) {
    NodeId x = g.input("x", {2, 4, 6, 6});
    NodeId a = g.add(Flatten{1, 3}, {g.add(conv(2, 2, 3), {x}, "conv")}, "flat");
    NodeId b = g.add(Flatten{1, 3}, {g.add(mean_of_pixels, {x}, "mean")}, "means");
    NodeId cat = g.add(Concat{1}, {a, b}, "cat");
    g.output("y", g.add(Linear{3, true}, {cat}, "fc"));
    EXPECT_EQ(form(), (Names{"conv", "mean", "fc"}));
    EXPECT_EQ(kernel("conv").workload.output.strides, (std::vector<int64_t>{36, 16, 4, 1}));
}

// ---- inputs and outputs ----

TEST_F(FormKernels, ManyChannelsAreReorderedOnce) {
    NodeId x = g.input("x", {1, 8, 6, 6});
    NodeId z = g.input("z", {1, 8, 6, 6}, Layout::nhwc);
    NodeId a = g.add(conv(2, 4, 1), {x}, "a");
    NodeId b = g.add(conv(2, 4, 3, 1, 1), {x}, "b");
    NodeId c = g.add(conv(2, 4, 1), {z}, "c");
    NodeId sum = g.add(add, {g.add(add, {a, b}, "ab"), c}, "abc");
    g.output("y", sum, Layout::nhwc);
    g.output("w", g.add(relu, {x}, "direct"));
    EXPECT_EQ(form(), (Names{"x.copy", "a", "b+ab", "c+abc", "direct"}));
    EXPECT_EQ(k.buffers[size_t(kernel("direct").inputs[0].buffer)].name, "x");
    EXPECT_EQ(kernel("c").workload.output, channels_last(DType::f32, {1, 4, 6, 6}));
}

TEST_F(FormKernels, OutputsThatNoKernelCanWriteAreCopied) {
    NodeId x = g.input("x", {1, 4, 6, 6});
    NodeId c = g.add(conv(2, 4, 1), {x}, "conv");
    g.output("one", c);
    g.output("two", c, Layout::nhwc);
    g.output("same", x, Layout::nhwc);
    g.output("constant", g.add(Parameter{{3}}, {}, "p"));
    g.output("shaped", g.add(Reshape{{4, 36}}, {x}, "reshape"));
    EXPECT_EQ(form(), (Names{"conv", "x.copy", "conv.copy", "x.copy1", "p.copy"}));
    EXPECT_EQ(written("conv").name, "one");
    EXPECT_EQ(written("conv.copy").name, "two");
    EXPECT_EQ(kernel("conv.copy").notes, (Names{"a copy: output two: conv is an output"}));
}

TEST_F(FormKernels, AnOutputIsReadWhereItLies) {
    NodeId x = g.input("x", {1, 4});
    NodeId a = g.add(Linear{6, true}, {x}, "a");
    g.output("features", a);
    g.output("y", g.add(Linear{2, true}, {a}, "b"));
    EXPECT_EQ(form(), (Names{"a", "b"}));
    EXPECT_EQ(k.buffers[size_t(kernel("b").inputs[0].buffer)].kind, Buffer::Kind::output);
}

TEST_F(FormKernels, RowsThatDoNotJoinInAnOutputAreCopied) {
    NodeId x = g.input("x", {2, 5, 6});
    g.output("y", g.add(Linear{7, true}, {x}, "a"), Layout::nhwc);
    EXPECT_EQ(form(), (Names{"a", "a.copy"}));
}

TEST_F(FormKernels, OneDimensionalLayersBecomeTwoDimensional) {
    NodeId x = g.input("x", {2, 3, 17});
    x = g.add(conv(1, 4, 3, 1, 1), {x}, "conv");
    x = g.add(add, {x, g.add(Parameter{{4, 1}}, {}, "p")}, "sum");
    x = g.add(max_pool(1, 3, 2, 1), {x}, "max");
    AvgPool ceil = avg_pool(1, 2, 2);
    ceil.ceil_mode = true;
    x = g.add(ceil, {x}, "avg");
    x = g.add(Reduce{ReduceKind::mean, {2}, true}, {x}, "mean");
    g.output("y", x);
    EXPECT_EQ(form(), (Names{"conv+sum", "max", "avg", "mean"}));
    EXPECT_EQ(text("conv"), "conv2d(4, kernel=[1, 3], stride=[1, 1], padding=[[0, 0], [1, 1]], "
                            "dilation=[1, 1], groups=1, bias=true) f32[2, 3, 1, 17]@nchw -> "
                            "add(f32[1, 4, 1, 1]@[0, 1, 0, 0]) -> f32[2, 4, 1, 17]");
    EXPECT_EQ(kernel("avg").workload.output.shape, (Shape{2, 4, 1, 5}));
}

TEST_F(FormKernels, TenThousandLayersTakeNoTime) {
    NodeId x = g.input("x", {1, 2, 2, 2});
    std::vector<NodeId> parts;
    for (int i = 0; i < 5000; i++) {
        x = g.add(conv(2, 2, 1), {x}, "conv" + std::to_string(i));
        x = g.add(Concat{0}, {x, x}, "cat" + std::to_string(i));
        x = g.add(max_pool(2, 1, 1), {x}, "pool" + std::to_string(i));
        if (i % 1000 == 999)
            parts.push_back(x);
        x = g.add(Reshape{{1, 2, 2, 2 * g.graph()[x].type.shape[0]}}, {x},
                  "reshape" + std::to_string(i));
        x = g.add(Conv{2, {1, 1}, {1, 2}, {0, 0}, {0, 0}, {1, 1}, 1, true}, {x},
                  "half" + std::to_string(i));
    }
    g.output("y", g.add(Concat{0}, parts, "all"));
    Graph graph = g.finish();
    const KernelGraph kernels = form_kernels(graph);
    EXPECT_EQ(verify(kernels), Names{});
    EXPECT_GT(kernels.kernels.size(), 20000u);
}

} // namespace
} // namespace cnnc
