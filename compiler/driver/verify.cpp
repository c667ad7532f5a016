// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc verify: the compiled network against the reference interpreter. With --layers every kernel's
// result is compared as well: the very same kernels are linked once more with a plan in which no
// result is overwritten, so fusion stays as it is.
#include "compiler/driver/command_line.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compare.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/expose.h"
#include "compiler/driver/inputs.h"
#include "compiler/driver/network.h"
#include "compiler/driver/tensors.h"
#include "compiler/reference/interpret.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    CompileArguments compile;
    PlaceArguments place;
    std::vector<std::string> inputs;
    uint64_t seed = 1;
    double tolerance = 1e-4;
    int threads = 1;
    bool layers = false;
};

// Rows of the report, and whether all of them are good.
struct Report {
    Table table;
    double tolerance;
    bool good = true;

    void add(const std::string &name, const Difference &difference, bool rounded) {
        const Tolerance allowed = {tolerance, rounded};
        const bool floats = !is_integer(difference.type.dtype);
        good &= within(difference, allowed);
        table.add({name, type_text(difference.type),
                   fmt::format(floats ? "{:.2e}" : "{:.17g}", difference.max),
                   floats ? fmt::format("{:.2e}", difference.rms) : "",
                   fmt::format("{:.4g}", difference.scale), verdict(difference, allowed)});
    }
};

Report make_report(const char *what, double tolerance) {
    return {Table({what, "TYPE", ">MAX ERROR", ">RMS ERROR", ">SCALE", ""}), tolerance};
}

bool verify_outputs(const Graph &graph, const Place &place, const Library &library,
                    const std::vector<TensorData> &inputs, const Options &options,
                    Console &console) {
    const std::vector<Bytes> outputs =
        run_once(place, library, network_call(graph, inputs, options.threads));
    const std::vector<TensorD> expected = interpret(graph, inputs);
    Report report = make_report("OUTPUT", options.tolerance);
    for (size_t i = 0; i < expected.size(); ++i)
        report.add(graph.outputs[i].name,
                   compare(output_tensor(graph, outputs, i), expected[i].values),
                   is_rounded(graph, graph.outputs[i].node));
    console.out << report.table.text();
    return report.good;
}

// What the kernel wrote, in logical order.
TensorData kernel_values(const Kernel &kernel, const KernelGraph &kernels,
                         const std::vector<Bytes> &outputs) {
    const TensorView &view = kernel.workload.output;
    const Buffer &buffer = kernels.buffers[size_t(kernel.output.buffer)];
    const int64_t offset = kernel.output.offset * int64_t(dtype_bytes(view.dtype));
    return gathered(outputs[size_t(buffer.index)].data() + offset, {view.dtype, view.shape},
                    view.strides);
}

bool verify_layers(const Scheduled &scheduled, const Place &place,
                   const std::vector<KernelResult> &results, const std::vector<TensorData> &inputs,
                   const Options &options, Console &console) {
    Scheduled exposed = scheduled;
    exposed.kernels = expose_results(scheduled.kernels);
    exposed.plan = plan_memory(exposed.kernels);
    const Graph &graph = exposed.kernels.graph;
    const std::vector<Bytes> outputs = run_once(place, link_library(exposed, results, false),
                                                network_call(graph, inputs, options.threads));

    std::multimap<NodeId, const Kernel *> kernel_of;
    for (const Kernel &kernel : exposed.kernels.kernels)
        kernel_of.emplace(kernel.result, &kernel);
    std::map<const Kernel *, Difference> differences;
    interpret(scheduled.kernels.graph, inputs, [&](NodeId id, const TensorD &value) {
        const auto [begin, end] = kernel_of.equal_range(id);
        for (auto it = begin; it != end; ++it)
            differences[it->second] =
                compare(kernel_values(*it->second, exposed.kernels, outputs), value.values);
    });
    Report report = make_report("LAYER", options.tolerance);
    for (const Kernel &kernel : exposed.kernels.kernels)
        report.add(kernel.name, differences.at(&kernel),
                   is_rounded(scheduled.kernels.graph, kernel.result));
    console.out << report.table.text() << "\n";
    return report.good;
}

int verify_network(const Options &options, Console &console) {
    const Place place = chosen_place(chosen_target(options.compile), options.place);
    const Graph graph = load_graph(options.network, options.weights, Need::weights, console);
    const auto inputs = load_inputs(graph, options.inputs, &options.seed, console);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    const auto results = compile_scheduled(scheduled, options.compile, console);
    bool good = true;
    if (options.layers)
        good &= verify_layers(scheduled, place, results, inputs, options, console);
    good &= verify_outputs(graph, place, link_library(scheduled, results, false), inputs, options,
                           console);
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
        ->capture_default_str()
        ->check(whole_number(0));
    command
        ->add_option("--tolerance", options->tolerance,
                     "Largest error allowed, relative to the largest magnitude")
        ->type_name("E")
        ->capture_default_str()
        ->check(number(0, 1e6));
    command->add_flag("--layers", options->layers, "Compare every kernel's result as well");
    add_thread_argument(*command, options->threads);
    add_compile_arguments(*command, options->compile);
    add_place_arguments(*command, options->place);
    command->callback([options, &action] {
        action = [options](Console &console) { return verify_network(*options, console); };
    });
}

} // namespace cnnc
