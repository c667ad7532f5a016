// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc check: parse, elaborate, check shapes, and the weights if they are given.
#include "compiler/driver/commands.h"
#include "compiler/driver/network.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace cnnc {

void add_check_command(CLI::App &app, Action &action) {
    struct Options {
        NetworkArguments network;
        WeightArguments weights;
    };
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("check", "Look for mistakes in a network");
    add_network_arguments(*command, options->network);
    command->add_option("--weights", options->weights.file, "Check against these weights as well")
        ->type_name("W.safetensors");
    command->callback([options, &action] {
        action = [options](Console &console) {
            load_graph(options->network, options->weights, Need::shapes, console);
            return int(exit_ok);
        };
    });
}

} // namespace cnnc
