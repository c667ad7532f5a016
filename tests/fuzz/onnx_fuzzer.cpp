// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any bytes at all as an ONNX model: either diagnostics, or a sound graph whose weights lie in
// memory, and whose texts, flat and for people, give it again.
#include "compiler/onnx/decompile.h"
#include "compiler/onnx/import.h"
#include "compiler/sema/load.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace cnnc;

namespace {

void require(bool condition, const char *what, const std::string &details = "") {
    if (condition)
        return;
    std::fprintf(stderr, "broken promise: %s\n%s\n", what, details.c_str());
    std::abort();
}

// Reads every byte of every weight, so that a sanitizer sees one that is not there.
unsigned checksum(const Graph &graph) {
    unsigned sum = 0;
    for (const Param &param : graph.params) {
        require(param.data.defined(), "a weight without data", param.name);
        for (size_t i = 0; i < param.data.byte_count(); ++i)
            sum = sum * 31 + std::to_integer<unsigned>(param.data.bytes[i]);
    }
    return sum;
}

Graph load(const std::string &text) {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = load_network_text("text.cnn", text, sources, diags);
    require(graph.has_value(), "text of a network", diags.render(sources) + text);
    return *graph;
}

void check_texts(const Graph &graph) {
    std::string why, flat = print_graph(graph), readable = decompile(graph);
    require(same_graph(load(flat), graph, &why), "flat text of the same graph", why + "\n" + flat);
    require(same_network(load(readable), graph, &why), "text of the same network",
            why + "\n" + readable);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    auto owner = std::make_shared<std::vector<std::byte>>(size);
    std::copy_n(reinterpret_cast<const std::byte *>(data), size, owner->begin());
    Diagnostics diags;
    std::optional<Graph> graph =
        parse_onnx("no/such/folder/fuzz.onnx", {owner, owner->data(), size}, {}, diags);
    std::string messages = diags.render(SourceManager());
    require(graph.has_value() != diags.has_errors(), "a graph or errors", messages);
    if (!graph)
        return 0;
    for (const std::string &problem : verify(*graph))
        require(false, "a graph that does not verify", problem);
    volatile unsigned sum = checksum(*graph);
    (void)sum;
    check_texts(*graph);
    return 0;
}
