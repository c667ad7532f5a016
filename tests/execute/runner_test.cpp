// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runners that do what they should not: what is said, and that nothing is left behind.
#include "tests/execute/fake_library.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

// Whether it comes true within a few seconds.
template <typename Condition>
bool soon(const Condition &condition) {
    for (int i = 0; i < 1000 && !condition(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
}

class Runner : public BehindRunner {
  protected:
    // An executable shell script in the folder; the program is "$1".
    std::string script(const std::string &name, const std::string &text) const {
        shop_.write(name, "#!/bin/sh\n" + text + "\n");
        fs::permissions(shop_.path(name), fs::perms::owner_all);
        return shop_.path(name);
    }
    // The process that a script has written the id of is no more.
    bool is_gone(const std::string &file) const {
        const pid_t pid = std::atoi(shop_.read(file).c_str());
        return pid > 0 && kill(pid, 0) != 0;
    }
};

TEST_F(Runner, WordsMayHaveBlanksAndQuotes) {
    const std::string runner =
        script("my runner", "[ \"$1\" = \"it's two words\" ] && exec \"$2\"");
    const RunResult result = run("'" + runner + "' \"it's two words\"");
    ASSERT_FALSE(result.problem) << result.problem.message;
    EXPECT_EQ(floats(result.outputs[0])[0], 7);
}

TEST_F(Runner, WhatItSaysBeforeTheAnswerIsSkipped) {
    const RunResult result = run(script("runner", "echo Welcome; exec \"$1\""));
    ASSERT_FALSE(result.problem) << result.problem.message;
    EXPECT_EQ(floats(result.outputs[0])[0], 7);
}

TEST_F(Runner, ThatCannotStartTheProgramIsUnavailable) {
    const std::string runner = script("runner", "echo no board is free >&2; exit $CODE");
    for (const char *code : {"1", "126", "127", "255"}) {
        setenv("CODE", code, 1);
        const RunResult result = run(runner);
        expect(result, Kind::unavailable, "did not run the program: it ended with exit code");
        expect(result, Kind::unavailable, std::string(code) + ":\nno board is free");
        expect(result, Kind::unavailable, "`" + runner + " " + shop_.path("tmp"));
    }
    unsetenv("CODE");
    expect(run("true"), Kind::unavailable, "did not run the program: it ended without an answer");
    shop_.write("headless", "#!/no/such/interpreter\n");
    fs::permissions(shop_.path("headless"), fs::perms::owner_all);
    expect(run(shop_.path("headless")), Kind::unavailable, "cannot start `");
}

TEST_F(Runner, ExitCodesOfSignalsAreCrashes) {
    expect(run(script("runner", "exit 139")), Kind::crashed,
           "the program was ended by signal 11 (Segmentation fault)");
    // As shells and srun tell of it.
    expect(run(script("runner", "\"$1\"; exit $?"), "abort();"), Kind::crashed,
           "the program was ended by signal 6 (Aborted)");
}

TEST_F(Runner, ACutOffAnswerIsAProblem) {
    const std::string runner = script("runner", "\"$1\" | head -c 60; echo lost it >&2");
    expect(run(runner), Kind::crashed, "ended in the middle of its answer:\nlost it");
}

TEST_F(Runner, ALateRunnerIsKilledWithAllItStarted) {
    const std::string runner =
        script("runner", "sleep 1000 & echo $! > " + shop_.path("pid") + "; wait");
    expect(run(runner, "return 0;", 3), Kind::timed_out, "did not finish within 3 s");
    EXPECT_TRUE(soon([&] { return is_gone("pid"); }));
}

TEST_F(Runner, WhatItLeavesBehindIsKilled) {
    const std::string runner = script("runner", "sleep 1000 > /dev/null 2>&1 & echo $! > " +
                                                    shop_.path("pid") + "; \"$1\"");
    const RunResult result = run(runner);
    EXPECT_FALSE(result.problem) << result.problem.message;
    EXPECT_TRUE(soon([&] { return is_gone("pid"); }));
}

TEST_F(Runner, NothingStaysWhenTheCallerIsKilled) {
    const std::string runner =
        script("runner", "sleep 1000 & echo $! > " + shop_.path("pid") + "; wait");
    const Library library = fake_library(shop_, "net", "return 0;");
    const pid_t caller = fork();
    if (caller == 0) {
        run_library(place_behind(runner), library, fake_call());
        _exit(0);
    }
    EXPECT_TRUE(soon([&] {
        std::error_code none;
        return fs::file_size(shop_.path("pid"), none) + 1 > 1 && !none;
    }));
    kill(caller, SIGKILL);
    waitpid(caller, nullptr, 0);
    EXPECT_TRUE(soon([&] { return is_gone("pid"); }));
    EXPECT_TRUE(soon([&] { return nothing_left(); }));
}

TEST_F(Runner, CompilersThatFailAreQuoted) {
    Place place = place_behind("env");
    const Library library = fake_library(shop_, "net", "return 0;");
    place.compiler = script("cc", "echo out of licences >&2; exit 9");
    RunResult result = run_library(place, library, fake_call());
    expect(result, Kind::unavailable, "the network cannot be linked for");
    expect(result, Kind::unavailable, "ended with exit code 9:\nout of licences");
    place.compiler = CNNC_CC " -DUNUSED='1 2'";
    result = run_library(place, library, fake_call());
    EXPECT_FALSE(result.problem) << result.problem.message;
}

TEST_F(Runner, WithoutATemporaryFolderItIsUnavailable) {
    const Library library = fake_library(shop_, "net", "return 0;");
    setenv("TMPDIR", "/proc", 1); // no one can make a folder there
    const RunResult result = run_library(place_behind("env"), library, fake_call());
    setenv("TMPDIR", shop_.path("tmp").c_str(), 1);
    expect(result, Kind::unavailable, "cannot make a folder /proc/cnnc-run-");
}

} // namespace
} // namespace cnnc
