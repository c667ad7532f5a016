// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/schedules/random_schedule.h"

#include <algorithm>
#include <random>

namespace cnnc {
namespace {

constexpr int64_t most_vectors = 48; // of a tile
constexpr int tries_per_parameter = 12;

// Numbers of all magnitudes, round ones more often than others.
ScheduleValue random_value(const FamilyParam &param, std::mt19937_64 &random) {
    if (!param.choices.empty())
        return std::string(param.choices[random() % param.choices.size()]);
    int64_t value = int64_t(random() % 10) << random() % 6;
    return std::min(std::max(value, param.min), param.max);
}

// Vectors in registers, however the family calls its tile's sides.
int64_t tile_vectors(const Family &family, const Schedule &schedule) {
    int64_t elements = 1;
    for (const FamilyParam &param : family.params)
        if (param.name.substr(0, 5) == "tile_")
            elements *= schedule.integer(param.name);
    return schedule.has("vector") ? elements / schedule.integer("vector") : elements;
}

} // namespace

Schedule random_schedule(const Family &family, const Workload &workload, const Machine &machine,
                         uint64_t seed) {
    std::mt19937_64 random(seed);
    Schedule schedule = family.model(workload, machine);
    // Two rounds: what one parameter may be depends on the others.
    for (int round = 0; round < 2; ++round)
        for (const FamilyParam &param : family.params)
            for (int i = 0; i < tries_per_parameter; ++i) {
                Schedule other = schedule;
                other.set(param.name, random_value(param, random));
                if (tile_vectors(family, other) > most_vectors ||
                    !schedule_problem(workload, machine, other).empty())
                    continue;
                schedule = other;
                break;
            }
    return schedule;
}

} // namespace cnnc
