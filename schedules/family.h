// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Schedule families as data. A family declares its parameters with their ranges once; parsing,
// printing, validation, documentation, the default model and the search space come from that.
// No Halide here: compiler/lower turns a workload and a schedule into loops.
#pragma once

#include "compiler/graph/workload.h"
#include "compiler/target/target.h"
#include "schedules/schedule.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

struct FamilyParam {
    std::string_view name;
    // An integer in [min, max], or one of `choices` where there are any.
    int64_t min = 0, max = 0;
    std::vector<std::string_view> choices;
    std::string_view doc;
    // Of an integer: what a search may try for this workload, in ascending order; values that do
    // not fit one another are sorted out later. Null: the powers of two. See space.h.
    std::vector<int64_t> (*values)(const Workload &, const Machine &) = nullptr;
};

struct Family {
    std::string_view name;
    std::string_view doc;
    std::vector<FamilyParam> params;
    // Whether the family can compute this workload at all, on a machine of its kind.
    bool (*fits)(const Workload &workload);
    // What is wrong with these parameters for this workload and machine beyond their ranges; ""
    // when nothing is.
    std::string (*constraint)(const Workload &, const Machine &, const Schedule &);
    // The default model: the schedule argued from registers and caches.
    Schedule (*model)(const Workload &, const Machine &);
    // Whether default_schedule takes the family where it fits; null: always.
    bool (*preferred)(const Workload &, const Machine &) = nullptr;
    bool gpu = false; // for machines with a GPU, and only for them
};

const std::vector<Family> &families();
const Family *find_family(std::string_view name);
// Whether the family is one for this machine and can compute the workload.
bool family_fits(const Family &family, const Workload &workload, const Machine &machine);

// Reads `direct(tile_x=14, tile_c=32)`; parameters not named take the value of `defaults` if that
// is of the same family, else their minimum or first choice. On failure nothing, and `problem` says
// what and suggests.
std::optional<Schedule> parse_schedule(std::string_view text, const Schedule *defaults,
                                       std::string *problem);
// Why `schedule` cannot be used for the workload on the machine, or "".
std::string schedule_problem(const Workload &workload, const Machine &machine,
                             const Schedule &schedule);
// The first family that fits and is preferred, with its model's parameters. Always succeeds on a
// valid workload.
Schedule default_schedule(const Workload &workload, const Machine &machine);

} // namespace cnnc
