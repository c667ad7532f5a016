// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a schedule ought to cost, by arithmetic alone: it ranks candidates before any is compiled,
// and says whether a record made for another shape is worth taking. The families' models argue
// their defaults from the same machine; this one judges any schedule of theirs.
//
// Per register tile: multiply-adds on the machine's ports, loads beside them, their latency where
// too few are independent, and a store and a load for each register too many. Per block: which
// cache the weights, input and output of a loop have to come from, given what the loops inside it
// touch, and how far ahead weights from far away are asked for. Per kernel: the borders that are
// staged, tiles that only half count, and threads that wait for the one with most to do. Inputs and
// outputs, which every schedule has to fetch once, are left out; weights are taken to come from
// memory.
#pragma once

#include "schedules/family.h"

namespace cnnc {

struct Cost {
    // Of the whole kernel on the threads asked for; the sum and maximum of these:
    double cycles = 0;
    double compute = 0;    // multiply-adds, loads and spills of all tiles, ragged ones whole
    double traffic = 0;    // cycles that the caches and memory need for what they deliver
    double waiting = 0;    // for weights from far away that were not asked for in time
    double staging = 0;    // borders and panels copied
    double imbalance = 1;  // the busiest thread's work over the average
    int64_t registers = 0; // vectors live in a tile's innermost loop
    int64_t spilled = 0;   // of these, more than the machine has
};

// For a schedule without a schedule_problem(), on `threads` threads. Of no use between machines.
Cost estimate_cost(const Workload &workload, const Machine &machine, const Schedule &schedule,
                   int threads);

} // namespace cnnc
