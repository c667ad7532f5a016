// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random workloads: every family that fits computes them right, under its model's schedule and
// under random ones, for several targets: those that run here, and ARM's in an emulator.
//
// CNNC_PROPERTY_WORKLOADS and CNNC_PROPERTY_FOREIGN_WORKLOADS set how many workloads are drawn,
// CNNC_PROPERTY_SEED the first seed.
#include "compiler/codegen/emit.h"
#include "schedules/family.h"
#include "tests/codegen/workshop.h"
#include "tests/lower/kernel_runner.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/random_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cnnc {
namespace {

uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<Target> targets() {
    std::vector<Target> result;
    for (const char *name : {"host", "avx512", "avx2", "sse41", "x86-64"})
        result.push_back(parse_target(name, nullptr).value());
    result[0].cpu = host_cpu_name(); // as the compiler does
    return result;
}

std::string words(const KernelRequest &r, uint64_t seed) {
    return fmt::format("seed {}\n  workload {}\n  schedule {}\n  target {}", seed,
                       workload_text(r.workload), schedule_text(r.schedule), target_text(r.target));
}

struct Drawn {
    std::vector<KernelRequest> requests;
    std::vector<uint64_t> seeds;
};

// For `count` random workloads and each family that fits: the model's schedule for one target and
// random ones for the next, so that over the seeds every family meets every target.
Drawn draw(const std::vector<Target> &targets, uint64_t first, uint64_t count,
           uint64_t random_schedules) {
    Drawn drawn;
    std::vector<Machine> machines;
    for (const Target &target : targets)
        machines.push_back(machine_for(target));
    for (uint64_t seed = first; seed < first + count; ++seed) {
        Workload w = random_workload(seed);
        EXPECT_EQ(workload_problem(w), "");
        for (uint64_t i = 0; i <= random_schedules; ++i) {
            size_t t = size_t((seed + i) % targets.size());
            for (const Family &family : families()) {
                if (!family_fits(family, w, machines[t]))
                    continue;
                Schedule schedule = i == 0 ? family.model(w, machines[t])
                                           : random_schedule(family, w, machines[t], 10 * seed + i);
                EXPECT_EQ(schedule_problem(w, machines[t], schedule), "")
                    << words({w, schedule, targets[t]}, seed);
                drawn.requests.push_back({w, schedule, targets[t]});
                drawn.seeds.push_back(seed);
            }
        }
    }
    return drawn;
}

void expect_right(const Drawn &drawn, const KernelChecks &checks) {
    for (const KernelFinding &finding : checks.findings)
        ADD_FAILURE() << words(drawn.requests[finding.request], drawn.seeds[finding.request])
                      << "\n  " << finding.problem;
    fmt::print("{} kernels run, {} of them parallel, {} for other machines; compiled in {:.1f} s, "
               "run in {:.1f} s\n",
               checks.run, checks.parallel, checks.skipped, checks.compile_seconds,
               checks.run_seconds);
    EXPECT_GT(checks.run, 0);
}

TEST(LowerProperties, EveryFamilyComputesRandomWorkloads) {
    const Drawn drawn = draw(targets(), from_environment("CNNC_PROPERTY_SEED", 0),
                             from_environment("CNNC_PROPERTY_WORKLOADS", 120), 3);
    expect_right(drawn, check_kernels(drawn.requests));
}

const ForeignMachine arm64_machine = {"aarch64-linux-gnu-gcc", "qemu-aarch64-static"};
const ForeignMachine arm32_machine = {"arm-linux-gnueabihf-gcc", "qemu-arm-static"};

// The program that is not there, or "".
std::string missing_program(const ForeignMachine &machine) {
    for (const std::string &program : {machine.compiler, machine.emulator})
        if (run_command(program + " --version").code != 0)
            return program;
    return "";
}

struct Foreign {
    std::vector<std::pair<const char *, const char *>> targets; // and their CPUs
    ForeignMachine machine;
};

void check_foreign(const Foreign &foreign) {
    const std::string missing = missing_program(foreign.machine);
    if (!missing.empty())
        GTEST_SKIP() << missing << " is not installed";
    std::vector<Target> targets;
    for (const auto &[text, cpu] : foreign.targets) {
        targets.push_back(parse_target(text, nullptr).value());
        targets.back().cpu = cpu;
    }
    const Drawn drawn = draw(targets, from_environment("CNNC_PROPERTY_SEED", 1000),
                             from_environment("CNNC_PROPERTY_FOREIGN_WORKLOADS", 50), 1);
    expect_right(drawn, check_foreign_kernels(drawn.requests, foreign.machine));
}

TEST(LowerProperties, EveryFamilyComputesRandomWorkloadsOnArm64) {
    check_foreign({{{"arm-64-linux", "cortex-a72"},
                    {"arm-64-linux-arm_dot_prod-arm_fp16", "neoverse-n1"},
                    {"arm-64-linux", "cortex-a53"}},
                   arm64_machine});
}

TEST(LowerProperties, EveryFamilyComputesRandomWorkloadsOnArm32) {
    check_foreign({{{"arm-32-linux", ""}, {"arm-32-linux", "cortex-a7"}}, arm32_machine});
}

// LLVM 14 took the loop that stages rows for one that never ends.
TEST(LowerProperties, LoopsOfKernelsEndOnArm32) {
    const std::string missing = missing_program(arm32_machine);
    if (!missing.empty())
        GTEST_SKIP() << missing << " is not installed";
    KernelRequest r;
    r.workload = parse_workload("conv2d(23, kernel=[2, 1], stride=[2, 3], padding=[[2, 0], [0, 0]],"
                                " dilation=[1, 1], groups=23, bias=true) "
                                "f32[1, 23, 4, 20]@[1932, 84, 21, 1] -> f32[1, 23, 3, 7]@nchw")
                     .value();
    r.target = parse_target("arm-32-linux", nullptr).value();
    r.schedule = parse_schedule("depthwise(tile_x=4, tile_y=1, tile_c=7, vector=1, lanes=c, "
                                "rows=1, border=stage, parallel=y)",
                                nullptr, nullptr)
                     .value();
    EXPECT_EQ(schedule_problem(r.workload, machine_for(r.target), r.schedule), "");
    Drawn drawn;
    drawn.requests = {r};
    drawn.seeds = {0};
    expect_right(drawn, check_foreign_kernels(drawn.requests, arm32_machine));
}

} // namespace
} // namespace cnnc
