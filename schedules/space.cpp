// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/space.h"

#include "schedules/families.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace cnnc {

Values even_splits(int64_t extent, int64_t most) {
    Values values;
    // Beyond its square root, quotients are the small numbers, all of them.
    int64_t parts = 1;
    for (; parts * parts <= extent; ++parts)
        values.push_back(ceil_div(extent, parts));
    for (int64_t small = ceil_div(extent, parts); small >= 1; --small)
        values.push_back(small);
    values.erase(std::remove_if(values.begin(), values.end(), [&](int64_t v) { return v > most; }),
                 values.end());
    return values;
}

Values round_numbers(int64_t most) {
    Values values;
    for (int64_t v = 1; v <= most; v *= 2) {
        values.push_back(v);
        if (v >= 2 && v / 2 * 3 <= most)
            values.push_back(v / 2 * 3);
    }
    return values;
}

Values channel_tiles(int64_t extent, const Machine &machine) {
    Values values;
    const int64_t lanes = machine.lanes(4);
    for (int64_t unit : {std::max<int64_t>(1, lanes / 2), lanes})
        for (int64_t vectors = 1; vectors <= 8; ++vectors)
            if (vectors * unit <= round_up(extent, unit))
                values.push_back(vectors * unit);
    for (int64_t v = vector_for(extent, lanes); v >= 1 && values.empty(); v /= 2)
        values.push_back(v);
    return values;
}

Values vector_widths(const Workload &, const Machine &machine) {
    Values values;
    for (int64_t v = 1; v <= 2 * machine.lanes(4); v *= 2)
        values.push_back(v);
    return values;
}

namespace {

std::vector<ScheduleValue> values_of(const FamilyParam &param, const Workload &w, const Machine &m,
                                     const ScheduleValue &start) {
    std::vector<ScheduleValue> values;
    for (std::string_view choice : param.choices)
        values.emplace_back(std::string(choice));
    if (!values.empty())
        return values;
    Values numbers =
        param.values ? param.values(w, m) : round_numbers(std::min(param.max, int64_t(1) << 20));
    numbers.push_back(std::get<int64_t>(start));
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    for (int64_t v : numbers)
        if (v >= param.min && v <= param.max)
            values.emplace_back(v);
    return values;
}

// How far apart two values of a parameter are: numbers by their ratio, words all alike.
double distance(const ScheduleValue &a, const ScheduleValue &b) {
    if (a == b)
        return 0;
    auto *x = std::get_if<int64_t>(&a), *y = std::get_if<int64_t>(&b);
    return x && y ? std::fabs(std::log2(double(*x + 1) / double(*y + 1))) : 1;
}

std::vector<ScheduleValue> by_distance(std::vector<ScheduleValue> values,
                                       const ScheduleValue &from) {
    std::stable_sort(values.begin(), values.end(), [&](const auto &a, const auto &b) {
        return distance(a, from) < distance(b, from);
    });
    return values;
}

// Changes one parameter, or (`depth` 2) two, such that the schedule is legal, by as little as can
// be.
std::optional<Schedule> repaired(const SearchSpace &space, const Schedule &schedule, int depth) {
    std::optional<Schedule> best;
    double least = 0;
    for (size_t i = 0; i < space.values.size(); ++i) {
        const ScheduleValue from = schedule.params[i].second;
        Schedule other = schedule;
        for (const ScheduleValue &value : by_distance(space.values[i], from)) {
            const double here = distance(value, from);
            if (value == from || (best && here >= least))
                continue;
            other.params[i].second = value;
            if (space.legal(other)) {
                best = other;
                least = here;
            } else if (depth > 1 && !best) {
                if ((best = repaired(space, other, depth - 1)))
                    least = here + 1;
            }
        }
    }
    return best;
}

// All of a CPU's tile is unrolled: far more than the registers hold only takes long to compile.
int64_t unrolled_vectors(const Schedule &schedule) {
    int64_t elements = 1;
    for (const auto &[name, value] : schedule.params)
        if (name.substr(0, 5) == "tile_")
            elements *= std::get<int64_t>(value);
    return schedule.has("vector") ? elements / schedule.integer("vector") : elements;
}

template <class T>
const T &any_of(const std::vector<T> &values, std::mt19937_64 &random) {
    return values[random() % values.size()];
}

void mutate(const SearchSpace &space, Schedule &schedule, std::mt19937_64 &random) {
    const size_t i = random() % space.values.size();
    const std::vector<ScheduleValue> &values = space.values[i];
    if (values.size() < 2)
        return;
    ScheduleValue &value = schedule.params[i].second;
    const auto at = std::find(values.begin(), values.end(), value);
    if (at == values.end() || values.size() < 4 || random() % 3 == 0) {
        value = any_of(values, random);
        return;
    }
    // One or two steps up or down.
    const auto here = int64_t(at - values.begin());
    const int64_t step = (random() % 2 ? 1 : -1) * int64_t(1 + random() % 2);
    value = values[size_t(std::clamp<int64_t>(here + step, 0, int64_t(values.size()) - 1))];
}

} // namespace

