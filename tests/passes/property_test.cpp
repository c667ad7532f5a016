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
#include <cstdlib>

namespace cnnc {
namespace {

// CNNC_PASSES_SEEDS asks for more. Among so many some amplify rounding a lot; a defect does more.
constexpr uint64_t usual_seeds = 400;
const char *const asked_seeds = std::getenv("CNNC_PASSES_SEEDS");
const uint64_t seeds = asked_seeds ? std::stoul(asked_seeds) : usual_seeds;
const double slack = seeds > usual_seeds ? 100 : 1;
constexpr Variety varieties[] = {Variety::all, Variety::classic};

RandomGraphOptions options_of(Variety variety, int operators = 12) {
    RandomGraphOptions options;
    options.variety = variety;
    options.operators = operators;
    return options;
}

template <class F>
void for_each_graph(int operators, const F &f) {
    for (Variety variety : varieties)
        for (uint64_t seed = 0; seed < seeds; seed++) {
            SCOPED_TRACE((variety == Variety::all ? "all, seed " : "classic, seed ") +
                         std::to_string(seed));
            const Graph graph = random_graph(seed, options_of(variety, operators));
            f(graph, random_inputs(graph, seed));
            if (testing::Test::HasFatalFailure())
                FAIL() << print_graph(graph);
        }
}

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
    const double limit = slack * tolerance * std::max(1e-3, largest(expected));
    for (size_t i = 0; i < actual.size(); i++)
        ASSERT_TRUE(std::fabs(expected.values[i] - actual[i]) <= limit)
            << what << ": element " << i << " is " << actual[i] << ", not " << expected.values[i];
}

void expect_sound(const std::vector<std::string> &findings) {
    for (const std::string &finding : findings)
        ADD_FAILURE() << finding;
}

TEST(PassProperties, EveryPassKeepsTheMeaning) {
    for_each_graph(12, [](const Graph &graph, const std::vector<TensorData> &inputs) {
        const auto expected = interpret(graph, inputs);
        int passes = 0;
        bool failed = false;
        (void)optimize(graph, [&](const Pass &pass, const Graph &after) {
            passes++;
            if (failed)
                return;
            expect_sound(verify(after));
            const auto actual = interpret(after, inputs);
            EXPECT_EQ(actual.size(), expected.size());
            for (size_t i = 0; i < actual.size(); i++)
                expect_near(expected[i], actual[i].values, 1e-5, pass.name);
            failed = testing::Test::HasFailure();
        });
        EXPECT_EQ(passes, int(graph_passes().size()));
        ASSERT_FALSE(testing::Test::HasFailure());
    });
}

TEST(PassProperties, KernelsAndPlanComputeTheNetwork) {
    for_each_graph(20, [](const Graph &graph, const std::vector<TensorData> &inputs) {
        const KernelGraph kernels = form_kernels(optimize(graph));
        const Plan plan = plan_memory(kernels);
        expect_sound(verify(kernels));
        expect_sound(verify(plan, kernels));
        EXPECT_GE(plan.arena_bytes, plan.lower_bound);
        ASSERT_FALSE(testing::Test::HasFailure()) << kernel_graph_text(kernels);

        const auto expected = interpret(graph, inputs);
        const auto actual = execute(kernels, plan, inputs);
        ASSERT_EQ(actual.size(), expected.size());
        for (size_t i = 0; i < actual.size(); i++) {
            std::vector<double> values;
            for (int64_t e = 0; e < element_count(actual[i].type.shape); e++)
                values.push_back(load_element(actual[i].type.dtype, actual[i].bytes, e));
            expect_near(expected[i], values, 2e-5, graph.outputs[i].name);
        }
        ASSERT_FALSE(testing::Test::HasFailure()) << kernel_graph_text(kernels);
    });
}

// Without weights the network becomes the same kernels, but for constants that are not computed.
TEST(PassProperties, KernelsNeedNoWeights) {
    for_each_graph(12, [](Graph graph, const std::vector<TensorData> &) {
        for (Param &param : graph.params)
            param.data = {};
        const KernelGraph kernels = form_kernels(optimize(graph));
        expect_sound(verify(kernels));
        expect_sound(verify(plan_memory(kernels), kernels));
        ASSERT_FALSE(testing::Test::HasFailure()) << kernel_graph_text(kernels);
    });
}

TEST(PassProperties, WorkloadTextReadsBack) {
    int workloads = 0;
    for_each_graph(12, [&](const Graph &graph, const std::vector<TensorData> &) {
        const KernelGraph kernels = form_kernels(optimize(graph));
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
    });
    EXPECT_GT(workloads, int(2 * seeds));
}

} // namespace
} // namespace cnnc
