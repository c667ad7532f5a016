// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc run: one inference, compiled, here or behind a runner, or by the reference interpreter.
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/inputs.h"
#include "compiler/driver/network.h"
#include "compiler/driver/outputs.h"
#include "compiler/reference/interpret.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    CompileArguments compile;
    PlaceArguments place;
    OutputArguments outputs;
    std::vector<std::string> inputs;
    int threads = 1;
    bool reference = false;
};

std::vector<TensorData> run_reference(const Graph &graph, const std::vector<TensorData> &inputs) {
    std::vector<TensorData> outputs;
    for (const TensorD &value : interpret(graph, inputs)) {
        const NodeId node = graph.outputs[outputs.size()].node;
        outputs.push_back(to_tensor_data(value, graph[node].type.dtype));
    }
    return outputs;
}

std::vector<TensorData> run_compiled(const Graph &graph, const std::vector<TensorData> &inputs,
                                     const Options &options, Console &console) {
    const Place place = chosen_place(chosen_target(options.compile), options.place);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    const auto results = compile_scheduled(scheduled, options.compile, console);
    const std::vector<Bytes> bytes = run_once(place, link_library(scheduled, results, false),
                                              network_call(graph, inputs, options.threads));
    std::vector<TensorData> outputs;
    for (size_t i = 0; i < graph.outputs.size(); ++i)
        outputs.push_back(output_tensor(graph, bytes, i));
    return outputs;
}

int run(const Options &options, Console &console) {
    const Graph graph = load_graph(options.network, options.weights, Need::weights, console);
    check_outputs(graph, options.outputs);
    const auto inputs = load_inputs(graph, options.inputs, nullptr, console);
    const auto outputs = options.reference ? run_reference(graph, inputs)
                                           : run_compiled(graph, inputs, options, console);
    give_outputs(graph, outputs, options.outputs, console);
    return exit_ok;
}

} // namespace

void add_run_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("run", "Run a network once");
    add_network_arguments(*command, options->network);
    add_weight_arguments(*command, options->weights);
    add_repeatable(
        *command, "--input", options->inputs,
        "An input's value: an .npy file, or a PNG or JPEG picture (0..255 in a u8 input, "
        "0..1 in an f32 one; resized if need be)",
        "NAME=FILE");
    add_repeatable(*command, "--output", options->outputs.files,
                   "Write an output to a file: .npy, or .png if it is a picture", "NAME=FILE");
    command->add_option("--output-dir", options->outputs.dir, "Write each output to D/NAME.npy")
        ->type_name("D");
    command
        ->add_option("--labels", options->outputs.labels,
                     "Show classes by these names, one on a line")
        ->type_name("FILE");
    command->add_flag("--reference", options->reference,
                      "Use the reference interpreter, in double precision");
    add_thread_argument(*command, options->threads);
    add_compile_arguments(*command, options->compile);
    add_place_arguments(*command, options->place);
    command->callback([options, &action] {
        action = [options](Console &console) { return run(*options, console); };
    });
}

} // namespace cnnc
