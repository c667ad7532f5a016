// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whether a schedule is faster than another, on machines whose speed drifts: both run in turn, in
// one process; what counts is their ratio, round by round.
#pragma once

#include "compiler/graph/workload.h"
#include "schedules/schedule.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// One workload of a network.
struct TuneTask {
    std::string layer; // the first that computes it
    Workload workload;
    int count = 1;             // layers that compute it
    bool cold_weights = false; // in the network, its weights have left the caches between runs
};

enum class Fate : uint8_t {
    timed,        // it ran, and its result is right
    not_compiled, // or not worth running: it spills
    wrong,        // its result differs from the reference interpreter's
    crashed,
    timed_out,
    unavailable, // what it runs on: not the schedule's fault
};
std::string_view fate_text(Fate fate); // "timed", "not compiled", "wrong", ...

// How long to measure: each side for so many seconds, in so many rounds.
struct Effort {
    int rounds = 0;
    double seconds = 0;
};

struct Race {
    Fate fate = Fate::timed;                  // the candidate's
    std::string message;                      // what went wrong
    std::vector<double> candidate, incumbent; // seconds of the fastest run of each round
};

// What experiments need of the world. Tests have worlds of their own.
struct Laboratory {
    // Makes schedules ready to run, in parallel; per schedule "" or why it is not.
    std::function<std::vector<std::string>(const TuneTask &, const std::vector<Schedule> &)>
        compile;
    // Of two that are ready. Checks the candidate's result.
    std::function<Race(const TuneTask &, const Schedule &candidate, const Schedule &incumbent,
                       const Effort &)>
        race;
    // The least time the machine could take, by its peak and bandwidth; 0 where that is not known.
    std::function<double(const TuneTask &)> least_seconds;
    std::function<double()> now;   // seconds since some moment
    std::function<bool()> stopped; // the user wants an end
};

// How fast the incumbent was when nothing disturbed it.
struct Calm {
    double seconds = 0; // 0: not known yet
    int disturbed = 0;  // races in a row in which it was slower
};

struct Verdict {
    Fate fate = Fate::timed;
    std::string message;
    bool wins = false;  // faster, twice
    double ratio = 1;   // the candidate's time over the incumbent's
    double seconds = 0; // the candidate's, at its fastest
    double incumbent_seconds = 0;
};

// Races the candidate: a short race first, which ends it when it is clearly slower; a longer one,
// again where the incumbent was disturbed; and where that is won, one more to confirm it.
Verdict judge(const Laboratory &lab, const TuneTask &task, const Schedule &candidate,
              const Schedule &incumbent, Calm &calm);

// A long race, of which the ratio is worth writing down.
Verdict judge_thoroughly(const Laboratory &lab, const TuneTask &task, const Schedule &candidate,
                         const Schedule &incumbent);

} // namespace cnnc
