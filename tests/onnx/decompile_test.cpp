// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs written as text for people: the text elaborates to the same network, whatever the graph,
// and repeated structure is found.
#include "compiler/onnx/decompile.h"
#include "compiler/sema/load.h"
#include "dsl/format.h"
#include "tests/golden_runner.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <map>
#include <random>

namespace cnnc {
namespace {

std::optional<Graph> elaborated(const std::string &text) {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = load_network_text("text.cnn", text, sources, diags);
    EXPECT_EQ(diags.error_count(), 0u) << diags.render(sources) << text;
    return graph;
}

std::optional<Graph> load(const std::string &path) {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = load_network(path, sources, diags);
    EXPECT_EQ(diags.render(sources), "");
    return graph;
}

// Layers whose weights are their own are called as these are.
void expect_layer_names(const Graph &graph) {
    std::map<std::string, int> sharers;
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        if (const std::optional<std::string> path = weights_path(graph, id)) {
            ++sharers[*path];
        }
    }
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        const std::optional<std::string> path = weights_path(graph, id);
        if (path && sharers[*path] == 1) {
            EXPECT_EQ(graph[id].name, *path);
        }
    }
}

// The text, after holding it against the graph.
std::string checked(const Graph &graph, const DecompileOptions &options = {}) {
    const std::string text = decompile(graph, options);
    const std::optional<Graph> again = elaborated(text);
    if (!again) {
        return text;
    }
    std::string why;
    EXPECT_TRUE(same_network(graph, *again, &why)) << why << "\n" << text;
    EXPECT_TRUE(verify(*again).empty()) << verify(*again)[0];
    expect_layer_names(*again);

    SourceManager sources;
    Diagnostics diags;
    const FileId file = sources.add("text.cnn", text);
    const std::optional<std::string> formatted = format_source(file, sources, diags);
    EXPECT_EQ(formatted.value_or(""), text) << "the formatter lays it out in another way";
    return text;
}

int count(const std::string &text, const std::string &what) {
    int times = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        ++times;
    }
    return times;
}

TEST(Decompile, RandomGraphs) {
    for (uint64_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        RandomGraphOptions options;
        options.operators = 3 + int(seed % 30);
        options.variety = seed % 3 ? Variety::all : Variety::classic;
        const Graph graph = random_graph(seed, options);
        checked(graph);
        checked(name_by_structure(graph));
    }
}

TEST(Decompile, EveryOperatorOfTheLanguage) {
    size_t cases = 0;
    for (const testing::GoldenCase &golden :
         testing::read_golden_cases(CNNC_SOURCE_DIR "/tests/golden/language")) {
        SCOPED_TRACE(golden.name);
        SourceManager sources;
        Diagnostics diags;
        const std::optional<Graph> graph =
            load_network_text("net.cnn", golden.find("file")->text, sources, diags);
        if (graph) { // cases of several files or networks are not about operators
            checked(*graph);
            ++cases;
        }
    }
    EXPECT_GE(cases, 20u);
}

TEST(Decompile, Examples) {
    size_t examples = 0;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(CNNC_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".cnn") {
            continue;
        }
        SCOPED_TRACE(entry.path().string());
        const std::optional<Graph> graph = load(entry.path().string());
        ASSERT_TRUE(graph);
        checked(*graph);
        checked(name_by_structure(*graph));
        DecompileOptions flat;
        flat.blocks = false;
        EXPECT_EQ(count(checked(*graph, flat), "block "), 0);
        ++examples;
    }
    EXPECT_GE(examples, 7u);
}

// --- Networks of random blocks

// What the blocks of a network have in common, and where they may differ.
struct Plan {
    int layers = 1;
    int64_t expansion = 1; // of the last layer's channels over the first's
    bool norm = true, depthwise = false, squeeze = false, branches = false;
    int strided = 0; // the layer that strides
};

class BlockNetwork {
  public:
    explicit BlockNetwork(uint64_t seed) : random_(seed) {}

    Graph build() {
        Plan plan;
        plan.layers = pick(1, 3);
        plan.expansion = pick(1, 3);
        plan.norm = pick(0, 1);
        plan.depthwise = pick(0, 2) == 0;
        plan.squeeze = pick(0, 2) == 0;
        plan.branches = pick(0, 2) == 0;
        plan.strided = pick(0, plan.layers - 1);
        NodeId x = graph_.input("image", {1, 3, 64, 64});
        x = graph_.add(conv(2, 8 * pick(1, 2), 3, 2, 1), {x}, "stem");
        const int stages = pick(1, 4);
        for (int s = 0; s < stages; ++s) {
            const int64_t width = 4 * pick(1, 8);
            const int blocks = pick(2, 4);
            for (int i = 0; i < blocks; ++i) {
                x = block(plan, x, width, i == 0 && s > 0 ? 2 : 1,
                          fmt::format("stage{}.{}", s + 1, i));
            }
        }
        x = graph_.add(GlobalAvgPool{}, {x}, "pool");
        x = graph_.add(Flatten{1, 3}, {x}, "flat");
        graph_.output("scores", graph_.add(Linear{10, true}, {x}, "head"));
        return graph_.finish();
    }

