// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Golden cases: a network's text, and the kernels it becomes; and the flat text that some passes
// make of a network. That these keep its meaning is checked by the way.
#include "compiler/graph/weights.h"
#include "compiler/passes/passes.h"
#include "compiler/reference/interpret.h"
#include "compiler/sema/load.h"
#include "tests/golden_runner.h"
#include "tests/random/random_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace cnnc {
namespace {

std::optional<Graph> load(const testing::GoldenCase &golden) {
    SourceManager sources;
    Diagnostics diags;
    const testing::GoldenSection *file = golden.find("file");
    auto graph = load_network_text(file->argument, file->text, sources, diags);
    if (!graph)
        ADD_FAILURE() << diags.render(sources);
    return graph;
}

std::string kernels_of(const testing::GoldenCase &golden) {
    auto graph = load(golden);
    if (!graph)
        return "";
    const KernelGraph kernels = form_kernels(optimize(std::move(*graph)));
    for (const std::string &finding : verify(kernels))
        ADD_FAILURE() << finding;
    return kernel_graph_text(kernels);
}

void expect_same_results(const Graph &before, const Graph &after) {
    const auto inputs = random_inputs(before, 1);
    const auto expected = interpret(before, inputs), actual = interpret(after, inputs);
    for (size_t i = 0; i < expected.size(); i++) {
        double largest = 1e-3;
        for (double v : expected[i].values)
            largest = std::max(largest, std::fabs(v));
        for (size_t j = 0; j < expected[i].values.size(); j++)
            ASSERT_NEAR(expected[i].values[j], actual[i].values[j], 1e-5 * largest)
                << "output " << before.outputs[i].name << ", element " << j;
    }
}

// The passes named in the section `run`, and in the end what nothing needs goes.
Graph run_passes(Graph graph, const std::string &names) {
    std::istringstream words(names);
    for (std::string name; words >> name;) {
        const auto &passes = graph_passes();
        const auto pass = std::find_if(passes.begin(), passes.end(),
                                       [&](const Pass &p) { return p.name == name; });
        if (pass == passes.end()) {
            ADD_FAILURE() << "no pass " << name;
            continue;
        }
        graph = pass->run(std::move(graph));
    }
    return remove_dead_code(std::move(graph));
}

std::string flat_text_of(const testing::GoldenCase &golden) {
    auto graph = load(golden);
    if (!graph)
        return "";
    const std::string passes = golden.find("run")->argument;
    const Graph result = run_passes(*graph, passes);
    for (const std::string &finding : verify(result))
        ADD_FAILURE() << finding;
    Graph with_weights = *graph;
    random_weights(with_weights, 1);
    expect_same_results(with_weights, run_passes(with_weights, passes));
    return print_graph(result);
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Kernels", CNNC_SOURCE_DIR "/tests/passes/golden",
                                         cnnc::kernels_of);
    cnnc::testing::register_golden_cases("Passes", CNNC_SOURCE_DIR "/tests/passes/golden_passes",
                                         cnnc::flat_text_of);
    return cnnc::testing::golden_main(argc, argv);
}
