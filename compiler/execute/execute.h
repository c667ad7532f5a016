// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs and times compiled networks: in a forked child of this process where this machine can (the
// very objects of the archive, linked by ORC), else as a program of its own: linked with the
// target's C compiler and started by a runner (`qemu-aarch64-static`, `ssh board`, `srun`). A
// network with a GPU always runs in a program of its own. Nothing here throws for what a network or
// a runner does: a crash, a hang or a missing compiler comes back in words.
#pragma once

#include "compiler/codegen/library.h"
#include "compiler/target/target.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cnnc {

// Where libraries run.
struct Place {
    Target target;        // what they were compiled for
    std::string runner;   // a command prefix; "": this machine
    std::string compiler; // C compiler and flags for the target; "": the usual cross compiler
    double timeout_seconds = 600; // of a child or a program that is started
};

struct RunProblem {
    enum class Kind : uint8_t {
        none,
        crashed,     // a signal, or an exit without an answer
        timed_out,   // killed
        refused,     // the network's own functions returned an error code
        unavailable, // no compiler, no runner, cannot link, disk full: not the network's fault
    };
    Kind kind = Kind::none;
    std::string message;
    explicit operator bool() const { return kind != Kind::none; }
};

using Bytes = std::vector<std::byte>;

// What a network is called with, in the user's layouts and the network's order.
struct NetworkCall {
    int threads = 1;
    std::vector<Bytes> inputs;
    std::vector<size_t> output_bytes;
};

struct RunResult {
    RunProblem problem;
    std::vector<Bytes> outputs;
};
RunResult run_library(const Place &place, const Library &library, const NetworkCall &call);

struct TimingPlan {
    int rounds = 10;           // of which each goes through all libraries in turn: A B A B ...
    double seconds = 3;        // of measuring each library, over all rounds; at least a run a round
    bool steps = false;        // time every step as well, in rounds of their own
    bool peak = false;         // measure the machine's multiply-add peak in each round
    bool bandwidth = false;    // measure its read bandwidth, at the end
    bool cold_weights = false; // weights are out of the caches before every run, as in a network
};

struct LibraryTimes {
    int runs = 0;
    double min_seconds = 0, median_seconds = 0;
    std::vector<double> round_seconds; // per round its fastest run
    std::vector<double> step_seconds;  // per step its fastest
    std::vector<Bytes> outputs;        // of the last run
};

// Read bandwidth is measured on blocks of smallest_bandwidth_block << i: from L1 to memory.
constexpr int64_t smallest_bandwidth_block = 16 << 10;
constexpr int bandwidth_sizes = 13;

struct TimingResult {
    RunProblem problem;
    int last_library = -1; // whose code ran last: with a problem, whose problem it is; -1: none's
    std::vector<LibraryTimes> libraries;  // as given; on a problem only their rounds so far
    std::vector<double> peak_gflops;      // per round
    std::vector<double> bytes_per_second; // per block size
};
// All libraries take the same call. Different libraries must have different prefixes.
TimingResult time_libraries(const Place &place, const std::vector<const Library *> &libraries,
                            const NetworkCall &call, const TimingPlan &plan);

// Whether libraries for the place can be run, or why not, in words with what to install or to say.
std::string place_problem(const Place &place);

} // namespace cnnc
