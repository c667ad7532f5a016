// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What random_graph() promises, and that it is worth having: everything turns up.
#include "tests/random/random_graph.h"

#include "compiler/graph/registry.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

using namespace cnnc;

namespace {

constexpr uint64_t seeds = 400;

class RandomGraphs : public testing::TestWithParam<Variety> {
  protected:
    static Graph graph(uint64_t seed, int operators = 12) {
        RandomGraphOptions options;
        options.operators = operators;
        options.variety = GetParam();
        return random_graph(seed, options);
    }
};

TEST_P(RandomGraphs, Verify) {
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph g = graph(seed);
        EXPECT_EQ(fmt::format("{}", fmt::join(verify(g), "\n")), "") << "seed " << seed << "\n"
                                                                     << print_graph(g);
    }
}

// Large ones too: many names, of which relu6's 1st must not be relu's 61st.
TEST_P(RandomGraphs, VerifyWhenLarge) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
        const Graph g = graph(seed, 100);
        EXPECT_EQ(fmt::format("{}", fmt::join(verify(g), "\n")), "") << "seed " << seed;
    }
}

TEST(RandomGraph, NamesAreUnique) {
    RandomGraphOptions options;
    options.operators = 58;
    options.max_elements = 3000;
    const Graph g = random_graph(4698, options);
    std::set<std::string> names;
    for (const Node &node : g.nodes) {
        EXPECT_TRUE(names.insert(node.name).second) << node.name;
    }
}

TEST_P(RandomGraphs, ComputeFiniteValues) {
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph g = graph(seed);
        const auto check = [&](NodeId id, const TensorD &value) {
            const double limit = g[id].type.dtype == DType::f32 ? 1e6 : 2e9;
            for (double x : value.values) {
                ASSERT_LT(std::abs(x), limit) << "seed " << seed << ", `" << g[id].name << "`\n"
                                              << print_graph(g);
            }
        };
        interpret(g, random_inputs(g, seed), check);
        if (HasFatalFailure()) {
            return;
        }
    }
}

TEST_P(RandomGraphs, AreReproducible) {
    EXPECT_EQ(print_graph(graph(7)), print_graph(graph(7)));
    EXPECT_NE(print_graph(graph(7)), print_graph(graph(8)));
}

// --- Rounding ------------------------------------------------------------------------------------

// What kernels may make of a value: numbers that f32 holds exactly stay, others are off by some
// units in the last place.
void perturb(TensorD &value, uint64_t seed) {
    for (double &x : value.values) {
        if (double(float(x)) != x) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            x *= 1 + 1e-6 * (double(seed >> 40) / double(1 << 23) - 1);
        }
    }
}

double largest_difference(const TensorD &a, const TensorD &b) {
    double result = 0;
    for (size_t i = 0; i < a.values.size(); ++i) {
        result = std::max(result, std::abs(a.values[i] - b.values[i]));
    }
    return result;
}

double largest(const TensorD &tensor) {
    double result = 0;
    for (double x : tensor.values) {
        result = std::max(result, std::abs(x));
    }
    return result;
}

void expect_same_decisions(const Graph &graph, uint64_t seed) {
    const std::vector<TensorData> inputs = random_inputs(graph, seed);
    std::vector<TensorD> perturbed(graph.nodes.size());
    interpret(graph, inputs, [&](NodeId id, const TensorD &expected) {
        std::vector<const TensorD *> operands;
        for (NodeId input : graph[id].inputs) {
            operands.push_back(&perturbed[size_t(input)]);
        }
        const bool is_input = std::holds_alternative<Input>(graph[id].op);
        TensorD &actual = perturbed[size_t(id)];
        actual = is_input ? expected : interpret_node(graph, id, operands);
        const bool is_float = graph[id].type.dtype == DType::f32;
        const double tolerance = is_float ? 1e-3 * std::max(1.0, largest(expected)) : 0;
        EXPECT_LE(largest_difference(actual, expected), tolerance)
            << "seed " << seed << ", `" << graph[id].name << "`\n"
            << print_graph(graph);
        if (is_float) {
            perturb(actual, seed + uint64_t(id));
        }
    });
}

TEST_P(RandomGraphs, DecideTheSameWhenFloatsAreRounded) {
    for (uint64_t seed = 0; seed < seeds && !HasFailure(); ++seed) {
        expect_same_decisions(graph(seed), seed);
    }
}

INSTANTIATE_TEST_SUITE_P(Varieties, RandomGraphs, testing::Values(Variety::classic, Variety::all),
                         [](const auto &info) {
                             return info.param == Variety::all ? "All" : "Classic";
                         });

// --- Coverage ------------------------------------------------------------------------------------

using Counts = std::map<std::string, int>;

template <typename Kind>
std::string numbered(const char *what, Kind kind) {
    return fmt::format("{} {}", what, int(kind));
}

