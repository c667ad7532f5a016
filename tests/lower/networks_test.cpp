// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The layers of the example networks, on smaller images, under the models' schedules.
#include "schedules/family.h"
#include "tests/lower/example_workloads.h"
#include "tests/lower/kernel_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cnnc {
namespace {

// The oracle's loops are slow: larger layers are left out.
constexpr int64_t most_work = 2'500'000;

int64_t work(const Workload &w) {
    return std::max(workload_macs(w), 9 * element_count(w.output.shape));
}

TEST(LowerNetworks, LayersOfTheExamplesAreRight) {
    std::vector<Target> targets = {host_target(), parse_target("avx2", nullptr).value()};
    std::set<std::string> seen;
    std::vector<KernelRequest> requests;
    for (const char *name :
         {"lenet5", "mobilenet_v1", "mobilenet_v2", "resnet18", "resnet50", "squeezenet", "vgg16"})
        for (const Workload &w : example_workloads(name, 32)) {
            if (work(w) > most_work || !seen.insert(workload_text(w)).second)
                continue;
            for (const Target &target : targets)
                requests.push_back({w, default_schedule(w, machine_for(target)), target});
        }
    EXPECT_GT(seen.size(), 60u);
    const KernelChecks checks = check_kernels(requests);
    for (const KernelFinding &finding : checks.findings) {
        const KernelRequest &r = requests[finding.request];
        ADD_FAILURE() << workload_text(r.workload) << "\n"
                      << schedule_text(r.schedule) << "\n"
                      << target_text(r.target) << "\n"
                      << finding.problem;
    }
    fmt::print("{} layers, {} kernels run, {} of them parallel, {} for other machines; compiled in "
               "{:.1f} s, run in {:.1f} s\n",
               seen.size(), checks.run, checks.parallel, checks.skipped, checks.compile_seconds,
               checks.run_seconds);
}

} // namespace
} // namespace cnnc
