// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries whose functions are written in C, for what real ones do not do.
#pragma once

#include "compiler/execute/execute.h"
#include "tests/codegen/workshop.h"

namespace cnnc {

// A network of one step with one input and one output of four floats. `body` is what it does in a
// run: it has `in`, `out` and `runs` (before this one), and returns 0 for success. The step takes
// a millisecond of the clock that it reports.
Library fake_library(const Workshop &shop, const std::string &prefix, const std::string &body);

NetworkCall fake_call(); // with 1 2 3 4
std::vector<float> floats(const Bytes &bytes);

Place place_here();
// This machine as well, but as a program behind a runner.
Place place_behind(const std::string &runner);

} // namespace cnnc
