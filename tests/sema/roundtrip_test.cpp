// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Flat text is the graph's textual form: what print_graph() writes elaborates to the same graph,
// on random networks and on every example.
#include "compiler/sema/load.h"
#include "dsl/format.h"
#include "tests/random/random_graph.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace cnnc {
namespace {

void expect_roundtrip(const Graph &graph) {
    std::string flat = print_graph(graph), why;
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> again = load_network_text("flat.cnn", flat, sources, diags);
    ASSERT_TRUE(again) << diags.render(sources) << flat;
    EXPECT_TRUE(same_graph(graph, *again, &why)) << why << "\n" << flat;
    EXPECT_TRUE(verify(*again).empty()) << verify(*again)[0];
    EXPECT_EQ(print_graph(*again), flat);

    // Formatting flat text changes its layout only.
    std::optional<std::string> formatted = format_source(1, sources, diags);
    ASSERT_TRUE(formatted);
    std::optional<Graph> third = load_network_text("formatted.cnn", *formatted, sources, diags);
    ASSERT_TRUE(third) << diags.render(sources);
    EXPECT_TRUE(same_graph(graph, *third, &why)) << why << "\n" << *formatted;
}

TEST(RoundTrip, RandomGraphs) {
    for (uint64_t seed = 0; seed < 300 && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        expect_roundtrip(random_graph(seed));
    }
}

TEST(RoundTrip, Examples) {
    size_t examples = 0;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(CNNC_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".cnn")
            continue;
        SCOPED_TRACE(entry.path().string());
        SourceManager sources;
        Diagnostics diags;
        std::optional<Graph> graph = load_network(entry.path().string(), sources, diags);
        EXPECT_EQ(diags.render(sources), "");
        ASSERT_TRUE(graph);
        EXPECT_TRUE(verify(*graph).empty()) << verify(*graph)[0];
        expect_roundtrip(*graph);
        ++examples;
    }
    EXPECT_GE(examples, 1u);
}

} // namespace
} // namespace cnnc
