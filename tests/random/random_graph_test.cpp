// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What random_graph() promises, and that it is worth having: every operator turns up.
#include "tests/random/random_graph.h"

#include "compiler/graph/registry.h"
#include "compiler/reference/interpret.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

using namespace cnnc;

namespace {

constexpr uint64_t seeds = 400;

TEST(RandomGraph, Verifies) {
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed);
        EXPECT_EQ(fmt::format("{}", fmt::join(verify(graph), "\n")), "") << "seed " << seed << "\n"
                                                                         << print_graph(graph);
    }
}

TEST(RandomGraph, ComputesFiniteValues) {
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed);
        const auto check = [&](NodeId id, const TensorD &value) {
            for (double x : value.values) {
                ASSERT_LT(std::abs(x), 1e6) << "seed " << seed << ", `" << graph[id].name << "`\n"
                                            << print_graph(graph);
            }
        };
        interpret(graph, random_inputs(graph, seed), check);
    }
}

TEST(RandomGraph, IsReproducible) {
    EXPECT_EQ(print_graph(random_graph(7)), print_graph(random_graph(7)));
    EXPECT_NE(print_graph(random_graph(7)), print_graph(random_graph(8)));
}

TEST(RandomGraph, UsesEveryOperator) {
    std::map<std::string, int> counts;
    for (uint64_t seed = 0; seed < seeds; ++seed) {
        const Graph graph = random_graph(seed);
        for (const Node &node : graph.nodes) {
            std::vector<TensorType> operands;
            for (NodeId input : node.inputs) {
                operands.push_back(graph[input].type);
            }
            ++counts[op_name(node.op, operands)];
        }
    }
    for (const OpSpec &spec : op_specs()) {
        EXPECT_GE(counts[std::string(spec.name)], 3) << spec.name;
    }
    EXPECT_GE(counts["constant"], 3);
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
