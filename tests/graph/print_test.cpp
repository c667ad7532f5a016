// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Flat text: its exact look, and that it is read back to the same graph.
#include "compiler/sema/load.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

using namespace cnnc;

namespace {

TEST(Print, SpellsEveryArgumentOut) {
    TestGraph build("lenet5");
    const NodeId image = build.input("image", {1, 1, 28, 28}, Layout::nhwc);
    NodeId x = build.add(conv(2, 6, 5, 1, 2), {image}, "conv1");
    x = build.add(Unary{UnaryKind::relu}, {x}, "features.relu");
    x = build.add(MaxPool{{2, 2}, {2, 2}, {0, 1}, {0, 0}, {1, 1}, true}, {x}, "features.pool");
    x = build.add(AvgPool{{2, 3}, {2, 2}, {0, 1}, {1, 1}, false, false}, {x}, "0");
    build.output("pooled", x, Layout::nhwc);
    x = build.add(BatchNorm{1e-3, false}, {x}, "norm");
    x = build.add(Unary{UnaryKind::leaky_relu, 0.01}, {x}, "leaky");
    x = build.add(Unary{UnaryKind::clamp, -1, std::numeric_limits<double>::infinity()}, {x}, "c");
    const NodeId scale = build.add(Parameter{{6, 1, 1}}, {}, "scale");
    x = build.add(Binary{BinaryKind::mul}, {x, scale}, "scaled");
    x = build.add(Flatten{1, 3}, {x}, "flatten");
    x = build.add(Reshape{{1, 2, 168}}, {x}, "reshaped");
    x = build.add(Linear{10, true}, {x}, "fc");
    build.output("digit", build.add(Softmax{2}, {x}, "digit"));
    EXPECT_EQ(print_graph(build.graph()), R"(network lenet5 {
    input image: f32[1, 1, 28, 28] layout NHWC
    conv1 = conv2d(image, 6, kernel=[5, 5], stride=[1, 1], padding=[[2, 2], [2, 2]], dilation=[1, 1], groups=1, bias=true) as conv1  # [1, 6, 28, 28]
    features_relu = relu(conv1) as features.relu  # [1, 6, 28, 28]
    features_pool = max_pool2d(features_relu, kernel=[2, 2], stride=[2, 2], padding=[[0, 0], [1, 0]], dilation=[1, 1], ceil_mode=true) as features.pool  # [1, 6, 14, 15]
    _0 = avg_pool2d(features_pool, kernel=[2, 3], stride=[2, 2], padding=[[0, 1], [1, 1]], ceil_mode=false, count_include_pad=false) as 0  # [1, 6, 7, 8]
    norm_1 = batch_norm(_0, eps=0.001, affine=false) as norm  # [1, 6, 7, 8]
    leaky = leaky_relu(norm_1, negative_slope=0.01) as leaky  # [1, 6, 7, 8]
    c = clamp(leaky, min=-1.0) as c  # [1, 6, 7, 8]
    scale = parameter([6, 1, 1]) as scale  # [6, 1, 1]
    scaled = mul(c, scale) as scaled  # [1, 6, 7, 8]
    flatten_1 = flatten(scaled, start_dim=1, end_dim=3) as flatten  # [1, 336]
    reshaped = reshape(flatten_1, [1, 2, 168]) as reshaped  # [1, 2, 168]
    fc = linear(reshaped, 10, bias=true) as fc  # [1, 2, 10]
    digit = softmax(fc, dim=2) as digit  # [1, 2, 10]
    output pooled = _0 layout NHWC
    output digit = digit
}
)");
}

// Names that give the same identifier, or one with a meaning of its own.
TEST(Print, BindsUniqueIdentifiers) {
    TestGraph build("names");
    NodeId x = build.input("a_b", {2, 3});
    for (const char *name : {"a.b", "a.b_1", "relu", "if", "f32", "y", "len", "7.x"}) {
        x = build.add(Unary{UnaryKind::relu}, {x}, name);
    }
    build.output("y", x); // another node than the one named y
    EXPECT_EQ(print_graph(build.graph()), R"(network names {
    input a_b: f32[2, 3]
    a_b_1 = relu(a_b) as a.b  # [2, 3]
    a_b_1_1 = relu(a_b_1) as a.b_1  # [2, 3]
    relu_1 = relu(a_b_1_1) as relu  # [2, 3]
    if_1 = relu(relu_1) as if  # [2, 3]
    f32_1 = relu(if_1) as f32  # [2, 3]
    y_1 = relu(f32_1) as y  # [2, 3]
    len_1 = relu(y_1) as len  # [2, 3]
    _7_x = relu(len_1) as 7.x  # [2, 3]
    output y = _7_x
}
)");
}

TEST(Print, CutsIdentifiersOfLongNames) {
    TestGraph build("names");
    std::string name = "block";
    for (int i = 0; i < 100; ++i) {
        name += ".inner";
    }
    const NodeId x = build.input("x", {2, 3});
    const NodeId y = build.add(Unary{UnaryKind::relu}, {x}, name + ".a");
    build.output("y", build.add(Unary{UnaryKind::relu}, {y}, name + ".b"));
    const Graph graph = build.finish();
    SourceManager sources;
    Diagnostics diags;
    const auto again = load_network_text("flat.cnn", print_graph(graph), sources, diags);
    ASSERT_TRUE(again) << diags.render(sources);
    EXPECT_TRUE(same_graph(graph, *again));
}

