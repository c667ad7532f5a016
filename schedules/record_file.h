// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files of records as a whole: put together, thinned out, brought up to date.
#pragma once

#include "schedules/choose.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// What two records must agree in to be about the same: target, CPU and workload.
std::string record_key(const ScheduleRecord &record);

// The fastest record of each key, in the order of target, CPU, anchor and workload: the same
// records give the same list, in whatever order they come.
std::vector<ScheduleRecord> best_records(std::vector<ScheduleRecord> records);

// Those without which a layer would get another schedule. A record of what the default model says
// is one of them where, without it, the record of a near shape would take the default's place.
std::vector<ScheduleRecord> needed_records(const std::vector<ScheduleRecord> &records);

// A file's lines.
std::string records_text(const std::vector<ScheduleRecord> &records);
// The text of a file with these records in the place of its own of the same keys, or at its end;
// all other lines, those that do not parse among them, stay as they are.
std::string with_records(std::string_view text, const std::vector<ScheduleRecord> &records);

} // namespace cnnc
