// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random networks, all operators and odd shapes, through the whole compiler and compared with the
// reference interpreter.
#include "compiler/driver/compare.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/reference/interpret.h"
#include "tests/random/random_graph.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

namespace cnnc {
namespace {

void check_network(uint64_t seed, const std::string &target_name, int threads) {
    const Graph graph = random_graph(seed, {});
    const std::vector<TensorData> inputs = random_inputs(graph, seed);
    CompileArguments arguments;
    arguments.target = target_name;
    std::istringstream in;
    std::ostringstream out, err;
    Console console{in, out, err};
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + target_name + "\n" + print_graph(graph));
    try {
        const Scheduled scheduled = schedule_network(graph, arguments, console);
        const auto results = compile_scheduled(scheduled, arguments, console);
        Place place;
        place.target = scheduled.target;
        const std::vector<Bytes> outputs = run_once(place, link_library(scheduled, results, false),
                                                    network_call(graph, inputs, threads));
        const std::vector<TensorD> expected = interpret(graph, inputs);
        for (size_t i = 0; i < expected.size(); ++i) {
            const Tolerance tolerance = {1e-4, is_rounded(graph, graph.outputs[i].node)};
            const Difference difference =
                compare(output_tensor(graph, outputs, i), expected[i].values);
            EXPECT_TRUE(within(difference, tolerance))
                << "output " << graph.outputs[i].name << ": " << verdict(difference, tolerance)
                << ", " << difference.max;
        }
    } catch (const Failure &failure) {
        ADD_FAILURE() << failure.message << err.str();
    }
}

class RandomNetworks : public testing::TestWithParam<const char *> {};

TEST_P(RandomNetworks, AgreeWithTheReference) {
    std::string problem;
    if (!runs_here(parse_target(GetParam(), &problem).value()))
        GTEST_SKIP() << "this machine cannot run " << GetParam();
    // CNNC_RANDOM_NETWORKS=FIRST:COUNT looks elsewhere and further.
    unsigned long first = 0, count = 20;
    if (const char *range = getenv("CNNC_RANDOM_NETWORKS")) {
        ASSERT_EQ(sscanf(range, "%lu:%lu", &first, &count), 2);
    }
    for (uint64_t seed = first; seed < first + count; ++seed)
        check_network(seed, GetParam(), 1 + int(seed % 3));
}

INSTANTIATE_TEST_SUITE_P(Targets, RandomNetworks, testing::Values("host", "avx2", "sse41"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace cnnc
