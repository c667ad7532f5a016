// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random networks: every pass keeps their meaning, and kernels with their memory plan compute it.
#include "compiler/passes/passes.h"
#include "compiler/plan/plan.h"
#include "compiler/reference/interpret.h"
#include "tests/passes/execute_kernels.h"
#include "tests/random/random_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

constexpr uint64_t seeds = 400;

double largest(const TensorD &tensor) {
    double result = 0;
    for (double v : tensor.values)
        result = std::max(result, std::fabs(v));
    return result;
}

// Rounding to f32 between kernels is all that may differ; NaN never compares as near.
void expect_near(const TensorD &expected, const std::vector<double> &actual, double tolerance,
                 const std::string &what) {
    ASSERT_EQ(expected.values.size(), actual.size()) << what;
    const double limit = tolerance * std::max(1e-3, largest(expected));
    for (size_t i = 0; i < actual.size(); i++)
        ASSERT_TRUE(std::fabs(expected.values[i] - actual[i]) <= limit)
            << what << ": element " << i << " is " << actual[i] << ", not " << expected.values[i];
}

void expect_sound(const std::vector<std::string> &findings) {
    for (const std::string &finding : findings)
        ADD_FAILURE() << finding;
}

TEST(PassProperties, EveryPassKeepsTheMeaning) {
    for (uint64_t seed = 0; seed < seeds; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const Graph graph = random_graph(seed);
        const auto inputs = random_inputs(graph, seed);
        const auto expected = interpret(graph, inputs);
        int passes = 0;
        (void)optimize(graph, [&](const Pass &pass, const Graph &after) {
            passes++;
            expect_sound(verify(after));
            const auto actual = interpret(after, inputs);
            ASSERT_EQ(actual.size(), expected.size());
            for (size_t i = 0; i < actual.size(); i++)
                expect_near(expected[i], actual[i].values, 1e-5, pass.name);
        });
        EXPECT_EQ(passes, int(graph_passes().size()));
        if (HasFailure()) {
            FAIL() << print_graph(graph);
        }
    }
}

TEST(PassProperties, KernelsAndPlanComputeTheNetwork) {
    for (uint64_t seed = 0; seed < seeds; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const Graph graph = random_graph(seed, {20});
        const auto inputs = random_inputs(graph, seed);
        const KernelGraph kernels = form_kernels(optimize(graph));
        const Plan plan = plan_memory(kernels);
        expect_sound(verify(kernels));
        expect_sound(verify(plan, kernels));
        EXPECT_GE(plan.arena_bytes, plan.lower_bound);
        if (HasFailure())
            FAIL() << print_graph(graph) << kernel_graph_text(kernels);

        const auto expected = interpret(graph, inputs);
        const auto actual = execute(kernels, plan, inputs);
        ASSERT_EQ(actual.size(), expected.size());
        for (size_t i = 0; i < actual.size(); i++) {
            const float *data = actual[i].floats();
            expect_near(expected[i], {data, data + element_count(actual[i].type.shape)}, 2e-5,
                        graph.outputs[i].name);
        }
        if (HasFailure())
            FAIL() << print_graph(graph) << kernel_graph_text(kernels);
    }
}

// Kernels can be formed from a graph that no pass has touched, batch norms apart.
TEST(PassProperties, WorkloadTextReadsBack) {
    int workloads = 0;
    for (uint64_t seed = 0; seed < seeds; seed++) {
        const KernelGraph kernels = form_kernels(optimize(random_graph(seed)));
        for (const Kernel &kernel : kernels.kernels) {
            const std::string text = workload_text(kernel.workload);
            auto parsed = parse_workload(text);
            ASSERT_TRUE(parsed) << text;
            EXPECT_EQ(workload_text(*parsed), text);
            EXPECT_EQ(parsed->inputs, kernel.workload.inputs) << text;
            EXPECT_EQ(parsed->output, kernel.workload.output) << text;
            EXPECT_EQ(parsed->epilogue.size(), kernel.workload.epilogue.size()) << text;
            workloads++;
        }
    }
    EXPECT_GT(workloads, int(seeds));
}

} // namespace
} // namespace cnnc
