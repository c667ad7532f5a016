// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random legal schedules for property tests, drawn from the families' own declarations.
#pragma once

#include "schedules/family.h"

#include <cstdint>

namespace cnnc {

// A schedule of `family` (which must fit) with schedule_problem() == "". Equal seeds give equal
// schedules. Tiles stay below some hundred vectors: all of a tile is unrolled.
Schedule random_schedule(const Family &family, const Workload &workload, const Machine &machine,
                         uint64_t seed);

} // namespace cnnc
