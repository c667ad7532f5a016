// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc run: one inference, compiled for this machine or by the reference interpreter.
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/network.h"
#include "compiler/driver/tensors.h"
#include "compiler/import/npy.h"
#include "compiler/reference/interpret.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <ostream>
#include <system_error>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    CompileArguments compile;
    std::vector<std::string> inputs;
    std::string output_dir;
    int threads = 1;
    bool reference = false;
};

// Best classes shown of a vector.
constexpr size_t shown_best = 5;

using Values = std::vector<std::vector<float>>; // per output, logical order

Values run_reference(const Graph &graph, const std::vector<TensorData> &inputs) {
    Values outputs;
    for (const TensorD &value : interpret(graph, inputs))
        outputs.emplace_back(value.values.begin(), value.values.end());
    return outputs;
}

Values run_compiled(const Graph &graph, const std::vector<TensorData> &inputs,
                    const Options &options, Console &console) {
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    require_runs_here(scheduled.target);
    const auto results = compile_scheduled(scheduled, options.compile, console);
    const Library library = link_library(scheduled, results, false);
    const CallMemory memory = make_call_memory(graph, inputs);
    run_once(library, options.threads, memory);
    Values outputs;
    for (size_t i = 0; i < graph.outputs.size(); ++i)
        outputs.push_back(output_values(graph, memory, i));
    return outputs;
}

// One long dimension: classes, most likely.
bool is_vector(const Shape &shape) {
    return std::count_if(shape.begin(), shape.end(), [](int64_t n) { return n != 1; }) == 1;
}

std::string best_entries(const std::vector<float> &values) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t(0));
    const size_t shown = std::min(shown_best, order.size());
    const auto better = [&](size_t a, size_t b) {
        // NaN first: it must be seen.
        const float x = std::isnan(values[a]) ? INFINITY : values[a];
        const float y = std::isnan(values[b]) ? INFINITY : values[b];
        return x != y ? x > y : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + int64_t(shown), order.end(), better);
    std::string text;
    for (size_t i = 0; i < shown; ++i)
        text += fmt::format("{:8}  {:.6g}\n", order[i], values[order[i]]);
    return text;
}

std::string spread(const std::vector<float> &values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    return fmt::format("    from {:.6g} to {:.6g}, mean {:.6g}\n", *low, *high,
                       sum / double(values.size()));
}

void print_outputs(const Graph &graph, const Values &outputs, Console &console) {
    for (size_t i = 0; i < outputs.size(); ++i) {
        const TensorType &type = graph[graph.outputs[i].node].type;
        console.out << fmt::format("{}: {}\n", graph.outputs[i].name, type_text(type));
        console.out << (is_vector(type.shape) ? best_entries(outputs[i]) : spread(outputs[i]));
    }
}

void write_outputs(const Graph &graph, const Values &outputs, const std::string &dir,
                   Console &console) {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error)
        throw Failure{exit_environment,
                      fmt::format("cannot make the folder `{}`: {}", dir, error.message())};
    for (size_t i = 0; i < outputs.size(); ++i) {
        const Output &output = graph.outputs[i];
        const std::string path = fmt::format("{}/{}.npy", dir, output.name);
        SourceManager sources;
        Diagnostics diags;
        write_npy(path, TensorData::from_floats(graph[output.node].type.shape, outputs[i]), diags);
        console.err << diags.render(sources, console.colour);
        if (diags.has_errors())
            throw Failure{exit_environment, ""};
        console.err << fmt::format("{}: {}\n", path, type_text(graph[output.node].type));
    }
}

int run(const Options &options, Console &console) {
    const Graph graph = load_graph(options.network, options.weights, Need::weights, console);
    const auto inputs = load_inputs(graph, options.inputs, nullptr, console);
    const Values outputs = options.reference ? run_reference(graph, inputs)
                                             : run_compiled(graph, inputs, options, console);
    if (options.output_dir.empty())
        print_outputs(graph, outputs, console);
    else
        write_outputs(graph, outputs, options.output_dir, console);
    return exit_ok;
}

} // namespace

void add_run_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("run", "Run a network once, on this machine");
    add_network_arguments(*command, options->network);
    add_weight_arguments(*command, options->weights);
    add_repeatable(*command, "--input", options->inputs,
                   "An input's value: an .npy file, or a PNG or JPEG picture (scaled to 0..1)",
                   "NAME=FILE");
    command->add_option("--output-dir", options->output_dir, "Write each output to D/NAME.npy")
        ->type_name("D");
    command->add_flag("--reference", options->reference,
                      "Use the reference interpreter, in double precision");
    command->add_option("--threads", options->threads, "Threads to run on")
        ->type_name("N")
        ->check(CLI::Range(1, 1024));
    add_compile_arguments(*command, options->compile);
    command->callback([options, &action] {
        action = [options](Console &console) { return run(*options, console); };
    });
}

} // namespace cnnc
