// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc verify: the compiled network against the reference interpreter. With --layers every kernel's
// result is compared as well: the very same kernels are linked once more with a plan in which no
// result is overwritten, so fusion stays as it is.
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/expose.h"
#include "compiler/driver/network.h"
#include "compiler/driver/tensors.h"
#include "compiler/reference/interpret.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    CompileArguments compile;
    std::vector<std::string> inputs;
    uint64_t seed = 1;
    double tolerance = 1e-4;
    int threads = 1;
    bool layers = false;
};

// Errors relative to the largest magnitude of the reference.
struct Difference {
    double max = 0;
    double rms = 0;
    double scale = 0;
    bool finite = true; // no NaN or infinity on either side

    bool within(double tolerance) const { return finite && max <= tolerance; }
};

Difference compare(const std::vector<float> &actual, const std::vector<double> &expected) {
    Difference difference;
    double squares = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double error = std::abs(double(actual[i]) - expected[i]);
        difference.finite &= std::isfinite(actual[i]) && std::isfinite(expected[i]);
        difference.max = std::max(difference.max, error);
        difference.scale = std::max(difference.scale, std::abs(expected[i]));
        squares += error * error;
    }
    // Where the reference is all zeros, the error counts as it is.
    const double unit = difference.scale > 0 ? difference.scale : 1;
    difference.max /= unit;
    difference.rms = std::sqrt(squares / double(std::max<size_t>(1, expected.size()))) / unit;
    return difference;
}

std::string verdict(const Difference &difference, double tolerance) {
    if (!difference.finite)
        return "NOT FINITE";
    return difference.within(tolerance) ? "ok" : "TOO FAR OFF";
}

// Rows of the report, and whether all of them are good.
struct Report {
    Table table;
    double tolerance;
    bool good = true;

    void add(const std::string &name, const std::string &type, const Difference &difference) {
        good &= difference.within(tolerance);
        table.add({name, type, fmt::format("{:.2e}", difference.max),
                   fmt::format("{:.2e}", difference.rms), fmt::format("{:.4g}", difference.scale),
                   verdict(difference, tolerance)});
    }
};

Report make_report(const char *what, double tolerance) {
    return {Table({what, "TYPE", ">MAX ERROR", ">RMS ERROR", ">SCALE", ""}), tolerance};
}

bool verify_outputs(const Graph &graph, const Scheduled &scheduled,
                    const std::vector<KernelResult> &results, const std::vector<TensorData> &inputs,
                    const Options &options, Console &console) {
    const CallMemory memory = make_call_memory(graph, inputs);
    run_once(link_library(scheduled, results, false), options.threads, memory);
    const std::vector<TensorD> expected = interpret(graph, inputs);
    Report report = make_report("OUTPUT", options.tolerance);
    for (size_t i = 0; i < expected.size(); ++i)
        report.add(graph.outputs[i].name, type_text(graph[graph.outputs[i].node].type),
                   compare(output_values(graph, memory, i), expected[i].values));
    console.out << report.table.text();
    return report.good;
}

// What the kernel wrote, in logical order.
std::vector<float> kernel_values(const Kernel &kernel, const KernelGraph &kernels,
                                 const CallMemory &memory) {
    const TensorView &view = kernel.workload.output;
    const Buffer &buffer = kernels.buffers[size_t(kernel.output.buffer)];
    std::vector<float> values(size_t(element_count(view.shape)));
    gather(memory.outputs[size_t(buffer.index)].as<float>() + kernel.output.offset, view.shape,
           view.strides, values.data());
    return values;
}

bool verify_layers(const Scheduled &scheduled, const std::vector<KernelResult> &results,
                   const std::vector<TensorData> &inputs, const Options &options,
                   Console &console) {
    Scheduled exposed = scheduled;
    exposed.kernels = expose_results(scheduled.kernels);
    exposed.plan = plan_memory(exposed.kernels);
    const Graph &graph = exposed.kernels.graph;
    const CallMemory memory = make_call_memory(graph, inputs);
    run_once(link_library(exposed, results, false), options.threads, memory);

    std::multimap<NodeId, const Kernel *> kernel_of;
    for (const Kernel &kernel : exposed.kernels.kernels)
        kernel_of.emplace(kernel.result, &kernel);
    std::map<const Kernel *, Difference> differences;
    interpret(scheduled.kernels.graph, inputs, [&](NodeId id, const TensorD &value) {
        const auto [begin, end] = kernel_of.equal_range(id);
        for (auto it = begin; it != end; ++it)
            differences[it->second] =
                compare(kernel_values(*it->second, exposed.kernels, memory), value.values);
    });
    Report report = make_report("LAYER", options.tolerance);
    for (const Kernel &kernel : exposed.kernels.kernels)
        report.add(kernel.name, shape_text(kernel.workload.output.shape), differences.at(&kernel));
    console.out << report.table.text() << "\n";
    return report.good;
}

int verify_network(const Options &options, Console &console) {
    require_runs_here(chosen_target(options.compile));
    const Graph graph = load_graph(options.network, options.weights, Need::weights, console);
    const auto inputs = load_inputs(graph, options.inputs, &options.seed, console);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    const auto results = compile_scheduled(scheduled, options.compile, console);
    bool good = true;
    if (options.layers)
        good &= verify_layers(scheduled, results, inputs, options, console);
    good &= verify_outputs(graph, scheduled, results, inputs, options, console);
    console.err << fmt::format("{} on {}: {}, tolerance {:g} of the largest value\n", graph.name,
                               target_text(scheduled.target),
                               good ? "agrees with the reference" : "DIFFERS FROM THE REFERENCE",
                               options.tolerance);
    return good ? exit_ok : exit_bad_input;
}

} // namespace

void add_verify_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("verify", "Compare the compiled network with the reference");
    add_network_arguments(*command, options->network);
    add_weight_arguments(*command, options->weights);
    add_repeatable(*command, "--input", options->inputs,
                   "An input's value (.npy, PNG, JPEG); the others are random", "NAME=FILE");
    command->add_option("--seed", options->seed, "Of the random inputs")
        ->type_name("SEED")
        ->capture_default_str();
    command
        ->add_option("--tolerance", options->tolerance,
                     "Largest error allowed, relative to the largest magnitude")
        ->type_name("E")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command->add_flag("--layers", options->layers, "Compare every kernel's result as well");
    command->add_option("--threads", options->threads, "Threads to run on")
        ->type_name("N")
        ->check(CLI::Range(1, 1024));
    add_compile_arguments(*command, options->compile);
    command->callback([options, &action] {
        action = [options](Console &console) { return verify_network(*options, console); };
    });
}

} // namespace cnnc
