// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/choose.h"

#include "dsl/diagnostics.h"
#include "schedules/cost.h"
#include "schedules/near.h"
#include "schedules/shipped.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace cnnc {

namespace {

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && std::isspace((unsigned char)s.front()))
        s.remove_prefix(1);
    while (!s.empty() && std::isspace((unsigned char)s.back()))
        s.remove_suffix(1);
    return s;
}

std::vector<std::string_view> fields(std::string_view line) {
    std::vector<std::string_view> parts;
    for (;;) {
        size_t bar = line.find('|');
        parts.push_back(trimmed(line.substr(0, bar)));
        if (bar == std::string_view::npos)
            return parts;
        line.remove_prefix(bar + 1);
    }
}

// What is wrong with the line, or "" after filling `record`.
std::string read_record(std::string_view line, ScheduleRecord &record) {
    std::vector<std::string_view> part = fields(line);
    if (part.size() != 5)
        return fmt::format("{} field{} where a record has 5", part.size(),
                           part.size() == 1 ? "" : "s");
    std::string_view target = part[0], cpu;
    if (size_t space = target.find(' '); space != std::string_view::npos) {
        cpu = trimmed(target.substr(space));
        target = target.substr(0, space);
    }
    std::string problem;
    std::optional<Target> parsed = parse_target(target, &problem);
    if (!parsed)
        return problem;
    record.target = *parsed;
    record.target.cpu = std::string(cpu);
    std::optional<Workload> workload = parse_workload(part[1]);
    if (!workload)
        return "the second field is no workload";
    record.workload = workload_text(*workload);
    record.shape = *workload;
    std::optional<Schedule> schedule = parse_schedule(part[2], nullptr, &problem);
    if (!schedule)
        return problem;
    record.schedule = *schedule;
    problem = schedule_problem(*workload, machine_for(record.target), *schedule);
    if (!problem.empty())
        return problem;
    std::string time(part[3]);
    char *end = nullptr;
    record.milliseconds = std::strtod(time.c_str(), &end);
    if (end == time.c_str() || *end != 0 || !(record.milliseconds > 0) ||
        !std::isfinite(record.milliseconds))
        return fmt::format("`{}` is no time in milliseconds", time);
    record.provenance = std::string(part[4]);
    return "";
}

bool same_machine(const Target &a, const Target &b) {
    return a == b;
}

bool better(const ScheduleRecord &a, const ScheduleRecord &b) {
    return a.shipped != b.shipped ? b.shipped : a.milliseconds < b.milliseconds;
}

const ScheduleRecord *fastest(const std::string &workload, const ScheduleBook &book,
                              bool (*fits)(const Target &, const Target &), const Target &target) {
    const ScheduleRecord *best = nullptr;
    for (const ScheduleRecord &record : book.records)
        if (record.workload == workload && fits(record.target, target) &&
            (!best || better(record, *best)))
            best = &record;
    return best;
}

// A record of another shape, where the arithmetic does not speak against it.
std::optional<ScheduleChoice> adapted_choice(const Workload &workload, const Target &target,
                                             const Schedule &fallback, const ScheduleBook &book) {
    const Machine machine = machine_for(target);
    const int threads = machine.cores;
    for (const NearRecord &near : near_records(workload, target, book, near_shape, 3))
        if (estimate_cost(workload, machine, near.schedule, threads).cycles <=
            estimate_cost(workload, machine, fallback, threads).cycles)
            return ScheduleChoice{near.schedule, "adapted from " + near.record->source, ""};
    return std::nullopt;
}

} // namespace

// What a schedule's tiles depend on most.
bool similar_machines(const Target &a, const Target &b) {
    if (a.arch != b.arch || a.bits != b.bits || gpu_api(a) != gpu_api(b))
        return false;
    const Machine ma = machine_for(a), mb = machine_for(b);
    if (ma.gpu)
        return ma.gpu->shared_bytes == mb.gpu->shared_bytes &&
               ma.gpu->threads_per_block == mb.gpu->threads_per_block;
    return ma.vector_bytes == mb.vector_bytes && ma.vector_registers == mb.vector_registers &&
           ma.fma == mb.fma;
}

std::string record_text(const ScheduleRecord &r) {
    return fmt::format("{}{}{} | {} | {} | {:.6g} | {}", target_text(r.target),
                       r.target.cpu.empty() ? "" : " ", r.target.cpu, r.workload,
                       schedule_text(r.schedule), r.milliseconds, r.provenance);
}

bool ScheduleOverride::matches(std::string_view name) const {
    if (!layer.empty() && layer.back() == '*')
        return name.substr(0, layer.size() - 1) ==
               std::string_view(layer).substr(0, layer.size() - 1);
    return name == layer;
}

std::vector<std::string> read_records(std::string_view text, const std::string &path,
                                      ScheduleBook &book) {
    std::vector<std::string> remarks;
    for (int number = 1; !text.empty(); ++number) {
        size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#')
            continue;
        ScheduleRecord record;
        record.source = fmt::format("{}:{}", path, number);
        std::string problem = read_record(line, record);
        if (problem.empty())
            book.records.push_back(std::move(record));
        else
            remarks.push_back(fmt::format("{}: {}", record.source, printable(problem)));
    }
    return remarks;
}

void add_shipped_records(ScheduleBook &book) {
    const size_t before = book.records.size();
    for (const ShippedFile &file : shipped_files())
        read_records(file.text, std::string(file.name),
                     book); // those of older releases may not fit
    for (size_t i = before; i < book.records.size(); ++i)
        book.records[i].shipped = true;
}

ScheduleChoice choose_schedule(std::string_view kernel_name, const Workload &workload,
                               const Target &target, const ScheduleBook &book) {
    Machine machine = machine_for(target);
    ScheduleChoice choice{default_schedule(workload, machine), "default", ""};
    for (auto it = book.overrides.rbegin(); it != book.overrides.rend(); ++it) {
        if (!it->matches(kernel_name))
            continue;
        std::optional<Schedule> schedule =
            parse_schedule(it->expression, &choice.schedule, &choice.problem);
        if (schedule)
            choice.problem = schedule_problem(workload, machine, *schedule);
        if (schedule && choice.problem.empty()) {
            choice.schedule = *schedule;
            choice.origin = "override";
        }
        return choice;
    }
    if (book.records.empty())
        return choice;
    std::string text = workload_text(workload);
    const ScheduleRecord *record = fastest(text, book, same_machine, target);
    bool exact = record != nullptr;
    if (!record)
        record = fastest(text, book, similar_machines, target);
    if (record && schedule_problem(workload, machine, record->schedule).empty()) {
        choice.schedule = record->schedule;
        choice.origin = (exact ? "record " : "near record ") + record->source;
        return choice;
    }
    auto adapted = adapted_choice(workload, target, choice.schedule, book);
    return adapted ? *adapted : choice;
}

} // namespace cnnc
