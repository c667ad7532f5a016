// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Running and timing, in a child of this process and in a program of its own: the same results and
// the same kinds of problems.
#include "tests/execute/fake_library.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

using Kind = RunProblem::Kind;

class Run : public testing::TestWithParam<const char *> {
  protected:
    Workshop shop_;

    Place place() const { return place_behind(GetParam()); }
    bool in_child() const { return *GetParam() == 0; }
    RunResult run(const std::string &body, Place where) const {
        return run_library(where, fake_library(shop_, "net", body), fake_call());
    }
    RunResult run(const std::string &body) const { return run(body, place()); }
};

INSTANTIATE_TEST_SUITE_P(Places, Run, testing::Values("", "env"), [](const auto &info) {
    return std::string(*info.param ? "Program" : "Child");
});

TEST_P(Run, GivesOutputs) {
    const RunResult result = run("for (int i = 0; i < 4; i++) out[i] = 2 * in[i]; return 0;");
    ASSERT_FALSE(result.problem) << result.problem.message;
    ASSERT_EQ(result.outputs.size(), 1u);
    EXPECT_EQ(floats(result.outputs[0]), (std::vector<float>{2, 4, 6, 8}));
}

TEST_P(Run, ErrorsOfTheNetworkAreRefusals) {
    RunProblem problem = run("return 10;").problem;
    EXPECT_EQ(problem.kind, Kind::refused);
    EXPECT_EQ(problem.message, "net_run returned 10: fake words");
    NetworkCall call = fake_call();
    call.threads = 13;
    problem = run_library(place(), fake_library(shop_, "net", "return 0;"), call).problem;
    EXPECT_EQ(problem.kind, Kind::refused);
    EXPECT_EQ(problem.message, "net_create returned 6: no threads");
}

TEST_P(Run, CrashesAreToldWithTheSignalAndTheLastWords) {
    const RunProblem problem = run("fprintf(stderr, \"last words\\n\"); raise(SIGSEGV);"
                                   "return 0;")
                                   .problem;
    EXPECT_EQ(problem.kind, Kind::crashed);
    EXPECT_NE(problem.message.find("ended by signal 11 (Segmentation fault)"), std::string::npos)
        << problem.message;
    EXPECT_NE(problem.message.find(":\nlast words"), std::string::npos) << problem.message;
}

TEST_P(Run, AnEndWithoutAnAnswerIsACrash) {
    EXPECT_EQ(run("_exit(0);").problem.kind, Kind::crashed);
    const RunProblem problem = run("_exit(3);").problem;
    EXPECT_EQ(problem.kind, Kind::crashed);
    EXPECT_NE(problem.message.find("ended with exit code 3"), std::string::npos) << problem.message;
}

TEST_P(Run, HangsAreEnded) {
    const Library library = fake_library(shop_, "net", "for (;;) sleep(1);");
    Place where = place();
    where.timeout_seconds = 3; // enough to link
    const RunProblem problem = run_library(where, library, fake_call()).problem;
    EXPECT_EQ(problem.kind, Kind::timed_out);
    EXPECT_NE(problem.message.find("did not finish within 3 s"), std::string::npos)
        << problem.message;
}

TEST_P(Run, WhatCannotBeLinkedIsUnavailable) {
    const RunProblem problem = run("extern int nowhere(void); return nowhere();").problem;
    EXPECT_EQ(problem.kind, Kind::unavailable);
    EXPECT_NE(problem.message.find("cannot be linked"), std::string::npos) << problem.message;
    EXPECT_NE(problem.message.find("nowhere"), std::string::npos) << problem.message;
}

TEST_P(Run, TimesLibrariesByTurns) {
    const Library fast = fake_library(shop_, "fast", "out[0] = 1; usleep(1000); return 0;");
    const Library slow = fake_library(shop_, "slow", "out[0] = 2; usleep(4000); return 0;");
    TimingPlan plan;
    plan.rounds = 3;
    plan.seconds = 0.03;
    plan.steps = plan.peak = plan.bandwidth = true;
    const TimingResult result = time_libraries(place(), {&fast, &slow}, fake_call(), plan);
    ASSERT_FALSE(result.problem) << result.problem.message;
    ASSERT_EQ(result.libraries.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
        const LibraryTimes &times = result.libraries[i];
        const double least = i == 0 ? 1e-3 : 4e-3;
        EXPECT_GE(times.runs, 3);
        EXPECT_GE(times.min_seconds, least);
        EXPECT_GE(times.median_seconds, times.min_seconds);
        ASSERT_EQ(times.round_seconds.size(), 3u);
        for (const double seconds : times.round_seconds)
            EXPECT_GE(seconds, times.min_seconds);
        ASSERT_EQ(times.step_seconds.size(), 1u);
        EXPECT_GT(times.step_seconds[0], 4e-4);
        EXPECT_LE(times.step_seconds[0], 1e-3);
        ASSERT_EQ(times.outputs.size(), 1u);
        EXPECT_EQ(floats(times.outputs[0])[0], float(i + 1));
    }
    EXPECT_EQ(result.peak_gflops.size(), 3u);
    for (const double gflops : result.peak_gflops)
        EXPECT_GT(gflops, 0.01);
    ASSERT_EQ(result.bytes_per_second.size(), size_t(bandwidth_sizes));
    for (const double rate : result.bytes_per_second)
        EXPECT_GT(rate, 1e6);
}

TEST_P(Run, AProblemNamesTheLibraryItCameFrom) {
    const Library good = fake_library(shop_, "good", "return 0;");
    const Library bad = fake_library(shop_, "bad", "return runs < 5 ? 0 : 10;");
    TimingPlan plan;
    plan.rounds = 4;
    plan.seconds = 0;
    TimingResult result = time_libraries(place(), {&good, &bad}, fake_call(), plan);
    EXPECT_FALSE(result.problem) << result.problem.message; // five runs, with the one for warmth
    plan.rounds = 5;
    result = time_libraries(place(), {&good, &bad}, fake_call(), plan);
    EXPECT_EQ(result.problem.kind, Kind::refused);
    EXPECT_EQ(result.last_library, 1);
    EXPECT_EQ(result.libraries[0].round_seconds.size(), 5u);
    EXPECT_EQ(result.libraries[1].round_seconds.size(), 4u);
}

TEST_P(Run, ColdWeightsAreTheSameWeights) {
    Library library = fake_library(
        shop_, "net", "extern const char net_weights[]; out[0] = net_weights[100000]; return 0;");
    library.objects.push_back(
        {"weights.o", shop_.compile("__attribute__((visibility(\"hidden\"))) "
                                    "const char net_weights[200000] = {[100000] = 42};")});
    library.weights_member = 1;
    library.weights_symbol = "net_weights";
    library.weights_bytes = 200000;
    TimingPlan plan;
    plan.seconds = 0.01;
    plan.cold_weights = true;
    const TimingResult result = time_libraries(place(), {&library}, fake_call(), plan);
    ASSERT_FALSE(result.problem) << result.problem.message;
    EXPECT_EQ(floats(result.libraries[0].outputs[0])[0], 42);
}

} // namespace
} // namespace cnnc
