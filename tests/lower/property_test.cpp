// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random workloads: every family that fits computes them right, under its model's schedule and
// under random ones, for several targets.
//
// CNNC_PROPERTY_WORKLOADS sets how many workloads are drawn, CNNC_PROPERTY_SEED the first seed.
#include "compiler/codegen/emit.h"
#include "schedules/family.h"
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

void expect_right(const std::vector<KernelRequest> &requests, const std::vector<uint64_t> &seeds) {
    KernelChecks checks = check_kernels(requests);
    for (const KernelFinding &finding : checks.findings)
        ADD_FAILURE() << words(requests[finding.request], seeds[finding.request]) << "\n  "
                      << finding.problem;
    fmt::print("{} kernels run, {} of them parallel, {} for other machines; compiled in {:.1f} s, "
               "run in {:.1f} s\n",
               checks.run, checks.parallel, checks.skipped, checks.compile_seconds,
               checks.run_seconds);
    EXPECT_GT(checks.run, 0);
}

// The model's schedule for one target and random ones for the next: over the seeds every family
// meets every target.
constexpr uint64_t random_schedules = 3;

TEST(LowerProperties, EveryFamilyComputesRandomWorkloads) {
    std::vector<Target> all = targets();
    std::vector<Machine> machines;
    for (const Target &target : all)
        machines.push_back(machine_for(target));
    uint64_t first = from_environment("CNNC_PROPERTY_SEED", 0);
    uint64_t count = from_environment("CNNC_PROPERTY_WORKLOADS", 120);
    std::vector<KernelRequest> requests;
    std::vector<uint64_t> seeds;
    for (uint64_t seed = first; seed < first + count; ++seed) {
        Workload w = random_workload(seed);
        ASSERT_EQ(workload_problem(w), "");
        for (const Family &family : families()) {
            if (!family_fits(family, w, machines[0]))
                continue;
            for (uint64_t i = 0; i <= random_schedules; ++i) {
                size_t t = size_t((seed + i) % all.size());
                Schedule schedule = i == 0 ? family.model(w, machines[t])
                                           : random_schedule(family, w, machines[t], 10 * seed + i);
                ASSERT_EQ(schedule_problem(w, machines[t], schedule), "")
                    << words({w, schedule, all[t]}, seed);
                requests.push_back({w, schedule, all[t]});
                seeds.push_back(seed);
            }
        }
    }
    expect_right(requests, seeds);
}

} // namespace
} // namespace cnnc
