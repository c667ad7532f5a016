// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files of records: merged the same in any order, brought up to date without touching the rest.
#include "schedules/record_file.h"

#include "schedules/shipped.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace cnnc {
namespace {

std::string line(const char *target, int features, const char *schedule, double milliseconds) {
    return fmt::format("{} | linear({}, bias=true) f32[1, 84] -> f32[1, {}] | {} | {} | by hand\n",
                       target, features, features, schedule, milliseconds);
}

std::vector<ScheduleRecord> records_of(const std::string &text) {
    ScheduleBook book;
    EXPECT_EQ(read_records(text, "f", book), std::vector<std::string>());
    return book.records;
}

const char *const small = "gemm(tile_m=1, tile_n=4, vector=4, block_m=1, order=m, unroll=1, "
                          "prefetch=0, preload=none, parallel=none)";
const char *const large = "gemm(tile_m=1, tile_n=8, vector=4, block_m=1, order=m, unroll=1, "
                          "prefetch=0, preload=none, parallel=none)";

TEST(RecordFile, MergesInAnyOrder) {
    std::vector<ScheduleRecord> records = records_of(
        line("x86-64-linux-sse41", 40, small, 0.5) + line("x86-64-linux-sse41", 40, large, 0.25) +
        line("arm-64-linux", 40, small, 0.75) +
        line("x86-64-linux-sse41 nehalem", 40, small, 0.125) +
        line("x86-64-linux-sse41", 20, small, 0.5) +
        line("x86-64-linux-sse41", 20, large, 0.5)); // as fast
    const std::string merged = records_text(best_records(records));
    EXPECT_EQ(std::count(merged.begin(), merged.end(), '\n'), 4);
    EXPECT_EQ(merged.find(line("x86-64-linux-sse41", 40, small, 0.5)), std::string::npos);
    for (int i = 0; i < 20; ++i) {
        std::next_permutation(records.begin(), records.end(),
                              [](const ScheduleRecord &a, const ScheduleRecord &b) {
                                  return record_text(a) < record_text(b);
                              });
        EXPECT_EQ(records_text(best_records(records)), merged);
    }
}

TEST(RecordFile, BringsItsOwnUpToDateAndLeavesTheRest) {
    const std::string before = "# by hand\n" + line("arm-64-linux", 40, small, 0.75) +
                               "not a record\n" + line("x86-64-linux-sse41", 40, small, 0.5) +
                               line("x86-64-linux-sse41", 40, large, 0.6); // of the same key
    const std::string now = line("x86-64-linux-sse41", 40, large, 0.25);
    const std::string added = line("x86-64-linux-sse41", 20, large, 0.125);
    const std::string after =
        "# by hand\n" + line("arm-64-linux", 40, small, 0.75) + "not a record\n" + now + added;
    EXPECT_EQ(with_records(before, records_of(now + added)), after);
    EXPECT_EQ(with_records(after, records_of(now + added)), after);
    EXPECT_EQ(with_records("", records_of(now)), now);
}

// What is built in parses and fits: a release that changes families brings its records along.
TEST(RecordFile, ShippedRecordsCanBeUsed) {
    for (const ShippedFile &file : shipped_files()) {
        ScheduleBook book;
        EXPECT_EQ(read_records(file.text, std::string(file.name), book), std::vector<std::string>())
            << file.name;
        EXPECT_EQ(records_text(needed_records(book.records)), records_text(book.records));
    }
}

// A default that was measured to be best stays, where else the record of a near shape would be
// adapted; where none is near, it goes.
TEST(RecordFile, KeepsDefaultsThatNearRecordsWouldReplace) {
    const char *const target = "x86-64-linux-sse41";
    std::vector<ScheduleRecord> records = records_of(
        line(target, 40, small, 0.5) + line(target, 48, small, 0.5) + line(target, 4000, small, 9));
    for (ScheduleRecord &r : records)
        r.schedule = default_schedule(r.shape, machine_for(r.target));
    records[1].schedule = records[0].schedule;
    records[1].schedule.set("unroll", int64_t(6)); // as cheap by the cost model
    ScheduleBook book;
    book.records = {records[1]};
    EXPECT_EQ(choose_schedule("fc", records[0].shape, records[0].target, book).origin,
              "adapted from f:2");
    EXPECT_EQ(records_text(needed_records(records)), records_text({records[0], records[1]}));
    EXPECT_EQ(records_text(needed_records({records[0], records[2]})), "");
}

TEST(RecordFile, ShippedRecordsGiveWayToTheUsers) {
    std::vector<ScheduleRecord> records = records_of(line("x86-64-linux-sse41", 40, small, 0.1) +
                                                     line("x86-64-linux-sse41", 40, large, 0.9));
    records[0].shipped = true; // faster, but elsewhere
    ScheduleBook book;
    book.records = records;
    const Target target = parse_target("x86-64-linux-sse41", nullptr).value();
    EXPECT_EQ(choose_schedule("fc", records[0].shape, target, book).origin, "record f:2");
    book.records.pop_back();
    EXPECT_EQ(choose_schedule("fc", records[0].shape, target, book).origin, "record f:1");
}

} // namespace
} // namespace cnnc
