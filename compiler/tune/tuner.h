// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tunes the workloads of a network: races candidates against the best so far and gives the time
// there is to where the network spends its own. Anytime: every improvement is told at once.
#pragma once

#include "compiler/tune/contest.h"
#include "compiler/tune/search.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

struct TuneOptions {
    double seconds = 600;
    int trials = 0; // candidates in all; 0: as many as there is time for
    int threads = 1;
    uint64_t seed = 1;
    size_t batch = 8; // candidates compiled together
};

// What is known of a workload before.
struct TuneStart {
    std::optional<Schedule> incumbent; // an earlier result
    std::vector<Schedule> known;       // worth trying first: records of near shapes
    std::vector<Tried> tried;          // by earlier runs
};

struct TaskState {
    TuneTask task;
    Search search;
    Schedule base, best;      // the default model's; the fastest known
    double score = 1;         // time of `best` over that of `base`
    double seconds = 0;       // of `best`, at its fastest
    double base_seconds = 0;  // of `base`; 0: it could not be measured
    double least_seconds = 0; // the machine's limit; 0: not known
    int trials = 0, failures = 0;
    std::string problem;        // why the workload cannot be tuned
    bool exhausted = false;     // everything has been tried
    std::vector<double> scores; // after each batch, the latest last
    Calm calm;

    bool open() const { return problem.empty() && !exhausted; }
};

struct TuneProgress {
    double elapsed = 0;
    int trials = 0;
};

struct TuneEvents {
    // The best of a task is another, or known for the first time.
    std::function<void(const TaskState &)> improved;
    // A candidate has had its trial. `score` over the default; failed_score unless fate is timed.
    std::function<void(const TaskState &, const Schedule &, double score, const Verdict &)> tried;
    // Before each candidate, and when a batch is compiled.
    std::function<void(const TaskState &, const TuneProgress &)> progress;
};

struct TuneResult {
    std::vector<TaskState> tasks;
    double elapsed = 0;
    int trials = 0;
    bool stopped = false;
    std::string unavailable; // what ended the whole: nothing can be run
};

// `starts`: one per task.
TuneResult tune(const std::vector<TuneTask> &tasks, const std::vector<TuneStart> &starts,
                const Machine &machine, const TuneOptions &options, const Laboratory &lab,
                const TuneEvents &events);

} // namespace cnnc
