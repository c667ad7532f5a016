// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace cnnc {

namespace {

auto find(const Schedule &schedule, std::string_view name) {
    return std::find_if(schedule.params.begin(), schedule.params.end(),
                        [&](const auto &p) { return p.first == name; });
}

} // namespace

bool Schedule::has(std::string_view name) const {
    return find(*this, name) != params.end();
}

int64_t Schedule::integer(std::string_view name) const {
    auto it = find(*this, name);
    assert(it != params.end());
    return std::get<int64_t>(it->second);
}

const std::string &Schedule::choice(std::string_view name) const {
    auto it = find(*this, name);
    assert(it != params.end());
    return std::get<std::string>(it->second);
}

void Schedule::set(std::string_view name, ScheduleValue value) {
    auto it =
        std::find_if(params.begin(), params.end(), [&](const auto &p) { return p.first == name; });
    if (it != params.end())
        it->second = std::move(value);
    else
        params.emplace_back(std::string(name), std::move(value));
}

std::string schedule_text(const Schedule &schedule) {
    std::string text = schedule.family + "(";
    for (const auto &[name, value] : schedule.params) {
        if (text.back() != '(')
            text += ", ";
        text += name + "=";
        if (auto *i = std::get_if<int64_t>(&value))
            text += fmt::format("{}", *i);
        else
            text += std::get<std::string>(value);
    }
    return text + ")";
}

} // namespace cnnc
