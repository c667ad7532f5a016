// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Numbers and tables as people read them.
#include "compiler/driver/console.h"

#include <gtest/gtest.h>

#include <sstream>

namespace cnnc {
namespace {

TEST(Console, Counts) {
    EXPECT_EQ(count_text(0), "0");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(count_text(1000), "1,000");
    EXPECT_EQ(count_text(-1234567), "-1,234,567");
    EXPECT_EQ(count_text(-123), "-123");
}

TEST(Console, Bytes) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(1023), "1023 B");
    EXPECT_EQ(bytes_text(1024), "1.00 KiB");
    EXPECT_EQ(bytes_text(252928), "247 KiB");
    EXPECT_EQ(bytes_text(1023 * 1024), "1.00 MiB"); // not 1023 KiB
    EXPECT_EQ(bytes_text(int64_t(553) << 20), "553 MiB");
    EXPECT_EQ(bytes_text(int64_t(50) << 40), "50.0 TiB");
}

TEST(Console, Seconds) {
    EXPECT_EQ(seconds_text(8.3e-6), "8.3 us");
    EXPECT_EQ(seconds_text(4.214e-3), "4.21 ms");
    EXPECT_EQ(seconds_text(1.26), "1.26 s");
}

TEST(Console, TablesAlignAndKeepNoBlanksBehind) {
    Table table({"NAME", ">N", "REST"});
    table.add({"a", "10", "x"});
    table.add({"größer", "1", ""});
    table.add_rule();
    table.add({"sum", "11"});
    EXPECT_EQ(table.text(), "NAME     N  REST\n"
                            "----------------\n"
                            "a       10  x\n"
                            "größer   1\n"
                            "----------------\n"
                            "sum     11\n");
}

TEST(Console, ColumnsOfTimesTellShortOnesToo) {
    EXPECT_EQ(ms_text(12.34567), "12.3457");
    EXPECT_EQ(ms_text(0.01234), "0.0123");
    EXPECT_EQ(ms_text(0.00012), "0.000120");
}

TEST(Console, ProgressIsForTerminals) {
    std::istringstream in;
    std::ostringstream out, err;
    Console plain{in, out, err};
    { Progress(plain, "x").update(1, 2); }
    EXPECT_EQ(err.str(), "");
    Console terminal{in, out, err, false, true};
    { Progress(terminal, "compiling").update(1, 2); }
    EXPECT_EQ(err.str(), "\r\033[Kcompiling 1/2\r\033[K");
    EXPECT_EQ(out.str(), "");
}

TEST(Console, LinesThatAreWrittenOverFitTheTerminal) {
    std::istringstream in;
    std::ostringstream out, err;
    int columns = 8;
    Console console{in, out, err, false, true, [&] { return columns; }};
    write_over(console, "größer als");
    EXPECT_EQ(err.str(), "\r\033[Kgröße");
    err.str("");
    columns = 100;
    write_over(console, "größer als");
    EXPECT_EQ(err.str(), "\r\033[Kgrößer als");
    err.str("");
    columns = 0;
    write_over(console, "größer");
    EXPECT_EQ(err.str(), "\r\033[Kg");
}

} // namespace
} // namespace cnnc
