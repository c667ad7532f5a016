// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Networks in a forked child of this process, loaded by ORC.
#pragma once

#include "compiler/execute/answer.h"

namespace cnnc {

TimingResult measure_here(const Place &place, const std::vector<const Library *> &libraries,
                          const Call &call);

} // namespace cnnc
