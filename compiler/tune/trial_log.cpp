// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/trial_log.h"

#include "schedules/choose.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

namespace cnnc {
namespace {

// The part of a line that says where: trials elsewhere say nothing here.
std::string place_text(const Target &target, int threads) {
    return fmt::format("{}{}{} | {}", target_text(target), target.cpu.empty() ? "" : " ",
                       target.cpu, threads);
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

// A score, or failed_score for the words of a failure; nothing for what is neither.
std::optional<double> read_score(const std::string &text) {
    for (Fate fate : {Fate::not_compiled, Fate::wrong, Fate::crashed, Fate::timed_out})
        if (text == fate_text(fate))
            return failed_score;
    char *end = nullptr;
    const double score = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != 0 || !(score > 0) || !std::isfinite(score))
        return std::nullopt;
    return score;
}

} // namespace

std::string trial_line(const Target &target, int threads, const std::string &workload,
                       const Schedule &schedule, double score, Fate fate) {
    return fmt::format(
        "{} | {} | {} | {}\n", place_text(target, threads), workload, schedule_text(schedule),
        fate == Fate::timed ? fmt::format("{:.4f}", score) : std::string(fate_text(fate)));
}

std::map<std::string, std::vector<Tried>> read_trials(std::string_view text, const Target &target,
                                                      int threads) {
    std::map<std::string, std::vector<Tried>> trials;
    const std::string place = place_text(target, threads) + " | ";
    constexpr std::string_view bar = " | ";
    // A line without its end was cut short, perhaps in the middle of a number.
    for (size_t end; (end = text.find('\n')) != std::string_view::npos;) {
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (!starts_with(line, place))
            continue;
        line.remove_prefix(place.size());
        const size_t first = line.find(bar), last = line.rfind(bar);
        if (first == std::string_view::npos || first == last)
            continue;
        const auto schedule = parse_schedule(
            line.substr(first + bar.size(), last - first - bar.size()), nullptr, nullptr);
        const auto score = read_score(std::string(line.substr(last + bar.size())));
        if (schedule && score)
            trials[std::string(line.substr(0, first))].push_back({*schedule, *score});
    }
    return trials;
}

} // namespace cnnc
