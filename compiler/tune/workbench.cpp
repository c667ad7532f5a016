// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/workbench.h"

#include "compiler/codegen/hot_loop.h"
#include "compiler/codegen/service.h"
#include "compiler/execute/roofline.h"
#include "compiler/tune/one_kernel.h"
#include "schedules/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_now() {
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// A race may take so many times what the default's took.
constexpr double timeout_factor = 8;
constexpr double compile_timeout = 60;

// Whether the family's innermost loop adds products to a register tile over and over. What others
// keep on the stack costs a load where there would be one anyway: only their time tells.
bool sums_in_registers(const std::string &family) {
    return family == "direct" || family == "small" || family == "planar" || family == "gemm" ||
           family == "matmul";
}

// Vectors that such a loop keeps on the stack make each iteration wait for memory. A few beside
// many multiply-adds do not show.
bool spills(const HotLoop &loop) {
    return loop.found && (loop.spill_loads + loop.spill_stores) * 8 > loop.multiply_adds &&
           loop.spill_loads + loop.spill_stores > 1;
}

// In a worker: a register tile that spills is not worth running.
CompiledKernel compile_unspilt(const KernelRequest &request) {
    const bool is_default =
        request.schedule == default_schedule(request.workload, machine_for(request.target));
    if (is_default || !sums_in_registers(request.schedule.family))
        return compile_kernel(request);
    std::string assembly;
    CompiledKernel kernel = compile_with_assembly(request, assembly);
    const HotLoop loop = find_hot_loop(assembly, request.target);
    if (spills(loop))
        throw KernelError{fmt::format("keeps {} vectors of its hot loop on the stack",
                                      std::max(loop.spill_loads, loop.spill_stores))};
    return kernel;
}

Fate fate_of(RunProblem::Kind kind) {
    switch (kind) {
    case RunProblem::Kind::none:
        return Fate::timed;
    case RunProblem::Kind::timed_out:
        return Fate::timed_out;
    case RunProblem::Kind::unavailable:
        return Fate::unavailable;
    case RunProblem::Kind::crashed:
    case RunProblem::Kind::refused:
        return Fate::crashed;
    }
    return Fate::crashed;
}

} // namespace

struct Workbench::Parts {
    WorkbenchOptions options;

    struct Bench {
        OneKernel kernel;
        std::map<std::string, CompiledKernel> compiled; // by schedule
        std::map<std::string, Library> libraries;       // of these, those that raced last
        int next_name = 0;
        double timeout = 0; // of a race; 0: the place's
    };
    std::map<std::string, Bench> benches; // by workload

    Bench &bench_of(const TuneTask &task) {
        const std::string text = workload_text(task.workload);
        auto it = benches.find(text);
        if (it == benches.end())
            it = benches.emplace(text, Bench{one_kernel(task.workload, task.layer, options.seed)})
                     .first;
        return it->second;
    }
    Library library(Bench &bench, const Schedule &schedule) const {
        return one_kernel_library(bench.kernel, fmt::format("kernel{}", bench.next_name++),
                                  bench.compiled.at(schedule_text(schedule)), schedule,
                                  options.place.target);
    }
    // Kept from one race of a schedule to its next.
    const Library &kept_library(Bench &bench, const Schedule &schedule) const {
        const std::string text = schedule_text(schedule);
        auto it = bench.libraries.find(text);
        if (it == bench.libraries.end())
            it = bench.libraries.emplace(text, library(bench, schedule)).first;
        return it->second;
    }
    // All but these two.
    static void forget_libraries(Bench &bench, const Schedule &a, const Schedule &b) {
        for (auto it = bench.libraries.begin(); it != bench.libraries.end();)
            if (it->first == schedule_text(a) || it->first == schedule_text(b))
                ++it;
            else
                it = bench.libraries.erase(it);
    }
    NetworkCall call(const Bench &bench) const {
        return {options.threads, bench.kernel.inputs, {bench.kernel.output_bytes}};
    }

    std::vector<std::string> compile(const TuneTask &task, const std::vector<Schedule> &schedules);
    Race race(const TuneTask &task, const Schedule &candidate, const Schedule &incumbent,
              const Effort &effort);
    double least_seconds(const TuneTask &task);
};