  private:
    int pick(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }

    NodeId layer(const Plan &plan, NodeId x, const Conv &c, const std::string &path, bool act) {
        x = graph_.add(c, {x}, path + ".conv");
        if (plan.norm) {
            x = graph_.add(BatchNorm{}, {x}, path + ".norm");
        }
        return act ? graph_.add(Unary{UnaryKind::relu}, {x}, path + ".act") : x;
    }

    NodeId squeeze(NodeId x, const std::string &path) {
        const int64_t channels = graph_.graph()[x].type.shape[1];
        NodeId s = graph_.add(GlobalAvgPool{}, {x}, path + ".pool");
        s = graph_.add(conv(2, channels / 4, 1), {s}, path + ".fc1");
        s = graph_.add(conv(2, channels, 1), {s}, path + ".fc2");
        s = graph_.add(Unary{UnaryKind::sigmoid}, {s}, path + ".gate");
        return graph_.add(Binary{BinaryKind::mul}, {x, s}, path + ".scale");
    }

    NodeId block(const Plan &plan, NodeId x, int64_t width, int64_t stride,
                 const std::string &path) {
        const NodeId input = x;
        for (int i = 0; i < plan.layers; ++i) {
            const bool last = i + 1 == plan.layers;
            const int64_t channels = last ? width * plan.expansion : width;
            x = layer(plan, x, conv(2, channels, 3, i == plan.strided ? stride : 1, 1),
                      fmt::format("{}.layer{}", path, i), !last);
            if (plan.depthwise) {
                x = layer(plan, x, conv(2, channels, 3, 1, 1, channels),
                          fmt::format("{}.depthwise{}", path, i), true);
            }
        }
        if (plan.branches) {
            const NodeId a = layer(plan, x, conv(2, width, 1), path + ".left", true);
            const NodeId b = layer(plan, x, conv(2, 2 * width, 3, 1, 1), path + ".right", true);
            x = graph_.add(Concat{1}, {a, b}, path + ".join");
        }
        if (plan.squeeze && pick(0, 2) > 0) {
            x = squeeze(x, path + ".se");
        }
        return shortcut(plan, x, input, stride, path);
    }

    NodeId shortcut(const Plan &plan, NodeId x, NodeId input, int64_t stride,
                    const std::string &path) {
        const Shape &shape = graph_.graph()[x].type.shape;
        if (shape != graph_.graph()[input].type.shape) {
            if (pick(0, 3) == 0) {
                return x;
            }
            input = layer(plan, input, conv(2, shape[1], 1, stride), path + ".project", false);
        }
        x = graph_.add(Binary{BinaryKind::add}, {x, input}, path + ".add");
        return graph_.add(Unary{UnaryKind::relu}, {x}, path + ".relu");
    }

    std::mt19937_64 random_;
    TestGraph graph_;
};

TEST(Decompile, FindsBlocks) {
    int with_blocks = 0, with_conditions = 0, with_loops = 0;
    for (uint64_t seed = 0; seed < 300 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        const std::string text = checked(BlockNetwork(seed).build());
        with_blocks += count(text, "block ") > 0;
        with_conditions += count(text, "if ") > 0;
        with_loops += count(text, "for ") > 0;
    }
    // Single layers make no block, and parts that are missing at random no condition.
    EXPECT_GE(with_blocks, 240);
    EXPECT_GE(with_conditions, 100);
    EXPECT_GE(with_loops, 60);
}

// The same without names that say where blocks are.
TEST(Decompile, FindsBlocksByStructure) {
    int with_blocks = 0;
    for (uint64_t seed = 0; seed < 100 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Graph graph = BlockNetwork(seed).build();
        for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
            const std::optional<std::string> path = weights_path(graph, id);
            const std::string name = fmt::format("onnx.Conv_{}", id + 100);
            for (ParamId param : path ? graph[id].params : std::vector<ParamId>()) {
                std::string &old = graph.params[size_t(param)].name;
                old = name + old.substr(path->size());
            }
            if (!std::holds_alternative<Input>(graph[id].op)) {
                graph[id].name = name;
            }
        }
        graph = name_by_structure(std::move(graph));
        EXPECT_TRUE(verify(graph).empty()) << verify(graph)[0];
        const std::string text = checked(graph);
        with_blocks += count(text, "block ") > 0;
    }
    EXPECT_GE(with_blocks, 50);
}

