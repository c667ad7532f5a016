// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The road from graph to library.
#include "compiler/driver/compile.h"

#include "compiler/codegen/driver_codegen.h"
#include "compiler/codegen/emit.h"
#include "compiler/driver/command_line.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/graph/registry.h"
#include "compiler/lower/packing.h"
#include "compiler/passes/passes.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace cnnc {
namespace {

[[noreturn]] void bad_command_line(std::string message) {
    throw Failure{exit_bad_command_line, std::move(message)};
}

std::vector<std::string> kernel_names(const KernelGraph &kernels) {
    std::vector<std::string> names;
    for (const Kernel &kernel : kernels.kernels)
        names.push_back(kernel.name);
    return names;
}

std::string without_blanks(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return std::string(text);
}

ScheduleOverride parse_override(const std::string &text) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos)
        bad_command_line(fmt::format("--schedule takes 'LAYER: EXPR', not `{}`", text));
    return {without_blanks(text.substr(0, colon)), without_blanks(text.substr(colon + 1))};
}

// An override for a layer that does not exist is a mistake the user wants to hear of.
void check_layer(const ScheduleOverride &override, const KernelGraph &kernels) {
    const std::vector<std::string> names = kernel_names(kernels);
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string &name) { return override.matches(name); }))
        return;
    const std::string near = nearest_name(override.layer, names);
    bad_command_line(fmt::format("--schedule: no kernel is called `{}`{}", override.layer,
                                 near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

ScheduleBook make_book(const CompileArguments &arguments, const KernelGraph &kernels,
                       Console &console) {
    ScheduleBook book = read_book(arguments, console);
    for (const std::string &text : arguments.schedules) {
        book.overrides.push_back(parse_override(text));
        check_layer(book.overrides.back(), kernels);
    }
    return book;
}

[[noreturn]] void report_failed_kernel(const Kernel &kernel, const ScheduleChoice &choice,
                                       const Target &target, const std::string &failure) {
    throw Failure{exit_bug,
                  fmt::format("the kernel of `{}` cannot be compiled: {}\n"
                              "    workload: {}\n    schedule: {}\n    target:   {} {}",
                              kernel.name, failure, workload_text(kernel.workload),
                              schedule_text(choice.schedule), target_text(target), target.cpu)};
}

// An override for this very layer has to be usable; one for many layers (`*`) may fit only some.
void report_refused_override(const std::string &kernel, const ScheduleChoice &choice,
                             const ScheduleBook &book, Console &console) {
    if (choice.problem.empty())
        return;
    const std::string words = fmt::format("--schedule for `{}`: {}", kernel, choice.problem);
    for (const ScheduleOverride &override : book.overrides)
        if (override.layer == kernel)
            bad_command_line(words);
    console.err << fmt::format("cnnc: warning: {}; the layer keeps its own schedule\n", words);
}

} // namespace

void warn_of_skipped(const std::vector<std::string> &problems, Console &console) {
    for (const std::string &problem : problems)
        console.err << fmt::format("cnnc: warning: record skipped: {}\n", problem);
}

ScheduleBook read_book(const CompileArguments &arguments, Console &console) {
    ScheduleBook book;
    for (const std::string &path : arguments.schedule_files)
        warn_of_skipped(read_records(read_whole_file(path), path, book), console);
    if (!arguments.no_records)
        add_shipped_records(book);
    return book;
}

void add_compile_arguments(CLI::App &command, CompileArguments &arguments) {
    command.add_option("--target", arguments.target, "Compile for this (see `cnnc targets`)")
        ->type_name("T")
        ->capture_default_str();
    command.add_option("--cpu", arguments.cpu, "The CPU to schedule for (see `cnnc targets`)")
        ->type_name("C");
    add_repeatable(command, "--schedules", arguments.schedule_files,
                   "Look schedules up in this file", "F.sched");
    add_repeatable(command, "--schedule", arguments.schedules,
                   "Give a layer this schedule, as in 'conv1: direct(tile_x=14)'", "LAYER: EXPR");
    command.add_flag("--no-records", arguments.no_records,
                     "Ignore the schedules measured for common networks that come with cnnc");
    command.add_option("-j,--jobs", arguments.jobs, "Kernels compiled at once (default: cores)")
        ->type_name("N")
        ->check(whole_number(1, 1024));
    command.add_flag("--no-cache", arguments.no_cache, "Compile every kernel anew");
}

namespace {

std::vector<std::string> split_at_commas(const std::string &text) {
    std::vector<std::string> parts(1);
    for (char c : text)
        if (c == ',')
            parts.emplace_back();
        else
            parts.back() += c;
    for (std::string &part : parts)
        part = without_blanks(part);
    return parts;
}

[[noreturn]] void refuse_cpu(const std::string &cpu, const Target &target) {
    std::vector<std::string> names;
    for (const KnownCpu &known : known_cpus())
        if (known.arch == target.arch)
            names.emplace_back(known.name);
    const std::string near = nearest_name(cpu, names);
    bad_command_line(fmt::format("--cpu {}: {} has no such CPU; {}", cpu, target_text(target),
                                 near.empty() ? "`cnnc targets` lists them"
                                              : fmt::format("did you mean `{}`?", near)));
}

Target read_target(const std::string &name, const std::string &cpu) {
    if (name.empty())
        bad_command_line("--target: a name is empty; `cnnc targets` lists them");
    std::string problem;
    std::optional<Target> target = parse_target(name, &problem);
    if (!target)
        bad_command_line(fmt::format("--target {}: {}", name, problem));
    problem = release_problem(*target);
    if (!problem.empty())
        bad_command_line(fmt::format("--target {}: {}", name, problem));
    target->cpu = cpu.empty() && name == "host" ? host_cpu_name() : cpu;
    if (!is_llvm_cpu(*target, target->cpu))
        refuse_cpu(cpu, *target);
    return *target;
}

// Whether every machine that runs code for `later` runs that for `earlier` as well.
bool covers(const Target &earlier, const Target &later) {
    if (gpu_api(earlier) != GpuApi::none)
        return gpu_api(later) == gpu_api(earlier) &&
               cuda_capability(earlier) <= cuda_capability(later);
    const uint64_t needed = required_cpu_features(earlier);
    return (required_cpu_features(cpu_part(later)) & needed) == needed;
}

void check_variants(const std::vector<NamedTarget> &targets) {
    for (size_t later = 1; later < targets.size(); ++later)
        for (size_t earlier = 0; earlier < later; ++earlier) {
            const auto &[first_name, first] = targets[earlier];
            const auto &[name, target] = targets[later];
            if (target.arch != first.arch || target.bits != first.bits)
                bad_command_line(fmt::format("--target: `{}` and `{}` are of different "
                                             "architectures; one library cannot hold both",
                                             first_name, name));
            if (target == first)
                bad_command_line(fmt::format("--target: `{}` is there twice", name));
            if (covers(first, target))
                bad_command_line(fmt::format("--target: `{}` would never be used: what runs it "
                                             "runs `{}` too, which stands before it; "
                                             "put what asks for more first",
                                             name, first_name));
            if (gpu_api(target) != GpuApi::none && gpu_api(first) == GpuApi::none)
                bad_command_line(fmt::format("--target: the GPU of `{}` would be used only where "
                                             "the CPU cannot run `{}`, which stands before it; "
                                             "put the GPU first",
                                             name, first_name));
        }
}

} // namespace

Target chosen_target(const CompileArguments &arguments) {
    if (arguments.target.find(',') != std::string::npos)
        bad_command_line("--target: only `cnnc build` takes several targets");
    return read_target(arguments.target, arguments.cpu);
}

std::vector<NamedTarget> chosen_targets(const CompileArguments &arguments) {
    const std::vector<std::string> names = split_at_commas(arguments.target);
    std::vector<std::string> cpus = split_at_commas(arguments.cpu);
    if (arguments.cpu.empty())
        cpus.resize(names.size());
    if (cpus.size() != names.size())
        bad_command_line(fmt::format("--cpu takes a name for each of the {} targets, between "
                                     "commas (an empty one: the least CPU), not {}",
                                     names.size(), cpus.size()));
    std::vector<NamedTarget> targets;
    for (size_t i = 0; i < names.size(); ++i)
        targets.push_back({names[i], read_target(names[i], cpus[i])});
    check_variants(targets);
    return targets;
}

namespace {

// Kernels address their tensors with 32 bits.
constexpr int64_t most_elements = (int64_t(1) << 31) - (int64_t(1) << 20);

int64_t reach(const TensorView &view) {
    int64_t last = 0;
    for (size_t d = 0; d < view.shape.size(); d++)
        last += (view.shape[d] - 1) * view.strides[d];
    return last + 1;
}

void refuse_too_large(const Kernel &kernel, int64_t elements, const Target &target) {
    const bool gpu = gpu_api(target) != GpuApi::none;
    const int64_t most = gpu ? Gpu().most_elements : most_elements;
    if (elements > most)
        throw Failure{exit_bad_input,
                      fmt::format("`{}` reads or writes a tensor that reaches over {} elements; "
                                  "kernels compiled for {} address at most {}",
                                  kernel.name, elements, gpu ? "GPUs" : "CPUs", most)};
}

int64_t largest_operand(const Workload &w) {
    int64_t largest = reach(w.output);
    for (const TensorView &input : w.inputs)
        largest = std::max(largest, reach(input));
    return largest;
}

} // namespace

namespace {

// Chooses a schedule for every kernel.
void choose_schedules(Scheduled &scheduled, const ScheduleBook &book, Console &console) {
    for (const Kernel &kernel : scheduled.kernels.kernels) {
        refuse_too_large(kernel, largest_operand(kernel.workload), scheduled.target);
        scheduled.choices.push_back(
            choose_schedule(kernel.name, kernel.workload, scheduled.target, book));
        report_refused_override(kernel.name, scheduled.choices.back(), book, console);
        refuse_too_large(kernel,
                         packed_weight_elements(kernel.workload, scheduled.choices.back().schedule),
                         scheduled.target);
    }
}

std::vector<Scheduled> schedule_for(const std::vector<NamedTarget> &targets, const Graph &graph,
                                    const CompileArguments &arguments, Console &console) {
    const KernelGraph kernels = form_kernels(optimize(graph));
    const Plan plan = plan_memory(kernels);
    const ScheduleBook book = make_book(arguments, kernels, console);
    std::vector<Scheduled> variants;
    for (const auto &[name, target] : targets) {
        variants.push_back({name, target, kernels, plan, {}});
        choose_schedules(variants.back(), book, console);
    }
    return variants;
}

} // namespace

Scheduled schedule_network(const Graph &graph, const CompileArguments &arguments,
                           Console &console) {
    const NamedTarget target = {arguments.target, chosen_target(arguments)};
    return schedule_for({target}, graph, arguments, console).front();
}

std::vector<Scheduled> schedule_variants(const Graph &graph, const CompileArguments &arguments,
                                         Console &console) {
    return schedule_for(chosen_targets(arguments), graph, arguments, console);
}

namespace {

// Buffers begin at multiples of 64 bytes; those of the caller's, on a GPU, are checked in `run`.
bool operands_aligned(const Kernel &kernel) {
    const auto aligned = [](const TensorRef &ref, DType dtype) {
        return ref.offset * int64_t(dtype_bytes(dtype)) % gpu_vector_bytes == 0;
    };
    bool all = aligned(kernel.output, kernel.workload.output.dtype);
    for (size_t i = 0; i < kernel.inputs.size(); ++i)
        all &= aligned(kernel.inputs[i], kernel.workload.inputs[i].dtype);
    return all;
}

} // namespace

KernelRequest kernel_request(const Scheduled &scheduled, size_t index) {
    const Kernel &kernel = scheduled.kernels.kernels[index];
    return {kernel.workload, scheduled.choices[index].schedule, scheduled.target,
            gpu_api(scheduled.target) != GpuApi::none && operands_aligned(kernel)};
}

std::vector<KernelResult> compile_scheduled(const Scheduled &scheduled,
                                            const CompileArguments &arguments, Console &console,
                                            CompileFunction compile) {
    std::vector<KernelRequest> requests;
    for (size_t i = 0; i < scheduled.choices.size(); ++i)
        requests.push_back(kernel_request(scheduled, i));
    Progress progress(console, "compiling kernels");
    ServiceOptions options;
    options.jobs = arguments.jobs;
    options.use_cache = !arguments.no_cache && !compile;
    if (compile)
        options.compile = compile;
    options.progress = [&](int done, int total) { progress.update(done, total); };
    std::vector<KernelResult> results = compile_kernels(requests, options);
    for (size_t i = 0; i < results.size(); ++i)
        if (!results[i].failure.empty())
            report_failed_kernel(scheduled.kernels.kernels[i], scheduled.choices[i],
                                 scheduled.target, results[i].failure);
    return results;
}

Library link_library(const Scheduled &scheduled, const std::vector<KernelResult> &results,
                     bool weights_file) {
    return link_variants({scheduled}, {results}, weights_file);
}

Library link_variants(const std::vector<Scheduled> &variants,
                      const std::vector<std::vector<KernelResult>> &results, bool weights_file) {
    LibraryRequest request;
    request.name = variants.front().kernels.graph.name;
    request.kernels = &variants.front().kernels;
    request.plan = &variants.front().plan;
    request.weights_file = weights_file;
    for (size_t v = 0; v < variants.size(); ++v) {
        LibraryVariant variant;
        variant.name = variants[v].target_name;
        variant.target = variants[v].target;
        for (size_t i = 0; i < results[v].size(); ++i) {
            variant.compiled.push_back(&results[v][i].kernel);
            variant.schedules.push_back(variants[v].choices[i].schedule);
            variant.schedule_origins.push_back(variants[v].choices[i].origin);
        }
        request.variants.push_back(std::move(variant));
    }
    try {
        return build_library(request);
    } catch (const LibraryError &error) {
        throw Failure{exit_bad_input, error.message};
    }
}

std::string kernel_op_name(const Kernel &kernel, const Graph &graph) {
    if (kernel.nodes.empty())
        return "copy";
    const Node &node = graph[kernel.nodes[0]];
    std::vector<TensorType> operands;
    for (const NodeId input : node.inputs)
        operands.push_back(graph[input].type);
    return op_name(node.op, operands);
}

} // namespace cnnc
