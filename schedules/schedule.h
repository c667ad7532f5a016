// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A schedule as a value: a family's name and named parameters, with one text form everywhere
// (tuning records, the command line, explain): direct(tile_x=14, tile_c=32, parallel=y).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cnnc {

using ScheduleValue = std::variant<int64_t, std::string>;

struct Schedule {
    std::string family;
    std::vector<std::pair<std::string, ScheduleValue>> params; // in the family's order, all set

    bool has(std::string_view name) const;
    // The parameter must exist and have that type (a validated schedule's do).
    int64_t integer(std::string_view name) const;
    const std::string &choice(std::string_view name) const;
    void set(std::string_view name, ScheduleValue value);

    bool operator==(const Schedule &o) const { return family == o.family && params == o.params; }
};

std::string schedule_text(const Schedule &schedule);

} // namespace cnnc
