// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Commands are split as a shell splits them; the shell of this machine is asked.
#include "compiler/execute/words.h"
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

using Words = std::vector<std::string>;

TEST(Words, AreSplitAsByAShell) {
    const std::string texts[] = {
        "ssh board",      "  ssh  -p 2222\tboard ", "a 'b c' \"d e\" f", "a'b 'c\"d \"e",
        "a\\ b \\'c\\\"", "\"a \\\" \\\\ \\n b\"",  "'a \\ \" b' ''",    "sh -c 'exec \"$0\"'"};
    for (const std::string &text : texts) {
        const auto words = split_command(text);
        ASSERT_TRUE(words) << text;
        std::string expected;
        for (const std::string &word : *words)
            expected += "<" + word + ">\n";
        EXPECT_EQ(run_command("printf '<%s>\\n' " + text).output, expected) << text;
    }
    EXPECT_EQ(split_command(""), Words());
    EXPECT_EQ(split_command(" \t "), Words());
    EXPECT_EQ(split_command("''"), Words{""});
}

TEST(Words, UnfinishedCommandsAreRefused) {
    for (const char *text : {"a 'b", "a \"b", "a \\", "\"a\\"})
        EXPECT_FALSE(split_command(text)) << text;
}

TEST(Words, QuotedWordsAreSplitIntoThemselves) {
    const Words words = {"plain", "with blank", "it's", "", "\"", "\\", "$HOME *", "a=b/c.d"};
    EXPECT_EQ(split_command(quoted_command(words)), words);
    EXPECT_EQ(quoted_command({"ssh", "-p", "22", "me@board"}), "ssh -p 22 me@board");
}

} // namespace
} // namespace cnnc