TEST(Print, PutsConstantsInlineAndNamesSharedWeights) {
    TestGraph build;
    const NodeId x = build.input("x", {1, 4});
    const NodeId tenth = build.constant(0.1);
    const NodeId fc = build.add(Linear{4, false}, {x}, "fc");
    const NodeId again = build.add_shared(fc, {fc}, "tower.fc");
    const NodeId scaled = build.add(Binary{BinaryKind::sub}, {tenth, again}, "scaled");
    build.output("y", build.add(Binary{BinaryKind::mul}, {scaled, tenth}, "out"));
    EXPECT_EQ(print_graph(build.graph()), R"(network net {
    input x: f32[1, 4]
    fc = linear(x, 4, bias=false) as fc  # [1, 4]
    tower_fc = linear(fc, 4, bias=false) as tower.fc shared fc  # [1, 4]
    scaled = sub(0.1, tower_fc) as scaled  # [1, 4]
    out = mul(scaled, 0.1) as out  # [1, 4]
    output y = out
}
)");
}

// A number stands inline where it takes the type that it has from the other operands; any other
// constant has a line of its own.
TEST(Print, BindsConstantsThatAreNoPlainNumbers) {
    TestGraph build;
    const NodeId x = build.input("x", {2}, Layout::nchw, DType::i64);
    const auto whole = [](DType dtype, double value) { return Constant({dtype, {}}, {value}); };
    const NodeId two = build.constant(whole(DType::i64, 2));
    const NodeId sum = build.add(Binary{BinaryKind::add}, {two, x}, "sum");
    const NodeId list = build.constant(Constant({DType::i64, {2}}, {3, -4}));
    const NodeId is = build.add(Binary{BinaryKind::gt}, {sum, list}, "is");
    const NodeId one = build.constant(whole(DType::i64, 1)), zero = build.constant(0);
    const NodeId alone = build.add(Where{}, {is, one, build.constant(whole(DType::i64, 5))}, "w");
    const NodeId yes = build.constant(whole(DType::boolean, 1));
    const NodeId both = build.add(Binary{BinaryKind::logical_and}, {is, yes}, "both");
    const NodeId minus = build.constant(-std::numeric_limits<double>::infinity());
    build.output("masked", build.add(Where{}, {both, minus, zero}, "masked"));
    build.output("alone", alone);
    build.output("zero", zero);
    const Graph graph = build.finish();
    EXPECT_EQ(print_graph(graph), R"(network net {
    input x: i64[2]
    sum_1 = add(2, x) as sum  # [2]
    constant_1 = tensor([3, -4], dtype=i64) as constant.1  # [2]
    is = gt(sum_1, constant_1) as is  # [2]
    constant_2 = tensor(1, dtype=i64) as constant.2  # []
    constant_3 = tensor(0.0, dtype=f32) as constant.3  # []
    constant_4 = tensor(5, dtype=i64) as constant.4  # []
    w = where(is, constant_2, constant_4) as w  # [2]
    both = logical_and(is, true) as both  # [2]
    masked = where(both, -inf, constant_3) as masked  # [2]
    output masked = masked
    output alone = w
    output zero = constant_3
}
)");
    SourceManager sources;
    Diagnostics diags;
    const auto again = load_network_text("flat.cnn", print_graph(graph), sources, diags);
    ASSERT_TRUE(again) << diags.render(sources);
    EXPECT_TRUE(same_graph(graph, *again));
}

void expect_round_trip(const Graph &graph) {
    const std::string text = print_graph(graph);
    SourceManager sources;
    Diagnostics diags;
    const std::optional<Graph> again = load_network_text("flat.cnn", text, sources, diags);
    ASSERT_TRUE(again) << diags.render(sources) << text;
    std::string why;
    ASSERT_TRUE(same_graph(graph, *again, &why)) << why << "\n" << text;
    ASSERT_TRUE(verify(*again).empty()) << verify(*again)[0] << "\n" << text;
    ASSERT_EQ(print_graph(*again), text);
}

TEST(RoundTrip, OfRandomNetworks) {
    for (uint64_t seed = 0; seed < 500; ++seed) {
        SCOPED_TRACE(seed);
        ASSERT_NO_FATAL_FAILURE(expect_round_trip(random_graph(seed)));
    }
}

TEST(RoundTrip, OfRandomNetworksOfEveryOperator) {
    RandomGraphOptions options;
    options.variety = Variety::all;
    options.operators = 20;
    for (uint64_t seed = 0; seed < 500; ++seed) {
        SCOPED_TRACE(seed);
        ASSERT_NO_FATAL_FAILURE(expect_round_trip(random_graph(seed, options)));
    }
}

TEST(RoundTrip, OfEveryExample) {
    int examples = 0;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(CNNC_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".cnn") {
            continue;
        }
        SCOPED_TRACE(entry.path());
        SourceManager sources;
        Diagnostics diags;
        const auto graph = load_network(entry.path(), sources, diags);
        ASSERT_TRUE(graph) << diags.render(sources);
        ASSERT_NO_FATAL_FAILURE(expect_round_trip(*graph));
        ++examples;
    }
    EXPECT_GE(examples, 7);
}

} // namespace
