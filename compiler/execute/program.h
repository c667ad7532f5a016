// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Networks as a program of their own: the measuring loops (measure.c) and the libraries' archives,
// linked by the target's C compiler, started by a runner.
#pragma once

#include "compiler/execute/answer.h"

namespace cnnc {

TimingResult measure_elsewhere(const Place &place, const std::vector<const Library *> &libraries,
                               const Call &call);

} // namespace cnnc
