// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc explain: why the compiled network is the way it is. The whole network: its kernels and the
// memory plan. One layer: its workload, schedule, loop nest, hot loop and assembly.
#include "compiler/codegen/child.h"
#include "compiler/codegen/ptx.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/network.h"
#include "compiler/driver/static_report.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    CompileArguments compile;
    std::string layer;
    bool assembly = false;
};

constexpr double describe_timeout_seconds = 120;
// The memory picture: at most so many columns for kernels and rows for the arena.
constexpr int picture_columns = 72;
constexpr int picture_rows = 16;

std::string kernel_text(const Kernel &kernel, const ScheduleChoice &choice) {
    std::string text = fmt::format("{}\n", kernel.name);
    text += fmt::format("  computes  {}\n", workload_text(kernel.workload));
    text += fmt::format("  schedule  {}  ({})\n", schedule_text(choice.schedule), choice.origin);
    for (const std::string &note : kernel.notes)
        text += fmt::format("  {}\n", note);
    return text;
}

// One character per buffer, in the order they are first used.
char mark_of(size_t index) {
    constexpr std::string_view marks =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return marks[index % marks.size()];
}

// Buffers of the arena in the order of their first use.
std::vector<size_t> arena_buffers(const Plan &plan) {
    std::vector<size_t> order;
    for (size_t i = 0; i < plan.offsets.size(); ++i)
        if (plan.offsets[i] >= 0 && plan.first_use[i] >= 0)
            order.push_back(i);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return std::pair(plan.first_use[a], a) < std::pair(plan.first_use[b], b);
    });
    return order;
}

// Time runs to the right, addresses upwards.
std::string memory_picture(const Scheduled &scheduled, const std::vector<size_t> &order) {
    const Plan &plan = scheduled.plan;
    const int steps = int(scheduled.kernels.kernels.size());
    const int columns = std::min(steps, picture_columns);
    std::vector<std::string> rows(picture_rows, std::string(size_t(columns), '.'));
    for (size_t k = 0; k < order.size(); ++k) {
        const size_t i = order[k];
        const int64_t begin = plan.offsets[i];
        const int64_t end = begin + scheduled.kernels.buffers[i].bytes;
        for (int row = 0; row < picture_rows; ++row) {
            const int64_t middle = (2 * row + 1) * plan.arena_bytes / (2 * picture_rows);
            const bool covered = middle >= begin && middle < end;
            for (int column = 0; covered && column < columns; ++column) {
                const int64_t step = int64_t(column) * steps / columns;
                if (step >= plan.first_use[i] && step <= plan.last_use[i])
                    rows[size_t(row)][size_t(column)] = mark_of(k);
            }
        }
    }
    std::string text;
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
        text += fmt::format("  |{}|\n", *row);
    return text;
}

std::string memory_text(const Scheduled &scheduled) {
    const Plan &plan = scheduled.plan;
    const KernelGraph &kernels = scheduled.kernels;
    std::string text = fmt::format("Memory: one block of {}; no plan can need less than {}\n",
                                   bytes_text(plan.arena_bytes), bytes_text(plan.lower_bound));
    const std::vector<size_t> order = arena_buffers(plan);
    if (order.empty())
        return text;
    Table table({"", "BUFFER", ">BYTES", ">OFFSET", "FROM", "TO"});
    for (size_t k = 0; k < order.size(); ++k) {
        const size_t i = order[k];
        table.add({std::string(1, mark_of(k)), kernels.buffers[i].name,
                   count_text(kernels.buffers[i].bytes), count_text(plan.offsets[i]),
                   kernels.kernels[size_t(plan.first_use[i])].name,
                   kernels.kernels[size_t(plan.last_use[i])].name});
    }
    return text + table.text() + "\nThe block over time (a column per step, addresses upwards):\n" +
           memory_picture(scheduled, order);
}

std::string network_text(const Scheduled &scheduled) {
    std::string text;
    for (size_t i = 0; i < scheduled.choices.size(); ++i)
        text += kernel_text(scheduled.kernels.kernels[i], scheduled.choices[i]) + "\n";
    for (const std::string &note : scheduled.kernels.notes)
        text += note + "\n";
    return text + memory_text(scheduled);
}

