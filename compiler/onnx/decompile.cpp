// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a graph to a .cnn text that a person would like to read.
#include "compiler/onnx/decompile.h"

#include "compiler/graph/analysis.h"
#include "compiler/onnx/decompile_print.h"
#include "dsl/format.h"

#include <fmt/format.h>

namespace cnnc {

namespace {

// 25557032 as "25,557,032".
std::string with_commas(int64_t number) {
    std::string text = std::to_string(number);
    for (int64_t i = int64_t(text.size()) - 3; i > 0; i -= 3) {
        text.insert(size_t(i), ",");
    }
    return text;
}

// Only what may stand in a comment: bytes that end the line may not.
std::string one_line(std::string text) {
    for (char &c : text) {
        c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    return text;
}

std::string header(const Graph &graph, const std::string &origin) {
    const std::string from = origin.empty() ? "" : ", from " + one_line(origin);
    return fmt::format("# {}{}; {} parameters.\n", graph.name, from,
                       with_commas(parameter_count(graph)));
}

} // namespace

std::string decompile(const Graph &graph, const DecompileOptions &options) {
    const decompiler::GroupTree tree = decompiler::group_by_paths(graph);
    std::string text = header(graph, options.origin);
    const std::vector<decompiler::Block> blocks =
        decompiler::find_blocks(graph, tree, options.blocks);
    for (size_t i = 0; i < blocks.size(); ++i) {
        text += (i > 0 ? "\n" : "") + decompiler::print_block(graph, blocks[i]);
    }
    SourceManager sources;
    Diagnostics diags;
    const FileId file = sources.add(graph.name + ".cnn", text);
    return format_source(file, sources, diags).value_or(text);
}

} // namespace cnnc