TEST(Decompile, KeepsNamesThatSaySomething) {
    const std::optional<Graph> graph = load(CNNC_SOURCE_DIR "/examples/resnet18/resnet18.cnn");
    ASSERT_TRUE(graph);
    std::string why;
    EXPECT_TRUE(same_graph(*graph, name_by_structure(*graph), &why)) << why;
}

// --- Names

// A residual block of layers with these names, once per prefix.
Graph named(const std::vector<std::string> &prefixes, const std::vector<std::string> &layers,
            const std::string &input = "photo", const std::string &output = "y") {
    TestGraph graph;
    NodeId x = graph.input(input, {1, 4, 8, 8});
    int relus = 0;
    for (const std::string &prefix : prefixes) {
        const NodeId before = x;
        for (const std::string &layer : layers) {
            x = graph.add(conv(2, 4, 1), {x}, prefix + layer);
            x = graph.add(Unary{UnaryKind::relu}, {x}, fmt::format("r{}", ++relus));
        }
        x = graph.add(Binary{BinaryKind::add}, {before, x}, fmt::format("r{}", ++relus));
    }
    graph.output(output, x);
    return graph.finish();
}

TEST(DecompileNames, AnyPath) {
    const std::vector<std::string> layers = {"if",    "for.0", "0",     "shared",  "x",   "y",
                                             "relu",  "add",   "as.as", "in.same", "a.b", "x.relu",
                                             "y.add", "true",  "f32",   "conv2d",  "inf"};
    checked(named({"", "b.0.", "b.1.", "b.2."}, layers));
    checked(named({"b.0.", "b.1.", "b.2."}, layers, "same", "f32"));
    checked(named({"as.", "block.", "return."}, layers, "inf", "shared"));
    checked(named({"n.1.1.", "n.1.2.", "n.2.1."}, {"conv1", "conv2", "1"}, "image", "image"));
}

// Inside of a group "3x3.conv" would be no path.
TEST(DecompileNames, PathsThatCannotBeSplit) {
    const std::string text = checked(named({"b.0.", "b.1."}, {"1x1.conv", "3x3.conv"}));
    EXPECT_EQ(count(text, "block "), 0);
}

TEST(DecompileNames, LeadingZerosDoNotCount) {
    const std::string text = checked(named({"b.07.", "b.08.", "b.09.", "b.10."}, {"c", "d"}));
    EXPECT_EQ(count(text, "block "), 1);
    EXPECT_EQ(count(text, "for "), 0);
}

TEST(DecompileNames, NumbersOfSeveralDigits) {
    const std::string text = checked(named({"b.8.", "b.9.", "b.10.", "b.11."}, {"c", "d"}));
    EXPECT_EQ(count(text, "for i in 8..12 {"), 1) << text;
}

TEST(DecompileNames, OutputsOfAnInputsName) {
    TestGraph graph;
    const NodeId x = graph.input("x", {1, 4});
    const NodeId image = graph.input("image", {1, 4});
    graph.output("x", graph.add(Unary{UnaryKind::relu}, {x}, "a"));
    graph.output("image", graph.add(Binary{BinaryKind::sub}, {image, x}, "b"));
    graph.output("y", graph.add(Binary{BinaryKind::add}, {image, x}, "c"));
    graph.output("z", x);
    graph.output("z2", x);
    checked(graph.finish());
}

TEST(DecompileNames, CommentsAreOneLine) {
    DecompileOptions options;
    options.origin = "a\nnetwork b {\r\n\x01.onnx";
    const std::string text = checked(named({""}, {"conv"}), options);
    EXPECT_EQ(text.substr(0, text.find('\n')), "# net, from a network b {   .onnx; 20 parameters.");
}

// --- Shared weights

TEST(Decompile, SharedWeights) {
    TestGraph graph;
    const NodeId a = graph.input("a", {1, 4, 8, 8}), b = graph.input("b", {1, 4, 8, 8});
    std::vector<NodeId> ends;
    NodeId first[2];
    for (const NodeId input : {a, b}) {
        NodeId x = input;
        for (int i = 0; i < 2; ++i) {
            x = ends.empty() ? graph.add(conv(2, 4, 3, 1, 1), {x}, fmt::format("tower.{}.conv", i))
                             : graph.add_shared(first[i], {x}, fmt::format("again.{}", i));
            first[i] = ends.empty() ? x : first[i];
            x = graph.add(Unary{UnaryKind::relu}, {x}, fmt::format("relu{}", x));
        }
        ends.push_back(x);
    }
    graph.output("y", graph.add(Binary{BinaryKind::add}, ends, "sum"));
    const std::string text = checked(graph.finish());
    EXPECT_EQ(count(text, "as shared tower.0.conv"), 1);
    EXPECT_EQ(count(text, "as shared tower.1.conv"), 1);
}

