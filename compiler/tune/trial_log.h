// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What has been tried, beside the file of records: a line per candidate, added the moment its trial
// is over, so that an interrupted run loses one at most.
//
//     TARGET [CPU] | THREADS | WORKLOAD | SCHEDULE | TIME OVER THE DEFAULT'S, or what went wrong
#pragma once

#include "compiler/tune/contest.h"
#include "compiler/tune/search.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

std::string trial_line(const Target &target, int threads, const std::string &workload,
                       const Schedule &schedule, double score, Fate fate); // with its newline

// Per workload's text what was tried for this target and number of threads. Lines that make no
// sense (the last may be cut short) are passed over.
std::map<std::string, std::vector<Tried>> read_trials(std::string_view text, const Target &target,
                                                      int threads);

} // namespace cnnc
