// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc bench: how fast the compiled network is, held against what the machine reaches in the same
// minute: the peak is measured in every round, next to the network.
#include "compiler/driver/command_line.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/inputs.h"
#include "compiler/driver/network.h"
#include "compiler/driver/static_report.h"
#include "compiler/execute/roofline.h"
#include "compiler/sema/call_text.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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
    int threads = 1;
    double seconds = 3;
    bool layers = false;
    bool from_code = false; // --static
    bool json = false;
};

// Without weights given, bench makes some up: its numbers do not depend on them.
constexpr uint64_t default_seed = 1;

// What time_libraries found out about the one network.
struct Measured {
    LibraryTimes times;
    Ceilings ceilings; // not known on a GPU
};

Measured measure(const Place &place, const Library &library, const NetworkCall &call,
                 const Options &options) {
    TimingPlan plan;
    plan.seconds = options.seconds;
    plan.steps = options.layers;
    plan.peak = gpu_api(place.target) == GpuApi::none; // only a CPU's ceilings can be measured
    plan.bandwidth = plan.peak && options.layers;
    TimingResult result = time_libraries(place, {&library}, call, plan);
    check(place, result.problem);
    return {std::move(result.libraries[0]), ceilings_of(result)};
}

struct Row {
    std::string name, op, workload, schedule;
    double ms = 0, gflops = 0, roofline = 0;
};

std::vector<Row> layer_rows(const Scheduled &scheduled, const Measured &measured) {
    std::vector<Row> rows;
    const int64_t weights = weight_bytes(scheduled.kernels);
    for (size_t i = 0; i < scheduled.choices.size(); ++i) {
        const Kernel &kernel = scheduled.kernels.kernels[i];
        const double seconds = measured.times.step_seconds[i];
        rows.push_back({kernel.name, kernel_op_name(kernel, scheduled.kernels.graph),
                        workload_text(kernel.workload),
                        schedule_text(scheduled.choices[i].schedule), seconds * 1e3,
                        2e-9 * double(workload_macs(kernel.workload)) / seconds,
                        least_seconds(measured.ceilings, kernel.workload, weights) / seconds});
    }
    return rows;
}

struct Summary {
    std::string network, target, cpu;
    int threads = 1;
    int64_t macs = 0;
    double gflops = 0; // at the fastest run
};

void print_json(const Summary &summary, const Measured &measured, const std::vector<Row> &rows,
                bool with_layers, Console &console) {
    nlohmann::ordered_json json = {
        {"network", summary.network},
        {"target", summary.target},
        {"cpu", summary.cpu},
        {"threads", summary.threads},
        {"runs", measured.times.runs},
        {"min_ms", measured.times.min_seconds * 1e3},
        {"median_ms", measured.times.median_seconds * 1e3},
        {"macs", summary.macs},
        {"gflops", summary.gflops},
        {"peak_gflops", measured.ceilings.peak_gflops},
    };
    if (with_layers)
        json["layers"] = nlohmann::ordered_json::array();
    for (const Row &row : rows)
        json["layers"].push_back({{"name", row.name},
                                  {"op", row.op},
                                  {"workload", row.workload},
                                  {"schedule", row.schedule},
                                  {"min_ms", row.ms},
                                  {"gflops", row.gflops},
                                  {"roofline", row.roofline}});
    console.out << json.dump(2) << "\n";
}

void print_text(const Summary &summary, const Measured &measured, const std::vector<Row> &rows,
                Console &console) {
    if (!rows.empty()) {
        Table table({"LAYER", "OPERATOR", ">MIN MS", ">GFLOP/S", ">ROOFLINE", "SCHEDULE"});
        for (const Row &row : rows)
            table.add({row.name, row.op, ms_text(row.ms),
                       row.gflops > 0 ? fmt::format("{:.1f}", row.gflops) : "",
                       row.roofline > 0 ? fmt::format("{:.0f}%", row.roofline * 100) : "",
                       row.schedule});
        console.out << table.text() << "\n";
    }
    const bool on_gpu = measured.ceilings.peak_gflops == 0;
    console.out << fmt::format("{} on {}{}{}{}\n", summary.network, summary.target,
                               summary.cpu.empty() ? "" : " ", summary.cpu,
                               on_gpu ? "" : ", " + count_text(size_t(summary.threads), "thread"));
    console.out << fmt::format("min {:.4g} ms, median {:.4g} ms of {} runs\n",
                               measured.times.min_seconds * 1e3,
                               measured.times.median_seconds * 1e3, measured.times.runs);
    if (on_gpu)
        console.out << fmt::format("{:.4g} GFLOP/s\n", summary.gflops);
    else
        console.out << fmt::format("{:.4g} GFLOP/s of the {:.4g} measured on registers: {:.0f}%\n",
                                   summary.gflops, measured.ceilings.peak_gflops,
                                   100 * summary.gflops / measured.ceilings.peak_gflops);
}

int64_t total_macs(const Graph &graph) {
    int64_t macs = 0;
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id)
        macs += multiply_adds(graph, id);
    return macs;
}

int report_code(const Options &options, Console &console) {
    const Graph graph = load_graph(options.network, {}, Need::shapes, console);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    print_static_report(scheduled, options.compile, options.json, console);
    return exit_ok;
}

int bench(const Options &options, Console &console) {
    if (options.from_code)
        return report_code(options, console);
    const Target target = chosen_target(options.compile);
    Place place = chosen_place(target, options.place);
    place.timeout_seconds += 100 * options.seconds;
    WeightArguments weights = options.weights;
    if (!weights.given())
        weights.seed = default_seed;
    const Graph graph = load_graph(options.network, weights, Need::weights, console);
    const auto inputs = load_inputs(graph, options.inputs, &default_seed, console);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    const auto compiled = compile_scheduled(scheduled, options.compile, console);
    const Library library = link_library(scheduled, compiled, false);
    const Measured measured =
        measure(place, library, network_call(graph, inputs, options.threads), options);
    Summary summary = {graph.name, target_text(target), target.cpu, options.threads,
                       total_macs(graph)};
    summary.gflops = 2e-9 * double(summary.macs) / measured.times.min_seconds;
    const auto rows = options.layers ? layer_rows(scheduled, measured) : std::vector<Row>();
    if (options.json)
        print_json(summary, measured, rows, options.layers, console);
    else
        print_text(summary, measured, rows, console);
    return exit_ok;
}

} // namespace

void add_bench_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("bench", "Time a network");
    add_network_arguments(*command, options->network);
    add_weight_arguments(*command, options->weights);
    add_repeatable(*command, "--input", options->inputs,
                   "An input's value (.npy, PNG, JPEG); the others are random", "NAME=FILE");
    add_thread_argument(*command, options->threads);
    command->add_option("--seconds", options->seconds, "Time spent on running it")
        ->type_name("S")
        ->capture_default_str()
        ->check(number(0.01, 3600));
    command->add_flag("--layers", options->layers, "Time every layer as well");
    command->add_flag("--static", options->from_code,
                      "Run nothing: read every layer's machine code instead, for any CPU target");
    command->add_flag("--json", options->json, "Print one JSON object");
    add_compile_arguments(*command, options->compile);
    add_place_arguments(*command, options->place);
    command->callback([options, &action] {
        action = [options](Console &console) { return bench(*options, console); };
    });
}

} // namespace cnnc
