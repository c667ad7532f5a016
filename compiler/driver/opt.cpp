// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc opt: the graph as flat .cnn after the passes.
#include "compiler/driver/commands.h"
#include "compiler/driver/network.h"
#include "compiler/passes/passes.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    std::vector<std::string> print_after;
};

std::vector<std::string> pass_names() {
    std::vector<std::string> names{"load"};
    for (const Pass &pass : graph_passes())
        names.push_back(pass.name);
    return names;
}

void check_pass_names(const std::vector<std::string> &asked) {
    const std::vector<std::string> names = pass_names();
    for (const std::string &name : asked) {
        if (std::find(names.begin(), names.end(), name) != names.end())
            continue;
        const std::string near = nearest_name(name, names);
        throw Failure{exit_bad_command_line,
                      fmt::format("there is no pass `{}`; {}", name,
                                  near.empty()
                                      ? fmt::format("the passes are {}", fmt::join(names, ", "))
                                      : fmt::format("did you mean `{}`?", near))};
    }
}

int print_passes(const Options &options, Console &console) {
    check_pass_names(options.print_after);
    const auto show = [&](const std::string &pass, const Graph &graph) {
        const auto &asked = options.print_after;
        if (std::find(asked.begin(), asked.end(), pass) != asked.end())
            console.out << fmt::format("# after {}\n{}", pass, print_graph(graph));
    };
    Graph graph = load_graph(options.network, {}, Need::shapes, console);
    show("load", graph);
    graph = optimize(std::move(graph),
                     [&](const Pass &pass, const Graph &after) { show(pass.name, after); });
    if (options.print_after.empty())
        console.out << print_graph(graph);
    return exit_ok;
}

} // namespace

void add_opt_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("opt", "Print the network as flat .cnn after the graph passes");
    add_network_arguments(*command, options->network);
    add_repeatable(
        *command, "--print-after", options->print_after,
        fmt::format("Print the graph after this pass instead: {}", fmt::join(pass_names(), ", ")),
        "PASS");
    command->callback([options, &action] {
        action = [options](Console &console) { return print_passes(*options, console); };
    });
}

} // namespace cnnc