bool SearchSpace::legal(const Schedule &schedule) const {
    return (machine.gpu || unrolled_vectors(schedule) <= 3 * machine.vector_registers) &&
           schedule_problem(workload, machine, schedule).empty();
}

double SearchSpace::size() const {
    double size = 1;
    for (const auto &v : values)
        size *= double(v.size());
    return size;
}

SearchSpace search_space(const Family &family, const Workload &workload, const Machine &machine,
                         const std::vector<std::string_view> &fixed) {
    SearchSpace space{&family, workload, machine, family.model(workload, machine), {}};
    for (size_t i = 0; i < family.params.size(); ++i) {
        const ScheduleValue &start = space.start.params[i].second;
        const bool is_fixed =
            std::find(fixed.begin(), fixed.end(), family.params[i].name) != fixed.end();
        space.values.push_back(is_fixed ? std::vector<ScheduleValue>{start}
                                        : values_of(family.params[i], workload, machine, start));
    }
    return space;
}

std::optional<Schedule> nearest_legal(const SearchSpace &space, const Schedule &schedule) {
    assert(schedule.family == space.family->name && schedule.params.size() == space.values.size());
    Schedule near = schedule;
    for (size_t i = 0; i < space.values.size(); ++i)
        near.params[i].second = by_distance(space.values[i], near.params[i].second).front();
    if (space.legal(near))
        return near;
    if (auto other = repaired(space, near, 1))
        return other;
    return repaired(space, near, 2);
}

Schedule random_schedule(const SearchSpace &space, std::mt19937_64 &random) {
    for (int tries = 0; tries < 20; ++tries) {
        Schedule schedule = space.start;
        for (size_t i = 0; i < space.values.size(); ++i)
            schedule.params[i].second = any_of(space.values[i], random);
        if (space.legal(schedule))
            return schedule;
        if (auto near = repaired(space, schedule, 1))
            return *near;
    }
    return mutated(space, space.start, random);
}

Schedule mutated(const SearchSpace &space, const Schedule &schedule, std::mt19937_64 &random) {
    for (int tries = 0; tries < 20; ++tries) {
        Schedule other = schedule;
        for (uint64_t changes = 1 + random() % 2; changes > 0; --changes)
            mutate(space, other, random);
        if (other == schedule)
            continue;
        if (space.legal(other))
            return other;
        if (auto near = repaired(space, other, 1); near && !(*near == schedule))
            return *near;
    }
    return schedule;
}

Schedule crossed(const SearchSpace &space, const Schedule &a, const Schedule &b,
                 std::mt19937_64 &random) {
    Schedule child = a;
    for (size_t i = 0; i < child.params.size(); ++i)
        if (random() % 2)
            child.params[i].second = b.params[i].second;
    if (space.legal(child))
        return child;
    auto near = repaired(space, child, 1);
    return near ? *near : a;
}

} // namespace cnnc