// --- Comparing networks

// What same_network() says about a network and the one with `from` replaced by `to`.
std::string difference(const std::string &from, const std::string &to) {
    const std::string text = "network n {\n"
                             "    input a: f32[1, 4, 8, 8]\n"
                             "    input b: f32[1, 4, 8, 8]\n"
                             "    c = a -> conv2d(4, kernel=1) as c\n"
                             "    d = b -> conv2d(4, kernel=1) as d\n"
                             "    e = (c + 1) - d\n"
                             "    output y = e -> relu\n"
                             "    output z = d\n"
                             "}\n";
    std::string other = text;
    const size_t at = other.find(from);
    other.replace(at, from.size(), to);
    const std::optional<Graph> a = elaborated(text), b = elaborated(other);
    std::string why;
    return !a || !b || same_network(*a, *b, &why) ? "" : why;
}

TEST(SameNetwork, TellsDifferences) {
    const auto begins = [](const std::string &why, const std::string &text) {
        EXPECT_EQ(why.substr(0, text.size()), text);
    };
    begins(difference("(c + 1) - d", "d - (c + 1)"), "node: `d` and `e.add`");
    begins(difference("c + 1", "c + 2"), "node e.add.constant: `tensor 1.0 ->");
    begins(difference("as d", "as f"), "node d: `conv2d out_channels=4");
    begins(difference("e -> relu", "e -> relu6"), "node y: `relu -> ");
    begins(difference("output z = d", "output z = c"), "node d: `conv2d out_channels=4");
    begins(difference("output z = d", "output z = d layout NHWC"), "output: `z` and `z`");
    begins(difference("    output z = d\n", ""), "outputs: `2` and `1`");
    begins(difference("network n", "network m"), "network: `n` and `m`");
    begins(difference("    e = ", "    f = c -> relu\n    e = "),
           "number of operators: `7` and `8`");
    begins(difference("b -> conv2d(4, kernel=1)", "a -> conv2d(4, kernel=1)"), "node: `b` and `a`");
}

TEST(SameNetwork, IgnoresOrderAndNames) {
    EXPECT_EQ(difference("    d = b -> conv2d(4, kernel=1) as d\n    e = (c + 1) - d\n",
                         "    f = c + 1\n    d = b -> conv2d(4, kernel=1) as d\n    e = f - d\n"),
              "");
}

// --- Time

// Of the processor, whatever else it has to do.
double seconds(const Graph &graph) {
    const std::clock_t begin = std::clock();
    EXPECT_FALSE(decompile(graph).empty());
    return double(std::clock() - begin) / CLOCKS_PER_SEC;
}

// Chains of 10,000 nodes whose layers are called as `name` says.
template <class Name>
Graph long_chain(const Name &name) {
    TestGraph graph;
    NodeId x = graph.input("x", {1, 4, 8, 8});
    for (int i = 0; i < 5000; ++i) {
        x = graph.add(conv(2, 4, 1), {x}, name(i));
        x = graph.add(Unary{UnaryKind::relu}, {x}, fmt::format("r{}", i));
    }
    graph.output("y", x);
    return graph.finish();
}

TEST(DecompileTime, TenThousandNodes) {
    EXPECT_LT(seconds(long_chain([](int i) { return fmt::format("layer{}", i); })), 2);
    EXPECT_LT(seconds(long_chain([](int i) { return fmt::format("b.{}.c{}", i / 5, i % 5); })), 2);
    // Groups that interleave, so that none can be called.
    EXPECT_LT(seconds(long_chain([](int i) { return fmt::format("b.{}.c{}", i % 99, i); })), 2);
    EXPECT_LT(seconds(long_chain([](int i) { return fmt::format("b.{}.c{}", i % 99, i / 99); })),
              2);
    // Paths of many words, each with another's as a beginning.
    EXPECT_LT(seconds(long_chain([](int i) {
                  std::string path = "a";
                  for (int k = 0; k < i % 60; ++k) {
                      path += fmt::format(".{}", i / 60);
                  }
                  return fmt::format("{}.c{}", path, i);
              })),
              2);
    EXPECT_LT(seconds(long_chain([](int i) {
                  std::string path;
                  for (int bit = 4096; bit > 0; bit /= 2) {
                      path += i & bit ? "a." : "b.";
                  }
                  return path + "c";
              })),
              2);
}

} // namespace
} // namespace cnnc