// The kernel that computes this layer: its anchor, or what was fused into it.
size_t find_kernel(const KernelGraph &kernels, const std::string &layer) {
    std::vector<std::string> names;
    for (size_t i = 0; i < kernels.kernels.size(); ++i) {
        const Kernel &kernel = kernels.kernels[i];
        if (kernel.name == layer)
            return i;
        names.push_back(kernel.name);
        for (const NodeId node : kernel.nodes) {
            if (kernels.graph[node].name == layer)
                return i;
            names.push_back(kernels.graph[node].name);
        }
    }
    const std::string near = nearest_name(layer, names);
    throw Failure{exit_bad_command_line,
                  fmt::format("no kernel computes a layer `{}`{}", layer,
                              near.empty() ? "" : fmt::format("; did you mean `{}`?", near))};
}

// What `describe` says of the kernel; it may crash in Halide or LLVM, hence in a child.
std::string described(const KernelRequest &request,
                      std::string (*describe)(const KernelRequest &)) {
    const Child child = run_child(
        [&](int fd) {
            const std::string text = describe(request);
            write_all(fd, text.data(), text.size());
        },
        describe_timeout_seconds);
    if (!child.failure.empty())
        throw Failure{exit_bug, fmt::format("the kernel of {} cannot be shown: {}",
                                            workload_text(request.workload), child.failure)};
    return child.data;
}

// Of a layer on a GPU: its launches, and what the assembler makes of their code.
std::string launches_text(const KernelRequest &request) {
    const CompiledKernel kernel = compile_kernel(request);
    const Gpu gpu = machine_for(request.target).gpu.value();
    PtxReport report;
    std::string note;
    if (gpu_api(request.target) == GpuApi::cuda) {
        report = assemble_for(kernel.device_code, gpu.capability);
        note = report.problem.empty()
                   ? fmt::format("Registers are those for sm_{}.\n", report.architecture)
                   : fmt::format("Registers are not known: {}\n", report.problem);
    }
    std::string text;
    for (const GpuLaunch &launch : kernel.launches) {
        const PtxEntry *found = nullptr;
        for (const PtxEntry &entry : report.entries)
            if (entry.name == launch.entry)
                found = &entry;
        text += launch_text(launch, gpu, found);
    }
    return text + note;
}

std::string layer_text(const Scheduled &scheduled, const Options &options) {
    const size_t index = find_kernel(scheduled.kernels, options.layer);
    const Kernel &kernel = scheduled.kernels.kernels[index];
    const KernelRequest request = kernel_request(scheduled, index);
    if (options.assembly)
        return described(request, kernel_assembly);
    std::string text =
        kernel_text(kernel, scheduled.choices[index]) + "\n" + described(request, kernel_loop_nest);
    text += "\n" + described(request, gpu_api(request.target) == GpuApi::none ? hot_loop_text
                                                                              : launches_text);
    return text;
}

int explain(const Options &options, Console &console) {
    const Graph graph = load_graph(options.network, {}, Need::shapes, console);
    const Scheduled scheduled = schedule_network(graph, options.compile, console);
    console.out << (options.layer.empty() ? network_text(scheduled)
                                          : layer_text(scheduled, options));
    return exit_ok;
}

} // namespace

void add_explain_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("explain", "Say what was fused, scheduled and placed how, and why");
    add_network_arguments(*command, options->network);
    command->add_option("LAYER", options->layer, "Only this layer, with its loop nest and hot loop")
        ->type_name("");
    command->add_flag("--asm", options->assembly, "Print the layer's assembly instead");
    add_compile_arguments(*command, options->compile);
    command->callback([options, &action] {
        action = [options](Console &console) {
            if (options->assembly && options->layer.empty())
                throw Failure{exit_bad_command_line, "--asm needs a LAYER"};
            return explain(*options, console);
        };
    });
}

} // namespace cnnc
