// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which schedule a layer gets: an override, a record of a .sched file, or its family's default
// model.
//
// A .sched file is text, one record a line, five fields between bars:
//
//     TARGET [CPU] | WORKLOAD | SCHEDULE | MILLISECONDS | HOW IT WAS MEASURED
//
// Lines that are empty or start with # are comments. A line that does not parse or fit is reported
// and skipped, never fatal.
#pragma once

#include "schedules/family.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

struct ScheduleRecord {
    Target target;        // with the CPU
    std::string workload; // canonical text
    Workload shape;       // what it reads
    Schedule schedule;
    double milliseconds = 0;
    std::string provenance;
    std::string source;   // "file:line"
    bool shipped = false; // comes with cnnc: gives way to the user's, whatever its time
};

std::string record_text(const ScheduleRecord &record); // one line, without its newline

// `LAYER: EXPR` of the command line. LAYER is a kernel's name, or ends in * for a prefix.
struct ScheduleOverride {
    std::string layer;
    std::string expression;
    bool matches(std::string_view kernel_name) const;
};

struct ScheduleBook {
    std::vector<ScheduleOverride> overrides; // the last that matches counts
    std::vector<ScheduleRecord> records;
};

// Adds the records of a file's text. Returns "file:line: problem" per line that was skipped.
std::vector<std::string> read_records(std::string_view text, const std::string &path,
                                      ScheduleBook &book);
// Adds the records that come with cnnc.
void add_shipped_records(ScheduleBook &book);

struct ScheduleChoice {
    Schedule schedule;
    // "override", "record net.sched:3", "near record net.sched:9", "adapted from net.sched:4",
    // "default"
    std::string origin;
    std::string problem; // an override that cannot be used: why; `schedule` is the default then
};

// Whether a schedule measured for one target says much about the other: vectors of the same kind,
// or GPUs of the same kind.
bool similar_machines(const Target &a, const Target &b);

// override -> record of this very target and CPU -> record of a target with the same vectors ->
// record of a near shape, made to fit, unless it would cost more than the default -> default model.
ScheduleChoice choose_schedule(std::string_view kernel_name, const Workload &workload,
                               const Target &target, const ScheduleBook &book);

} // namespace cnnc
