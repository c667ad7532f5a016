// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Fuzz target of the language's front end: any text may be given to parser, formatter and
// elaborator. What they accept has to hold what they promise.
#include "compiler/sema/load.h"
#include "dsl/format.h"
#include "dsl/parser.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace cnnc;

void require(bool condition, const char *what, const std::string &details = "") {
    if (condition)
        return;
    std::fprintf(stderr, "broken promise: %s\n%s\n", what, details.c_str());
    std::abort();
}

// Nothing is read from disk: imports find this text itself, or nothing.
std::optional<Graph> load(const std::string &text, SourceManager &sources, Diagnostics &diags) {
    FileReader read = [&](const std::string &path, std::string &reason) {
        reason = "no such file";
        return path == "self.cnn" ? std::optional(text) : std::nullopt;
    };
    Program program = load_program_text("fuzz.cnn", text, sources, diags, read);
    return elaborate(program, sources, {}, diags);
}

void check_format(const std::string &text) {
    SourceManager sources;
    Diagnostics diags;
    FileId before = sources.add("before", text);
    std::optional<std::string> formatted = format_source(before, sources, diags);
    if (!formatted)
        return;
    FileId after = sources.add("after", *formatted);
    std::string old_tree = ast::tree_text(parse_file(before, sources, diags));
    std::string new_tree = ast::tree_text(parse_file(after, sources, diags));
    require(old_tree == new_tree, "formatting keeps the tree", *formatted);
    require(format_source(after, sources, diags) == formatted, "formatting is idempotent",
            *formatted);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string text(reinterpret_cast<const char *>(data), size), why;
    check_format(text);
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = load(text, sources, diags);
    diags.render(sources);
    require(graph.has_value() == !diags.has_errors(), "a graph or an error", diags.render(sources));
    if (!graph)
        return 0;
    require(verify(*graph).empty(), "a sound graph", graph ? print_graph(*graph) : "");
    std::string flat = print_graph(*graph);
    std::optional<Graph> again = load(flat, sources, diags);
    require(again && same_graph(*graph, *again, &why), "flat text gives the graph again",
            why + "\n" + flat + diags.render(sources));
    return 0;
}
