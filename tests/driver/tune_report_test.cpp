// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What `cnnc tune` says.
#include "compiler/driver/tune_report.h"

#include <gtest/gtest.h>

#include <sstream>

namespace cnnc {
namespace {

Schedule schedule() {
    return {"reduce", {{"vector", int64_t(8)}, {"along", "kept"}, {"parallel", "none"}}};
}

TaskState state() {
    TaskState t;
    t.task.layer = "fc";
    t.task.count = 2;
    t.best = schedule();
    t.base_seconds = 1.1e-3;
    t.seconds = 0.8e-3;
    t.score = 0.8;
    t.least_seconds = 0.4e-3;
    t.trials = 17;
    return t;
}

TEST(Durations, AreReadAndWritten) {
    EXPECT_EQ(parse_duration("10m"), 600);
    EXPECT_EQ(parse_duration("1h30m"), 5400);
    EXPECT_EQ(parse_duration("90s"), 90);
    EXPECT_EQ(parse_duration("45"), 45);
    EXPECT_EQ(parse_duration("0.5m"), 30);
    for (const char *bad : {"", "m", "10x", "10 m", "-5m", "1h30", "0", "soon", "1e99h", "nan"})
        EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
    EXPECT_EQ(duration_text(0), "0:00");
    EXPECT_EQ(duration_text(545), "9:05");
    EXPECT_EQ(duration_text(3723), "1:02:03");
}

TEST(TuneTable, AddsLayersUp) {
    TuneResult result;
    result.tasks = {state()};
    result.tasks.push_back(state());
    result.tasks.back().base_seconds = 0; // never measured
    EXPECT_EQ(tune_table(result),
              "LAYER  LAYERS  DEFAULT MS  BEST MS   GAIN  ROOFLINE  TRIALS  SCHEDULE\n"
              "--------------------------------------------------------------------------------\n"
              "fc          2      1.0000   0.8000  1.25x       50%      17  "
              "reduce(vector=8, along=kept, parallel=none)\n"
              "\nAll layers: 1.6 ms, with the default schedules 2 ms: 1.25x\n");
}

TEST(TuneReport, OneLinePerImprovementWithoutATerminal) {
    std::istringstream in;
    std::ostringstream out, err;
    Console console{in, out, err};
    TuneReport report(console, 60, 0);
    report.progress(state(), {10, 3});
    EXPECT_EQ(err.str(), "");
    report.improved(state());
    EXPECT_EQ(err.str(), "fc: 800 us, 1.25x the default's speed, 50% of the roofline, after 17 "
                         "trials: reduce(vector=8, along=kept, parallel=none)\n");
    EXPECT_EQ(out.str(), "");
}

TEST(TuneReport, OneLineThatIsWrittenOverOnATerminal) {
    std::istringstream in;
    std::ostringstream out, err;
    Console console{in, out, err};
    console.progress = true;
    {
        TuneReport report(console, 60, 0);
        report.progress(state(), {10, 3});
        report.improved(state());
        EXPECT_EQ(err.str(), "\r\033[K0:50 left; fc: 800 us, 1.25x the default, 50% of roofline, "
                             "17 trials");
        err.str("");
        console.columns = [] { return 30; };
        report.progress(state(), {70, 3});
        EXPECT_EQ(err.str(), "\r\033[K0:00 left; fc: 800 us, 1.25");
        err.str("");
        report.say("a line");
        EXPECT_EQ(err.str(), "\r\033[Ka line\n");
        report.progress(state(), {10, 3});
        err.str("");
    }
    EXPECT_EQ(err.str(), "\r\033[K");
}

TEST(TuneReport, FailuresCanBeSeenAgain) {
    NetworkArguments network;
    network.file = "net.cnn";
    CompileArguments compile;
    PlaceArguments place;
    EXPECT_EQ(verify_command(network, compile, place, "fc", schedule()),
              "cnnc verify net.cnn --random-weights 1 --schedule 'fc: reduce(vector=8, along=kept, "
              "parallel=none)'");
    compile.target = "arm64";
    compile.cpu = "cortex-a72";
    place.runner = "ssh board";
    const std::string command = verify_command(network, compile, place, "fc", schedule());
    EXPECT_EQ(command, "cnnc verify net.cnn --random-weights 1 --target arm64 --cpu cortex-a72 "
                       "--runner 'ssh board' --schedule 'fc: reduce(vector=8, along=kept, "
                       "parallel=none)'");
    Verdict verdict;
    verdict.fate = Fate::wrong;
    verdict.message = "element 3 of 10 is 0, not 1 (tolerance 1e-05)";
    EXPECT_EQ(failure_text("fc", schedule(), verdict, "COMMAND"),
              "cnnc: warning: fc: reduce(vector=8, along=kept, parallel=none) computes something "
              "else: element 3 of 10 is 0, not 1 (tolerance 1e-05)\n    COMMAND");
    verdict.fate = Fate::crashed;
    verdict.message = "ended by signal 11 (Segmentation fault)";
    EXPECT_EQ(failure_text("fc", schedule(), verdict, "COMMAND"),
              "cnnc: warning: fc: reduce(vector=8, along=kept, parallel=none) crashed: ended by "
              "signal 11 (Segmentation fault)\n    COMMAND");
}

} // namespace
} // namespace cnnc
