// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What graphs look like as text for people: examples and small networks, flattened and written
// again. A case has a section `example NAME` or `file net.cnn`; name_by_structure()
// comes before where there is a section `numbered`, or `unnamed`: then counters are all the names.
#include "compiler/onnx/decompile.h"
#include "compiler/sema/load.h"
#include "tests/golden_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::optional<Graph> graph_of(const testing::GoldenCase &golden, SourceManager &sources,
                              Diagnostics &diags) {
    if (const testing::GoldenSection *example = golden.find("example")) {
        const std::string folder = CNNC_SOURCE_DIR "/examples/" + example->argument + "/";
        return load_network(folder + example->argument + ".cnn", sources, diags);
    }
    const testing::GoldenSection *file = golden.find("file");
    return load_network_text(file->argument, file->text, sources, diags);
}

// As exporters that drop names write them.
void number_layers(Graph &graph) {
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        const std::optional<std::string> path = weights_path(graph, id);
        const std::string name = fmt::format("Conv_{}", 100 + id);
        for (ParamId param : path ? graph[id].params : std::vector<ParamId>()) {
            std::string &old = graph.params[size_t(param)].name;
            old = name + old.substr(path->size());
        }
        if (!std::holds_alternative<Input>(graph[id].op)) {
            graph[id].name = name;
        }
    }
}

std::string decompiled(const testing::GoldenCase &golden) {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = graph_of(golden, sources, diags);
    if (!graph) {
        return diags.render(sources);
    }
    if (golden.find("unnamed")) {
        number_layers(*graph);
    }
    if (golden.find("unnamed") || golden.find("numbered")) {
        graph = name_by_structure(*std::move(graph));
    }
    DecompileOptions options;
    if (const testing::GoldenSection *origin = golden.find("origin")) {
        options.origin = origin->argument;
    }
    const std::string text = decompile(*graph, options);
    std::optional<Graph> again = load_network_text("again.cnn", text, sources, diags);
    std::string why = "it does not elaborate: " + diags.render(sources);
    return again && same_network(*graph, *again, &why) ? text : text + "NOT THE SAME: " + why;
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Decompile", CNNC_SOURCE_DIR "/tests/golden/decompile",
                                         cnnc::decompiled);
    return cnnc::testing::golden_main(argc, argv);
}
