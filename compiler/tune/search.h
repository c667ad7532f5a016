// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which schedule of a workload to try next: first records of near shapes and what the cost model
// thinks best in every family that fits, then the offspring of the fastest so far, sifted by the
// cost model, and some at random. Knows nothing of compilers and clocks.
#pragma once

#include "schedules/cost.h"
#include "schedules/space.h"

#include <limits>
#include <set>
#include <string>
#include <vector>

namespace cnnc {

// A schedule that has been tried: its time over the default's; infinite for one that failed.
struct Tried {
    Schedule schedule;
    double score = 0;
};
constexpr double failed_score = std::numeric_limits<double>::infinity();

struct Search {
    Workload workload;
    Machine machine;
    int threads = 1;
    std::vector<SearchSpace> spaces; // one per family that fits
    std::vector<Schedule> first;     // still to be proposed before any other, in this order
    std::vector<Tried> tried;        // the default among them, with score 1
    std::set<std::string> seen;      // texts of everything proposed or learnt
    std::mt19937_64 random;

    double model_cycles(const Schedule &schedule) const;
};

// `known`: schedules worth trying first (records of this or near workloads), legal ones.
Search start_search(const Workload &workload, const Machine &machine, int threads, uint64_t seed,
                    const std::vector<Schedule> &known);

// Up to `count` schedules not proposed before; fewer, or none, when the space is used up.
std::vector<Schedule> propose(Search &search, size_t count);

// What became of a schedule, proposed or not.
void learn(Search &search, const Schedule &schedule, double score);

} // namespace cnnc
