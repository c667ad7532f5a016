// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Between graphs and the bytes that networks are called with.
#include "compiler/driver/execute.h"

#include "compiler/driver/command_line.h"
#include "compiler/driver/tensors.h"
#include "compiler/execute/words.h"

#include <CLI/CLI.hpp>

namespace cnnc {
namespace {

std::string check_command(const std::string &text) {
    const auto words = split_command(text);
    if (!words)
        return "a quote is not closed, or a backslash ends it: " + text;
    return words->empty() ? "the command is empty" : "";
}

} // namespace

void add_place_arguments(CLI::App &command, PlaceArguments &arguments) {
    command
        .add_option("--runner", arguments.runner,
                    "Run it behind this command: an emulator, 'ssh board', srun, ...")
        ->type_name("CMD")
        ->check(check_command);
    command
        .add_option("--cc", arguments.compiler,
                    "C compiler for the target, which links what a runner runs")
        ->type_name("CMD")
        ->check(check_command);
    command.add_option("--timeout", arguments.timeout, "Seconds that a run may take")
        ->type_name("S")
        ->capture_default_str()
        ->check(number(0.1, 1e6));
}

Place chosen_place(const Target &target, const PlaceArguments &arguments) {
    Place place;
    place.target = target;
    place.runner = arguments.runner;
    place.compiler = arguments.compiler;
    place.timeout_seconds = arguments.timeout;
    const std::string problem = place_problem(place);
    if (!problem.empty())
        throw Failure{place.runner.empty() && !runs_here(cpu_part(target)) ? exit_bad_command_line
                                                                           : exit_environment,
                      problem};
    return place;
}

NetworkCall network_call(const Graph &graph, const std::vector<TensorData> &inputs, int threads) {
    NetworkCall call;
    call.threads = threads;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const Node &node = graph[graph.inputs[i]];
        const Layout layout = std::get<Input>(node.op).layout;
        call.inputs.emplace_back(inputs[i].byte_count());
        scatter(inputs[i].bytes, node.type, layout_strides(node.type.shape, layout),
                call.inputs.back().data());
    }
    for (const Output &output : graph.outputs) {
        const TensorType &type = graph[output.node].type;
        call.output_bytes.push_back(size_t(element_count(type.shape)) * dtype_bytes(type.dtype));
    }
    return call;
}

TensorData output_tensor(const Graph &graph, const std::vector<Bytes> &outputs, size_t index) {
    const Output &output = graph.outputs[index];
    const TensorType &type = graph[output.node].type;
    return gathered(outputs[index].data(), type, layout_strides(type.shape, output.layout));
}

void check(const Place &place, const RunProblem &problem) {
    const std::string words = "the compiled network could not be run: " + problem.message;
    switch (problem.kind) {
    case RunProblem::Kind::none:
        return;
    case RunProblem::Kind::refused:
    case RunProblem::Kind::unavailable:
        throw Failure{exit_environment, problem.message};
    case RunProblem::Kind::timed_out: // runners may be as slow as they are
        throw Failure{place.runner.empty() ? exit_bug : exit_environment, words};
    case RunProblem::Kind::crashed:
        throw Failure{exit_bug, words};
    }
}

std::vector<Bytes> run_once(const Place &place, const Library &library, const NetworkCall &call) {
    RunResult result = run_library(place, library, call);
    check(place, result.problem);
    return std::move(result.outputs);
}

} // namespace cnnc
