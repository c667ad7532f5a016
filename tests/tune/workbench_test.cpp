// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels compiled, run and checked for real: workloads of every kind become networks of one
// kernel whose results are the reference interpreter's, and what is not is found out.
#include "compiler/tune/workbench.h"

#include "compiler/codegen/emit.h"
#include "compiler/codegen/service.h"
#include "compiler/tune/one_kernel.h"
#include "compiler/tune/tuner.h"
#include "tests/lower/random_workload.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

namespace cnnc {
namespace {

constexpr Effort hardly_any = {1, 0};

Target here() {
    Target target = host_target();
    target.cpu = host_cpu_name();
    return target;
}

WorkbenchOptions options() {
    WorkbenchOptions o;
    o.place.target = here();
    return o;
}

// All families' workloads: the default schedule of each computes what the interpreter says.
TEST(OneKernel, ComputesWhatTheInterpreterSays) {
    std::vector<KernelRequest> requests;
    for (uint64_t seed = 0; seed < 40; ++seed) {
        const Workload w = random_workload(seed);
        if (workload_macs(w) < 3'000'000)
            requests.push_back({w, default_schedule(w, machine_for(here())), here()});
    }
    const std::vector<KernelResult> compiled = compile_kernels(requests, {});
    std::map<size_t, int> anchors;
    for (size_t i = 0; i < requests.size(); ++i) {
        ASSERT_EQ(compiled[i].failure, "");
        const OneKernel k = one_kernel(requests[i].workload, "layer", 1);
        if (is_dense(k.workload.output)) { // others leave gaps, which no network's output has
            EXPECT_EQ(verify(k.kernels), std::vector<std::string>()) << workload_text(k.workload);
        }
        const Library library =
            one_kernel_library(k, "candidate", compiled[i].kernel, requests[i].schedule, here());
        const RunResult run = run_library({here()}, library, {1, k.inputs, {k.output_bytes}});
        ASSERT_FALSE(run.problem) << run.problem.message;
        EXPECT_EQ(result_problem(k, run.outputs[0]), "") << workload_text(k.workload);
        anchors[k.workload.anchor.index()]++;
        // The check can fail.
        Bytes damaged = run.outputs[0];
        damaged[damaged.size() - 1] ^= std::byte{0x41};
        EXPECT_NE(result_problem(k, damaged), "") << workload_text(k.workload);
    }
    EXPECT_GE(anchors.size(), 9u);
}

TuneTask small_task() {
    return {"fc", parse_workload("linear(40, bias=true) f32[1, 84] -> relu -> f32[1, 40]").value(),
            1, false};
}

TEST(Workbench, RacesAndChecks) {
    Workbench bench(options());
    const Laboratory lab = bench.laboratory();
    const TuneTask task = small_task();
    const Schedule base = default_schedule(task.workload, machine_for(here()));
    Schedule other = base;
    other.set("unroll", int64_t(2));
    EXPECT_EQ(lab.compile(task, {base, other}), std::vector<std::string>(2, ""));
    const Race race = lab.race(task, other, base, {3, 0});
    EXPECT_EQ(race.fate, Fate::timed) << race.message;
    EXPECT_EQ(race.candidate.size(), 3u);
    EXPECT_EQ(race.incumbent.size(), 3u);
    for (double s : race.candidate)
        EXPECT_GT(s, 0);
    EXPECT_GT(lab.least_seconds(task), 0);
}

// Of a tile with far too many vectors.
std::string compile_problem(const char *workload, const char *family) {
    const Workload w = parse_workload(workload).value();
    const Machine machine = machine_for(here());
    Schedule schedule = find_family(family)->model(w, machine);
    schedule.set("tile_x", int64_t(28));
    schedule.set("tile_c", int64_t(4 * machine.lanes(4)));
    schedule.set("vector", int64_t(machine.lanes(4)));
    EXPECT_EQ(schedule_problem(w, machine, schedule), "");
    WorkbenchOptions o = options();
    o.use_cache = false;
    Workbench bench(o);
    return bench.laboratory().compile({"layer", w, 1, false}, {schedule})[0];
}

TEST(Workbench, DropsTilesOfSumsThatSpill) {
    EXPECT_NE(compile_problem("conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
                              "dilation=[1, 1], groups=1, bias=true) f32[1, 8, 28, 28] -> "
                              "f32[1, 64, 28, 28]",
                              "direct")
                  .find("vectors of its hot loop on the stack"),
              std::string::npos);
    // Reads as much from the stack as it would from its input.
    EXPECT_EQ(compile_problem("max_pool2d(kernel=[3, 3], stride=[2, 2], padding=[[1, 1], [1, 1]], "
                              "dilation=[1, 1], ceil_mode=false) f32[1, 64, 56, 56] -> "
                              "f32[1, 64, 28, 28]",
                              "pool"),
              "");
}

// A whole search, a short one: all it says is right.
TEST(Workbench, TunesAWorkload) {
    Workbench bench(options());
    TuneOptions tuning;
    tuning.trials = 3;
    int tried = 0;
    TuneEvents events;
    events.tried = [&](const TaskState &, const Schedule &s, double, const Verdict &v) {
        ++tried;
        EXPECT_TRUE(v.fate == Fate::timed || v.fate == Fate::not_compiled)
            << schedule_text(s) << " " << fate_text(v.fate) << " " << v.message;
    };
    const TuneResult result =
        tune({small_task()}, {{}}, machine_for(here()), tuning, bench.laboratory(), events);
    EXPECT_EQ(result.tasks[0].problem, "");
    EXPECT_EQ(result.unavailable, "");
    EXPECT_EQ(tried, 3);
    EXPECT_GT(result.tasks[0].seconds, 0);
    EXPECT_LE(result.tasks[0].score, 1);
}

// ---- candidates that fail for real ----

std::string bytes_of(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The object of a C function under the kernel's name.
std::string object_of(const std::string &symbol, const std::string &body) {
    const std::string base = testing::TempDir() + symbol;
    std::ofstream(base + ".c") << "int " << symbol << "(void *w) {" << body << "}\n";
    const std::string command = "cc -O0 -fPIC -c -o " + base + ".o " + base + ".c";
    if (std::system(command.c_str()) != 0)
        throw KernelError{"no C compiler"};
    return bytes_of(base + ".o");
}

// What compiling yields when it goes wrong in the way that `unroll` stands for.
CompiledKernel compile_badly(const KernelRequest &request) {
    CompiledKernel kernel = compile_kernel(request);
    switch (request.schedule.integer("unroll")) {
    case 2:
        kernel.object = object_of(kernel.symbol, "return 0;"); // computes nothing
        break;
    case 3:
        kernel.object = object_of(kernel.symbol, "*(volatile int *)8 = 1; return 0;");
        break;
    case 4:
        kernel.object = object_of(kernel.symbol, "for (volatile int i = 0;; i++) ; return 0;");
        break;
    case 6:
        std::abort();
    case 8:
        throw KernelError{"as arranged"};
    }
    return kernel;
}

TEST(Workbench, SurvivesWrongCrashingAndHangingKernels) {
    WorkbenchOptions o = options();
    o.use_cache = false;
    o.least_timeout = 2;
    o.compile = compile_badly;
    Workbench bench(o);
    const Laboratory lab = bench.laboratory();
    const TuneTask task = small_task();
    Schedule base = default_schedule(task.workload, machine_for(here()));
    base.set("unroll", int64_t(1));
    std::vector<Schedule> schedules = {base};
    for (int64_t unroll : {2, 3, 4, 6, 8}) {
        schedules.push_back(base);
        schedules.back().set("unroll", unroll);
    }
    const std::vector<std::string> failures = lab.compile(task, schedules);
    for (size_t i = 0; i < 4; ++i)
        EXPECT_EQ(failures[i], "") << i;
    EXPECT_EQ(failures[4].substr(0, 17), "ended by signal 6");
    EXPECT_EQ(failures[5], "as arranged");
    const auto fate = [&](size_t i) { return lab.race(task, schedules[i], base, {1, 0}).fate; };
    EXPECT_EQ(fate(0), Fate::timed);
    EXPECT_EQ(fate(1), Fate::wrong);
    EXPECT_EQ(fate(2), Fate::crashed);
    EXPECT_EQ(fate(3), Fate::timed_out);
    EXPECT_EQ(fate(0), Fate::timed); // none of which has hurt the bench
}

} // namespace
} // namespace cnnc