std::vector<std::string> Workbench::Parts::compile(const TuneTask &task,
                                                   const std::vector<Schedule> &schedules) {
    std::vector<KernelRequest> requests;
    const bool on_gpu = gpu_api(options.place.target) != GpuApi::none;
    for (const Schedule &schedule : schedules)
        requests.push_back({task.workload, schedule, options.place.target, on_gpu});
    ServiceOptions service;
    service.jobs = options.jobs;
    service.use_cache = options.use_cache;
    service.timeout_seconds = compile_timeout;
    service.compile = options.compile ? options.compile : compile_unspilt;
    Bench &bench = bench_of(task);
    std::vector<std::string> failures;
    std::vector<KernelResult> results = compile_kernels(requests, service);
    for (size_t i = 0; i < results.size(); ++i) {
        failures.push_back(results[i].failure);
        if (results[i].failure.empty())
            bench.compiled[schedule_text(schedules[i])] = std::move(results[i].kernel);
    }
    return failures;
}

Race Workbench::Parts::race(const TuneTask &task, const Schedule &candidate,
                            const Schedule &incumbent, const Effort &effort) {
    Bench &bench = bench_of(task);
    Race race;
    try {
        forget_libraries(bench, candidate, incumbent);
        const Library &theirs = kept_library(bench, incumbent);
        // Against itself: two of the same need different names.
        std::optional<Library> twin;
        if (candidate == incumbent)
            twin = library(bench, candidate);
        const Library &ours = twin ? *twin : kept_library(bench, candidate);
        TimingPlan plan;
        plan.rounds = effort.rounds;
        plan.seconds = effort.seconds;
        plan.cold_weights = task.cold_weights;
        Place place = options.place;
        if (bench.timeout > 0)
            place.timeout_seconds = bench.timeout;
        const double start = seconds_now();
        const TimingResult result = time_libraries(place, {&theirs, &ours}, call(bench), plan);
        if (bench.timeout == 0 && !result.problem)
            bench.timeout =
                std::max(options.least_timeout, timeout_factor * (seconds_now() - start));
        race.fate = fate_of(result.problem.kind);
        // Where even the default is refused, no driver or no such CPU is there.
        if (candidate == incumbent && result.problem.kind == RunProblem::Kind::refused)
            race.fate = Fate::unavailable;
        race.message = result.problem.message;
        if (race.fate != Fate::timed)
            return race;
        race.incumbent = result.libraries[0].round_seconds;
        race.candidate = result.libraries[1].round_seconds;
        race.message = result_problem(bench.kernel, result.libraries[1].outputs.at(0));
        if (!race.message.empty())
            race.fate = Fate::wrong;
    } catch (const LibraryError &error) {
        race.fate = Fate::not_compiled;
        race.message = error.message;
    }
    return race;
}

double Workbench::Parts::least_seconds(const TuneTask &task) {
    Bench &bench = bench_of(task);
    const Schedule base = default_schedule(task.workload, machine_for(options.place.target));
    TimingPlan plan;
    plan.rounds = 3;
    plan.seconds = 0.03;
    plan.peak = plan.bandwidth = true;
    const TimingResult result =
        time_libraries(options.place, {&kept_library(bench, base)}, call(bench), plan);
    if (result.problem)
        return 0;
    constexpr int64_t from_memory = std::numeric_limits<int64_t>::max();
    return cnnc::least_seconds(ceilings_of(result), task.workload,
                               task.cold_weights ? from_memory : 0);
}

Workbench::Workbench(const WorkbenchOptions &options) : parts_(std::make_unique<Parts>()) {
    parts_->options = options;
}
Workbench::~Workbench() = default;

Laboratory Workbench::laboratory() {
    Parts *parts = parts_.get();
    Laboratory lab;
    lab.compile = [parts](const TuneTask &task, const std::vector<Schedule> &schedules) {
        return parts->compile(task, schedules);
    };
    lab.race = [parts](const TuneTask &task, const Schedule &candidate, const Schedule &incumbent,
                       const Effort &effort) {
        return parts->race(task, candidate, incumbent, effort);
    };
    lab.least_seconds = [parts](const TuneTask &task) { return parts->least_seconds(task); };
    lab.now = seconds_now;
    lab.stopped = parts->options.stopped ? parts->options.stopped : [] { return false; };
    return lab;
}

} // namespace cnnc
