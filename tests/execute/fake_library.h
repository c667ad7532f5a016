// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries whose functions are written in C, for what real ones do not do.
#pragma once

#include "compiler/execute/execute.h"
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

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

// Tests of runners: all temporary folders, also those of the other side, lie in one place, in
// which nothing is left.
class BehindRunner : public testing::Test {
  protected:
    using Kind = RunProblem::Kind;
    Workshop shop_;

    void SetUp() override;
    void TearDown() override;
    bool nothing_left() const;
    RunResult run(const std::string &runner, const std::string &body = "out[0] = 7; return 0;",
                  double timeout = 60) const;
    // `words` are part of the message.
    static void expect(const RunResult &result, Kind kind, const std::string &words);
};

} // namespace cnnc
