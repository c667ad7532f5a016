// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What `cnnc tune` says while it works and when it is done.
#pragma once

#include "compiler/driver/compile.h"
#include "compiler/driver/console.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/network.h"
#include "compiler/tune/tuner.h"

#include <optional>
#include <string>

namespace cnnc {

// On a terminal one line that is written over; elsewhere a line per improvement.
class TuneReport {
  public:
    // `budget` in seconds; 0: none. `trials`: 0: no limit.
    TuneReport(Console &console, double budget, int trials);
    ~TuneReport();
    TuneReport(const TuneReport &) = delete;
    TuneReport &operator=(const TuneReport &) = delete;

    void progress(const TaskState &state, const TuneProgress &progress);
    void improved(const TaskState &state);
    // A line of its own, whatever stands there now.
    void say(const std::string &line);

  private:
    Console &console_;
    double budget_;
    int trials_;
    bool shown_ = false;
};

// Per workload what was gained, and the sum over the network's layers.
std::string tune_table(const TuneResult &result);

// The command that compiles a layer under a schedule and compares it with the reference.
std::string verify_command(const NetworkArguments &network, const CompileArguments &compile,
                           const PlaceArguments &place, const std::string &layer,
                           const Schedule &schedule);
// What became of a candidate that computes something else, crashes or hangs, and how to see it
// again.
std::string failure_text(const std::string &layer, const Schedule &schedule, const Verdict &verdict,
                         const std::string &command);

// "1.24x" for a score of 1 / 1.24.
std::string gain_text(double score);
// "10m", "90s", "1h30m", "45" (seconds). Nothing for other text.
std::optional<double> parse_duration(const std::string &text);
std::string duration_text(double seconds); // "9:05", "1:02:03"

} // namespace cnnc