// Adds what a node has of what is to turn up.
void count_features(const Graph &graph, const Node &node, Counts &counts) {
    ++counts[fmt::format("operator {}", node.op.index())];
    ++counts[fmt::format("{} {}", node.op.index(), dtype_name(node.type.dtype))];
    match(
        node.op, [&](const Unary &u) { ++counts[numbered("unary", u.kind)]; },
        [&](const Binary &b) {
            ++counts[numbered("binary", b.kind)];
            const bool integers = graph[node.inputs[0]].type.dtype != DType::f32;
            counts["integer comparison"] += integers && b.kind >= BinaryKind::eq;
        },
        [&](const Reduce &r) { ++counts[numbered("reduce", r.kind)]; },
        [&](const Pad &p) { ++counts[numbered("pad", p.mode)]; },
        [&](const Sample &s) { ++counts[numbered("sample", s.kind)]; },
        [&](const Resize &r) {
            ++counts[numbered("resize", r.mode)];
            ++counts[numbered("coordinates", r.coordinates)];
            ++counts[numbered("rounding", r.rounding)];
            counts["antialias"] += r.antialias;
        },
        [&](const Softmax &s) { counts["log_softmax"] += s.log; },
        [&](const TopK &t) { ++counts[t.indices ? "topk indices" : "topk values"]; },
        [&](const Slice &s) {
            counts["backwards"] += *std::min_element(s.steps.begin(), s.steps.end()) < 0;
        },
        [](const auto &) {});
}

template <typename Kind>
void expect_each(const char *what, Kind last, const Counts &counts) {
    for (int kind = 0; kind <= int(last); ++kind) {
        const auto found = counts.find(numbered(what, kind));
        EXPECT_TRUE(found != counts.end() && found->second >= 3) << what << " " << kind;
    }
}

TEST(RandomGraph, UsesEveryOperator) {
    Counts counts;
    RandomGraphOptions options;
    options.variety = Variety::all;
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed, options);
        for (const Node &node : graph.nodes) {
            count_features(graph, node, counts);
        }
    }
    expect_each("operator", std::variant_size_v<Op> - 1, counts);
    expect_each("unary", UnaryKind::is_nan, counts);
    expect_each("binary", BinaryKind::logical_xor, counts);
    expect_each("reduce", ReduceKind::log_sum_exp, counts);
    expect_each("pad", PadMode::circular, counts);
    expect_each("sample", SampleKind::max, counts);
    expect_each("resize", ResizeMode::cubic, counts);
    expect_each("coordinates", ResizeCoordinates::asymmetric, counts);
    expect_each("rounding", ResizeRounding::round_prefer_ceil, counts);
    for (const char *feature : {"antialias", "log_softmax", "topk indices", "topk values",
                                "backwards", "integer comparison"}) {
        EXPECT_GE(counts[feature], 3) << feature;
    }
    const size_t input = Op(Input{}).index(), cast = Op(Cast{}).index();
    const size_t where = Op(Where{}).index(), slice = Op(Slice{}).index();
    for (const char *dtype : {"f32", "u8", "i8", "i32", "i64", "bool"}) {
        EXPECT_GE(counts[fmt::format("{} {}", input, dtype)], 3) << dtype << " inputs";
        EXPECT_GE(counts[fmt::format("{} {}", cast, dtype)], 3) << "casts to " << dtype;
    }
    for (const char *dtype : {"f32", "i32"}) {
        EXPECT_GE(counts[fmt::format("{} {}", where, dtype)], 3) << dtype;
        EXPECT_GE(counts[fmt::format("{} {}", slice, dtype)], 3) << dtype;
    }
}

// The classic ones are what they always were.
TEST(RandomGraph, ClassicUsesClassicOperators) {
    std::set<std::string> names;
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed);
        for (const Node &node : graph.nodes) {
            EXPECT_EQ(node.type.dtype, DType::f32);
            std::vector<TensorType> operands;
            for (NodeId input : node.inputs) {
                operands.push_back(graph[input].type);
            }
            std::string name = op_name(node.op, operands);
            if (name.size() > 2 && name.back() == 'd' && isdigit(name[name.size() - 2])) {
                name.resize(name.size() - 2);
            }
            names.insert(name);
        }
    }
    EXPECT_EQ(names,
              (std::set<std::string>{
                  "add",        "avg_pool", "batch_norm",      "clamp",      "concat",    "conv",
                  "dropout",    "flatten",  "global_avg_pool", "hard_swish", "identity",  "input",
                  "leaky_relu", "linear",   "max_pool",        "mul",        "parameter", "relu",
                  "relu6",      "reshape",  "sigmoid",         "silu",       "softmax",   "sub",
                  "tanh",       "tensor"}));
}

// Features that tests of other rooms count on.
TEST(RandomGraph, HasEveryFeature) {
    int branches = 0, shared = 0, channels_last = 0, inputs = 0, outputs = 0, asymmetric = 0;
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed);
        for (const auto &readers : users(graph)) {
            branches += readers.size() > 1;
        }
        for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
            const std::optional<std::string> path = weights_path(graph, id);
            shared += path && *path != graph[id].name;
            const Input *input = std::get_if<Input>(&graph[id].op);
            channels_last += input && input->layout == Layout::nhwc;
            const Conv *conv = std::get_if<Conv>(&graph[id].op);
            asymmetric += conv && conv->pad_lo != conv->pad_hi;
        }
        inputs += graph.inputs.size() > 1;
        outputs += graph.outputs.size() > 1;
    }
    for (int count : {branches, shared, channels_last, inputs, outputs, asymmetric}) {
        EXPECT_GE(count, 20);
    }
}

} // namespace
