// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/driver/tune_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ostream>

namespace cnnc {
namespace {

std::string roofline_text(const TaskState &state) {
    if (state.least_seconds <= 0 || state.seconds <= 0)
        return "";
    return fmt::format("{:.0f}%", 100 * state.least_seconds / state.seconds);
}

std::string best_text(const TaskState &state) {
    std::string text = fmt::format("{}, {} the default's speed", seconds_text(state.seconds),
                                   gain_text(state.score));
    if (const std::string roofline = roofline_text(state); !roofline.empty())
        text += fmt::format(", {} of the roofline", roofline);
    return text;
}

// What fits a line of a terminal.
std::string line_text(const TaskState &state) {
    if (state.seconds <= 0)
        return state.task.layer + ": measuring the default";
    std::string text = fmt::format("{}: {}, {} the default", state.task.layer,
                                   seconds_text(state.seconds), gain_text(state.score));
    if (const std::string roofline = roofline_text(state); !roofline.empty())
        text += fmt::format(", {} of roofline", roofline);
    return text + fmt::format(", {} trials", state.trials);
}

// A number that ends a duration, or its unit does; 0 where there is none.
double unit_seconds(char c) {
    return c == 'h' ? 3600 : c == 'm' ? 60 : c == 's' ? 1 : 0;
}

} // namespace

TuneReport::TuneReport(Console &console, double budget, int trials)
    : console_(console), budget_(budget), trials_(trials) {}

TuneReport::~TuneReport() {
    if (shown_)
        write_over(console_, "");
}

void TuneReport::progress(const TaskState &state, const TuneProgress &progress) {
    if (!console_.progress)
        return;
    const std::string left = trials_ > 0 ? fmt::format("{} trials", trials_ - progress.trials)
                                         : duration_text(std::max(0.0, budget_ - progress.elapsed));
    write_over(console_, fmt::format("{} left; {}", left, line_text(state)));
    shown_ = true;
}

void TuneReport::improved(const TaskState &state) {
    if (console_.progress)
        return;
    console_.err << fmt::format("{}: {}, after {} trials: {}\n", state.task.layer, best_text(state),
                                state.trials, schedule_text(state.best))
                 << std::flush;
}

void TuneReport::say(const std::string &line) {
    if (shown_)
        write_over(console_, "");
    shown_ = false;
    console_.err << line << "\n" << std::flush;
}

std::string verify_command(const NetworkArguments &network, const CompileArguments &compile,
                           const PlaceArguments &place, const std::string &layer,
                           const Schedule &schedule) {
    std::string text = fmt::format("cnnc verify {} --random-weights 1", network.file);
    if (!network.network.empty())
        text += " --network " + network.network;
    for (const std::string &set : network.set)
        text += " --set " + set;
    if (compile.target != "host")
        text += " --target " + compile.target;
    if (!compile.cpu.empty())
        text += " --cpu " + compile.cpu;
    if (!place.runner.empty())
        text += fmt::format(" --runner '{}'", place.runner);
    if (!place.compiler.empty())
        text += fmt::format(" --cc '{}'", place.compiler);
    return text + fmt::format(" --schedule '{}: {}'", layer, schedule_text(schedule));
}

std::string failure_text(const std::string &layer, const Schedule &schedule, const Verdict &verdict,
                         const std::string &command) {
    const std::string_view what =
        verdict.fate == Fate::wrong ? "computes something else" : fate_text(verdict.fate);
    return fmt::format("cnnc: warning: {}: {} {}: {}\n    {}", layer, schedule_text(schedule), what,
                       verdict.message, command);
}

std::string gain_text(double score) {
    return fmt::format("{:.2f}x", 1 / score);
}

std::string tune_table(const TuneResult &result) {
    Table table({"LAYER", ">LAYERS", ">DEFAULT MS", ">BEST MS", ">GAIN", ">ROOFLINE", ">TRIALS",
                 "SCHEDULE"});
    double before = 0, after = 0;
    for (const TaskState &t : result.tasks) {
        if (t.base_seconds <= 0)
            continue;
        // The default's time as the best's was measured: the ratio is what both agree on.
        const double base = t.seconds / t.score;
        before += base * t.task.count;
        after += t.seconds * t.task.count;
        table.add({t.task.layer, fmt::format("{}", t.task.count), ms_text(base * 1e3),
                   ms_text(t.seconds * 1e3), gain_text(t.score), roofline_text(t),
                   fmt::format("{}", t.trials), schedule_text(t.best)});
    }
    std::string text = table.text();
    if (after > 0)
        text += fmt::format("\nAll layers: {:.4g} ms, with the default schedules {:.4g} ms: {}\n",
                            after * 1e3, before * 1e3, gain_text(after / before));
    return text;
}

std::optional<double> parse_duration(const std::string &text) {
    double seconds = 0;
    const char *at = text.data(), *const end = at + text.size();
    if (at == end)
        return std::nullopt;
    while (at != end) {
        double number = 0;
        const auto [next, error] = std::from_chars(at, end, number);
        const bool last = next == end;
        const double unit = last ? (at == text.data() ? 1 : 0) : unit_seconds(*next);
        if (error != std::errc() || unit == 0 || !(number >= 0) || number > 1e9)
            return std::nullopt;
        seconds += number * unit;
        at = last ? end : next + 1;
    }
    return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

std::string duration_text(double seconds) {
    const auto s = int64_t(std::llround(seconds));
    if (s >= 3600)
        return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    return fmt::format("{}:{:02}", s / 60, s % 60);
}

} // namespace cnnc
