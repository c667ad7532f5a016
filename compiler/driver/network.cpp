// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loading a network, with its diagnostics shown.
#include "compiler/driver/network.h"

#include "compiler/driver/command_line.h"
#include "compiler/graph/weights.h"
#include "compiler/import/safetensors.h"
#include "compiler/sema/load.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

namespace cnnc {
namespace {

// Entries of a weights file that are listed when the network does not use them.
constexpr size_t shown_unused = 3;

void warn_of_unused(const std::vector<std::string> &unused, const std::string &file,
                    Console &console) {
    if (unused.empty())
        return;
    std::string names;
    for (size_t i = 0; i < unused.size() && i < shown_unused; ++i)
        names += fmt::format("{}`{}`", i ? ", " : "", brief(unused[i]));
    if (unused.size() > shown_unused)
        names += fmt::format(" and {} more", unused.size() - shown_unused);
    console.err << fmt::format("cnnc: warning: the network does not use {} of `{}`\n", names, file);
}

} // namespace

void conclude(const Diagnostics &diags, Console &console, const SourceManager &sources) {
    console.err << diags.render(sources, console.colour);
    if (diags.has_errors())
        throw Failure{exit_bad_input, ""};
}

void add_network_arguments(CLI::App &command, NetworkArguments &arguments) {
    command.add_option("FILE", arguments.file, "The network, a .cnn file")
        ->required()
        ->type_name("");
    command.add_option("--network", arguments.network, "Which network, if FILE holds several")
        ->type_name("NAME");
    add_repeatable(command, "--set", arguments.set,
                   "Set a parameter of the network, as in --set classes=10", "NAME=VALUE");
}

void add_weight_arguments(CLI::App &command, WeightArguments &arguments) {
    command.add_option("--weights", arguments.file, "Take the weights from W")
        ->type_name("W.safetensors");
    command
        .add_option("--random-weights", arguments.seed,
                    "Make weights up, the same for the same seed")
        ->type_name("SEED")
        ->check(whole_number(0));
}

void add_repeatable(CLI::App &command, const std::string &name, std::vector<std::string> &values,
                    const std::string &about, const std::string &type) {
    command.add_option(name, values, about)
        ->type_name(type)
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_thread_argument(CLI::App &command, int &threads) {
    command.add_option("--threads", threads, "Threads to run on")
        ->type_name("N")
        ->check(whole_number(1, 1024));
}

void check_port_name(const char *kind, const std::string &name,
                     const std::vector<std::string> &names) {
    if (std::find(names.begin(), names.end(), name) != names.end())
        return;
    const std::string near = nearest_name(name, names);
    throw Failure{exit_bad_command_line,
                  fmt::format("the network has no {} `{}`; {}", kind, name,
                              near.empty() ? fmt::format("it has `{}`", fmt::join(names, "`, `"))
                                           : fmt::format("did you mean `{}`?", near))};
}

std::pair<std::string, std::string> split_assignment(const std::string &text, const char *option,
                                                     const char *form) {
    const size_t at = text.find('=');
    if (at == 0 || at == std::string::npos)
        throw Failure{exit_bad_command_line,
                      fmt::format("{} takes {}, not `{}`", option, form, text)};
    return {text.substr(0, at), text.substr(at + 1)};
}

Graph load_graph(const NetworkArguments &network, const WeightArguments &weights, Need need,
                 Console &console, SourceManager *keep_sources) {
    if (!weights.file.empty() && weights.seed)
        throw Failure{exit_bad_command_line, "--weights and --random-weights exclude each other"};
    ElaborateOptions options;
    options.network = network.network;
    for (const std::string &text : network.set)
        options.parameters.push_back(split_assignment(text, "--set", "NAME=VALUE"));
    SourceManager own_sources;
    SourceManager &sources = keep_sources ? *keep_sources : own_sources;
    Diagnostics diags;
    std::optional<Graph> graph = load_network(network.file, sources, diags, options);
    std::vector<std::string> unused;
    if (graph && !weights.file.empty()) {
        if (const auto file = read_safetensors(weights.file, diags))
            unused = bind_weights(*graph, *file, diags);
    }
    conclude(diags, console, sources);
    if (!graph)
        throw Failure{exit_bug, "the network could not be loaded, and nobody said why"};
    warn_of_unused(unused, weights.file, console);
    if (weights.seed)
        random_weights(*graph, *weights.seed);
    else if (need == Need::weights && weights.file.empty() && !graph->params.empty())
        throw Failure{exit_bad_command_line,
                      "this needs weights: give --weights W.safetensors or --random-weights SEED"};
    return std::move(*graph);
}

} // namespace cnnc
