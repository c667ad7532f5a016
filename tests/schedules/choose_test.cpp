// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where a layer's schedule comes from: overrides, records of .sched files, the default model.
#include "schedules/choose.h"

#include "schedules/near.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace cnnc {
namespace {

const char *const linear = "linear(40, bias=true) f32[1, 84] -> f32[1, 40]";
const char *const avx2 = "x86-64-linux-avx-avx2-f16c-fma-sse41";

Target target(const char *text, const char *cpu = "") {
    Target t = parse_target(text, nullptr).value();
    t.cpu = cpu;
    return t;
}

Workload workload() {
    return parse_workload(linear).value();
}

ScheduleBook book_of(const std::string &text) {
    ScheduleBook book;
    EXPECT_EQ(read_records(text, "net.sched", book), std::vector<std::string>());
    return book;
}

std::string record(const char *target_, const char *schedule, const char *milliseconds) {
    return fmt::format("{} | {} | {} | {} | by hand\n", target_, linear, schedule, milliseconds);
}

ScheduleChoice choose(const ScheduleBook &book, const Target &t = target(avx2)) {
    return choose_schedule("fc", workload(), t, book);
}

Schedule default_of(const char *target_) {
    return default_schedule(workload(), machine_for(target(target_)));
}

TEST(Choose, TheModelWhereNothingElseIsKnown) {
    const ScheduleChoice choice = choose({});
    EXPECT_EQ(choice.schedule, default_of(avx2));
    EXPECT_EQ(choice.origin, "default");
    EXPECT_EQ(choice.problem, "");
}

TEST(Choose, AnExactRecord) {
    const ScheduleChoice choice =
        choose(book_of("# a comment\n\n" + record(avx2, "gemm(tile_n=8, vector=8)", "0.5")));
    EXPECT_EQ(choice.schedule.integer("tile_n"), 8);
    EXPECT_EQ(choice.origin, "record net.sched:3");
}

TEST(Choose, TheFastestOfSeveral) {
    const ScheduleChoice choice =
        choose(book_of(record(avx2, "gemm(tile_n=8, vector=8)", "0.5") +
                       record(avx2, "gemm(tile_n=16, vector=8)", "0.25") +
                       record(avx2, "gemm(tile_n=24, vector=8)", "0.75")));
    EXPECT_EQ(choice.schedule.integer("tile_n"), 16);
    EXPECT_EQ(choice.origin, "record net.sched:2");
}

// The same vectors, another CPU: better than nothing, but not than the very machine's record.
TEST(Choose, ANearRecordBehindAnExactOne) {
    const std::string near =
        record((std::string(avx2) + " haswell").c_str(), "gemm(tile_n=8, vector=8)", "0.1");
    const std::string exact = record(avx2, "gemm(tile_n=16, vector=8)", "0.9");
    EXPECT_EQ(choose(book_of(near)).origin, "near record net.sched:1");
    EXPECT_EQ(choose(book_of(near)).schedule.integer("tile_n"), 8);
    EXPECT_EQ(choose(book_of(near + exact)).origin, "record net.sched:2");
    EXPECT_EQ(choose(book_of(near + exact), target(avx2, "haswell")).origin, "record net.sched:1");
}

TEST(Choose, RecordsOfOtherVectorsOrLayersSayNothing) {
    const std::string sse = record("x86-64-linux-sse41", "gemm(tile_n=4, vector=4)", "0.1");
    const std::string avx512 = record("x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41",
                                      "gemm(tile_n=16, vector=16)", "0.1");
    const std::string arm = record("arm-64-linux", "gemm(tile_n=4, vector=4)", "0.1");
    const std::string other = fmt::format("{} | linear(40, bias=false) f32[1, 84] -> f32[1, 40] | "
                                          "gemm(tile_n=8, vector=8) | 0.1 | by hand\n",
                                          avx2);
    EXPECT_EQ(choose(book_of(sse + avx512 + arm + other)).origin, "default");
}

// Another shape's record, where the arithmetic does not call it worse than the default.
TEST(Choose, ARecordOfANearShape) {
    const std::string avx2_linear = fmt::format("{} | linear(80, bias=true) f32[1, 84] -> "
                                                "f32[1, 80] | {{}} | 0.1 | by hand\n",
                                                avx2);
    const Schedule fallback = default_of(avx2);
    const ScheduleBook good =
        book_of(fmt::format(fmt::runtime(avx2_linear), schedule_text(fallback)));
    EXPECT_EQ(choose(good).origin, "adapted from net.sched:1");
    // One lane at a time: slower than the default, whoever measured it.
    const ScheduleBook bad =
        book_of(fmt::format(fmt::runtime(avx2_linear), "gemm(vector=1, tile_n=1)"));
    EXPECT_EQ(choose(bad).origin, "default");
    // Tiles that this layer is too small for are cut to it.
    const ScheduleBook wide = book_of(fmt::format(
        fmt::runtime(avx2_linear), "gemm(vector=8, tile_n=80, tile_m=1, prefetch=2048, unroll=4)"));
    const ScheduleChoice choice = choose(wide);
    EXPECT_EQ(schedule_problem(workload(), machine_for(target(avx2)), choice.schedule), "");
    // Far away is not near.
    const ScheduleBook far = book_of(fmt::format("{} | linear(1000, bias=true) f32[1, 84] -> "
                                                 "f32[1, 1000] | {} | 0.1 | by hand\n",
                                                 avx2, schedule_text(fallback)));
    EXPECT_EQ(choose(far).origin, "default");
}

TEST(Near, DistancesAreRatiosOfExtents) {
    auto distance = [](const char *a, const char *b) {
        return workload_distance(parse_workload(a).value(), parse_workload(b).value());
    };
    EXPECT_EQ(distance(linear, linear), 0);
    EXPECT_EQ(distance(linear, "linear(80, bias=true) f32[1, 84] -> f32[1, 80]"), 1);
    EXPECT_EQ(distance(linear, "linear(20, bias=true) f32[1, 42] -> f32[1, 20]"), 2);
    EXPECT_EQ(distance(linear, "softmax(dim=1) f32[1, 10] -> f32[1, 10]"), std::nullopt);
}

TEST(Choose, AnOverrideBeforeRecords) {
    ScheduleBook book = book_of(record(avx2, "gemm(tile_n=8, vector=8)", "0.5"));
    book.overrides = {{"fc", "gemm(tile_n=16)"}};
    const ScheduleChoice choice = choose(book);
    EXPECT_EQ(choice.origin, "override");
    EXPECT_EQ(choice.problem, "");
    // What an override does not name comes from the model.
    Schedule expected = default_of(avx2);
    expected.set("tile_n", int64_t(16));
    EXPECT_EQ(choice.schedule, expected);
}

TEST(Choose, TheLastOverrideThatMatches) {
    ScheduleBook book;
    book.overrides = {
        {"*", "gemm(tile_n=8)"}, {"f*", "gemm(tile_n=16)"}, {"g*", "gemm(tile_n=24)"}};
    EXPECT_EQ(choose(book).schedule.integer("tile_n"), 16);
    book.overrides = {{"other", "gemm(tile_n=8)"}};
    EXPECT_EQ(choose(book).origin, "default");
}

TEST(Choose, AnOverrideThatCannotBeUsedIsReported) {
    ScheduleBook book = book_of(record(avx2, "gemm(tile_n=8, vector=8)", "0.5"));
    const std::pair<const char *, const char *> cases[] = {
        {"gem(tile_n=8)", "no schedule family is called `gem`; did you mean `gemm`?"},
        {"gemm(tile_n=7)", "`tile_n` is 7, not a multiple of `vector` = 8"},
        {"reduce()", "family `reduce` cannot compute this layer"},
    };
    for (const auto &[expression, problem] : cases) {
        book.overrides = {{"fc", expression}};
        const ScheduleChoice choice = choose(book);
        EXPECT_EQ(choice.problem, problem);
        EXPECT_EQ(choice.schedule, default_of(avx2));
        EXPECT_EQ(choice.origin, "default");
    }
}

TEST(Override, MatchesNamesAndPrefixes) {
    auto matches = [](const char *layer, const char *name) {
        return ScheduleOverride{layer, ""}.matches(name);
    };
    EXPECT_TRUE(matches("fc", "fc"));
    EXPECT_FALSE(matches("fc", "fc1"));
    EXPECT_FALSE(matches("fc1", "fc"));
    EXPECT_TRUE(matches("layer1*", "layer1.0.conv1"));
    EXPECT_TRUE(matches("layer1*", "layer1"));
    EXPECT_FALSE(matches("layer1*", "layer2"));
    EXPECT_FALSE(matches("layer1*", "layer"));
    EXPECT_TRUE(matches("*", ""));
    EXPECT_FALSE(matches("", "fc"));
}

TEST(Records, TextReadsBack) {
    const std::string line = fmt::format("{} haswell | {} | gemm(tile_n=8, vector=8) | 0.125 | run "
                                         "of 2024-05-01, LLVM 14",
                                         avx2, linear);
    const ScheduleBook first = book_of(line);
    ASSERT_EQ(first.records.size(), 1u);
    const ScheduleRecord &r = first.records[0];
    EXPECT_EQ(r.target, target(avx2, "haswell"));
    EXPECT_EQ(r.workload, linear);
    EXPECT_EQ(r.milliseconds, 0.125);
    EXPECT_EQ(r.provenance, "run of 2024-05-01, LLVM 14");
    EXPECT_EQ(r.source, "net.sched:1");
    const ScheduleBook second = book_of(record_text(r));
    ASSERT_EQ(second.records.size(), 1u);
    EXPECT_EQ(record_text(second.records[0]), record_text(r));
    EXPECT_EQ(second.records[0].schedule, r.schedule);
}

// Every bad line is reported with its number and skipped; the good one stays.
TEST(Records, BadLinesAreReportedAndSkipped) {
    const std::pair<std::string, const char *> lines[] = {
        {"nonsense", "1 field where a record has 5"},
        {"a\x01\xff\x1b[31m | x | y | z | w",
         "unknown target `a\uFFFD\uFFFD\uFFFD[31m`; `cnnc targets` lists them"},
        {fmt::format("{} | {} | gemm() | 1 | a | b", avx2, linear),
         "6 fields where a record has 5"},
        {fmt::format("x86-64-linux-avx3 | {} | gemm() | 1 | a", linear),
         "unknown feature `avx3`; did you mean `avx`?"},
        {fmt::format("{} | linear(40) | gemm() | 1 | a", avx2), "the second field is no workload"},
        {fmt::format("{} | {} | gem() | 1 | a", avx2, linear),
         "no schedule family is called `gem`; did you mean `gemm`?"},
        {fmt::format("{} | {} | gemm(vector=8, tile_n=4) | 1 | a", avx2, linear),
         "`tile_n` is 4, not a multiple of `vector` = 8"},
        {fmt::format(
             "{} | linear(2, bias=false) f32[1, 2, 2, 2, 2, 2]@[99999, 2, 5, 11, 23, 49] -> "
             "f32[1, 2] | gemm() | 1 | a",
             avx2),
         "family `gemm` cannot compute this layer"},
        {fmt::format("{} | {} | gemm() | fast | a", avx2, linear),
         "`fast` is no time in milliseconds"},
        {fmt::format("{} | {} | gemm() | 1 s | a", avx2, linear),
         "`1 s` is no time in milliseconds"},
        {fmt::format("{} | {} | gemm() | 0 | a", avx2, linear), "`0` is no time in milliseconds"},
        {fmt::format("{} | {} | gemm() | nan | a", avx2, linear),
         "`nan` is no time in milliseconds"},
        {fmt::format("{} | {} | gemm() | inf | a", avx2, linear),
         "`inf` is no time in milliseconds"},
    };
    std::string text;
    std::vector<std::string> expected;
    for (const auto &[line, problem] : lines) {
        text += line + "\n";
        expected.push_back(fmt::format("net.sched:{}: {}", expected.size() + 1, problem));
    }
    text += record(avx2, "gemm(tile_n=8, vector=8)", "0.5");
    ScheduleBook book;
    EXPECT_EQ(read_records(text, "net.sched", book), expected);
    ASSERT_EQ(book.records.size(), 1u);
    EXPECT_EQ(book.records[0].source, fmt::format("net.sched:{}", std::size(lines) + 1));
}

TEST(Records, LineEndsAndLastLinesAreTakenAsTheyCome) {
    ScheduleBook book;
    const std::string line = record(avx2, "gemm(tile_n=8, vector=8)", "0.5");
    const std::string without_end = line.substr(0, line.size() - 1);
    EXPECT_TRUE(
        read_records("\r\n# c\r\n" + without_end + "\r\n" + without_end, "f", book).empty());
    ASSERT_EQ(book.records.size(), 2u);
    EXPECT_EQ(book.records[1].source, "f:4");
    EXPECT_EQ(book.records[1].provenance, "by hand");
    EXPECT_TRUE(read_records("", "f", book).empty());
}

} // namespace
} // namespace cnnc
