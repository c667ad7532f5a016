// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How alike two workloads are to a schedule: what was measured for one may serve the other.
#pragma once

#include "schedules/choose.h"

#include <optional>
#include <vector>

namespace cnnc {

// The sum over the extents that schedules are argued from (channels in and out, pixels of a row,
// rows, window, stride, or what the operator has instead) of |log2(a / b)|: 1 for a layer that has
// twice the channels of another. Nothing for different operators or memory orders.
std::optional<double> workload_distance(const Workload &a, const Workload &b);

// Beyond this, a record of another shape is not taken for a layer: two extents doubled, say.
constexpr double near_shape = 2;

struct NearRecord {
    const ScheduleRecord *record = nullptr;
    double distance = 0;
    Schedule schedule; // the record's, its parameters made legal here
};
// Records of other shapes, for this target or one with the same vectors, nearest first; at most
// `most`, no further than `limit`.
std::vector<NearRecord> near_records(const Workload &workload, const Target &target,
                                     const ScheduleBook &book, double limit, size_t most);

} // namespace cnnc
