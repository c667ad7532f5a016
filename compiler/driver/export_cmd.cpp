// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc export: a network and its weights as one ONNX model.
#include "compiler/driver/commands.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/onnx/export.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    std::string file;
};

int export_network(const Options &options, Console &console) {
    SourceManager sources;
    const Graph graph =
        load_graph(options.network, options.weights, Need::weights, console, &sources);
    Diagnostics diags;
    const std::optional<std::string> bytes = export_onnx(graph, diags);
    conclude(diags, console, sources);
    if (!bytes)
        throw Failure{exit_bug, "the network could not be exported, and nobody said why"};
    write_file_whole(options.file, *bytes);
    console.err << fmt::format("{}: {}\n", options.file, bytes_text(int64_t(bytes->size())));
    return exit_ok;
}

} // namespace

void add_export_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("export", "Write a network as an ONNX model");
    add_network_arguments(*command, options->network);
    command->add_option("-o,--output", options->file, "The model")
        ->required()
        ->type_name("MODEL.onnx");
    add_weight_arguments(*command, options->weights);
    command->callback([options, &action] {
        action = [options](Console &console) { return export_network(*options, console); };
    });
}

} // namespace cnnc
