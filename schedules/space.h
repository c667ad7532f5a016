// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The space a search walks in: for every parameter of a family the values worth trying, and ways to
// stay among the legal schedules while walking. All from the families' declarations.
#pragma once

#include "schedules/family.h"

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace cnnc {

// What may be chosen for one workload and machine in one family. `values[i]` belongs to the
// family's parameter i, ascending and without duplicates, the default model's value among them.
struct SearchSpace {
    const Family *family = nullptr;
    Workload workload;
    Machine machine;
    Schedule start; // the default model's
    std::vector<std::vector<ScheduleValue>> values;

    bool legal(const Schedule &schedule) const;
    // Schedules in the space, legal or not.
    double size() const;
};
// The family must fit. Parameters in `fixed` keep the default model's value.
SearchSpace search_space(const Family &family, const Workload &workload, const Machine &machine,
                         const std::vector<std::string_view> &fixed = {});

// The legal schedule of the space that is nearest to one of the same family: values outside the
// space snap to the nearest in it, and where they do not fit one another, one or two of them give
// way. Nothing, where that does not help.
std::optional<Schedule> nearest_legal(const SearchSpace &space, const Schedule &schedule);

// Each returns a legal schedule. Equal states of `random` give equal schedules.
Schedule random_schedule(const SearchSpace &space, std::mt19937_64 &random);
// `schedule` with one or two parameters changed, numbers more often to a neighbour than far away.
Schedule mutated(const SearchSpace &space, const Schedule &schedule, std::mt19937_64 &random);
// Each parameter from one of the two.
Schedule crossed(const SearchSpace &space, const Schedule &a, const Schedule &b,
                 std::mt19937_64 &random);

} // namespace cnnc
