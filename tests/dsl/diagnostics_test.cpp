// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Collecting and rendering diagnostics. What each says is tested by tests/golden/diagnostics.
#include "dsl/diagnostics.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cnnc {
namespace {

CNNC_DECLARE_DIAGNOSTIC(mistake, error, "mistake {}")
CNNC_DECLARE_DIAGNOSTIC(doubt, warning, "doubt")
CNNC_DECLARE_DIAGNOSTIC(there, note, "there")

class DiagnosticsTest : public ::testing::Test {
  protected:
    // The span of the first occurrence of `word`.
    Span find(std::string_view word) const {
        size_t begin = sources.text(file).find(word);
        EXPECT_NE(begin, std::string_view::npos);
        return {file, uint32_t(begin), uint32_t(begin + word.size())};
    }

    SourceManager sources;
    FileId file = sources.add("a.cnn", "one two\n\tthree four\r\nfive\n");
    Diagnostics diags;
};

TEST_F(DiagnosticsTest, LinesAndColumns) {
    EXPECT_EQ(sources.position(file, 0).line, 1);
    EXPECT_EQ(sources.position(file, 7).line, 1); // the newline belongs to its line
    EXPECT_EQ(sources.position(file, 8).line, 2);
    EXPECT_EQ(sources.position(file, 9).column, 2);
    EXPECT_EQ(sources.line(file, 10), "\tthree four");
    EXPECT_EQ(sources.line(file, uint32_t(sources.text(file).size())), "");
    EXPECT_EQ(sources.text(Span{file, 4, 7}), "two");
    EXPECT_EQ(sources.text(Span{file, 24, 1000}), "e\n");
}

TEST_F(DiagnosticsTest, RendersInSourceOrderWithNotesContextAndHelp) {
    diags.report<mistake>(Span{}, 3);
    diags.push_context({"within", find("one")});
    diags.report<mistake>(find("four"), 2).note<there>(find("three")).help("try again");
    diags.pop_context();
    diags.report<doubt>(find("two"));
    EXPECT_EQ(diags.render(sources), "a.cnn:1:5: warning: doubt\n"
                                     "one two\n"
                                     "    ^~~\n"
                                     "a.cnn:2:8: error: mistake 2\n"
                                     "    three four\n"
                                     "          ^~~~\n"
                                     "a.cnn:2:2: note: there\n"
                                     "    three four\n"
                                     "    ^~~~~\n"
                                     "a.cnn:1:1: note: within\n"
                                     "one two\n"
                                     "^~~\n"
                                     "help: try again\n"
                                     "error: mistake 3\n");
}

TEST_F(DiagnosticsTest, SpansOverSeveralLinesAreMarkedOnTheFirst) {
    Span span = find("four");
    span.end = find("five").end;
    diags.report<mistake>(span, 1);
    EXPECT_EQ(diags.render(sources), "a.cnn:2:8: error: mistake 1\n"
                                     "    three four\n"
                                     "          ^~~~\n");
}

TEST_F(DiagnosticsTest, EmptySpansGetOneCaret) {
    diags.report<mistake>(Span{file, 7, 7}, 1);
    EXPECT_EQ(diags.render(sources), "a.cnn:1:8: error: mistake 1\none two\n       ^\n");
}

TEST_F(DiagnosticsTest, ColourOnlyWhenAsked) {
    diags.report<mistake>(find("two"), 1).help("no");
    EXPECT_EQ(diags.render(sources).find('\033'), std::string::npos);
    EXPECT_NE(diags.render(sources, true).find("\033[1;31merror"), std::string::npos);
}

TEST_F(DiagnosticsTest, ControlCharactersAndBadBytesAreReplaced) {
    FileId bad = sources.add("b\033.cnn", "a \x1b[2J \xff \xc3\xa9 \xc2\x9b b");
    diags.report<mistake>(Span{bad, 0, 1}, "\033[0m\n\x80");
    std::string text = diags.render(sources);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.find("\xff"), std::string::npos);
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
    EXPECT_NE(text.find("\xc3\xa9"), std::string::npos);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(DiagnosticsTest, CaretsCountCharactersNotBytes) {
    FileId umlauts = sources.add("u.cnn", "\xc3\xa4\xc3\xb6 x");
    diags.report<mistake>(Span{umlauts, 5, 6}, 1);
    EXPECT_EQ(diags.render(sources), "u.cnn:1:6: error: mistake 1\n\xc3\xa4\xc3\xb6 x\n   ^\n");
}

TEST_F(DiagnosticsTest, LongLinesAndMessagesAreCut) {
    FileId wide = sources.add("w.cnn", std::string(5'000'000, 'x'));
    diags.report<mistake>(Span{wide, 2'500'000, 2'500'003}, std::string(100'000, 'm'));
    std::string text = diags.render(sources);
    EXPECT_LT(text.size(), 2000u);
    EXPECT_NE(text.find("^~~\n"), std::string::npos);
}

TEST_F(DiagnosticsTest, KeepsABoundedNumber) {
    Diagnostics few(3);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(few.full(), i >= 3);
        few.report<mistake>(Span{file, 0, 1}, i).note<there>(find("two")).help("help");
        few.report<doubt>(Span{file, uint32_t(i), uint32_t(i + 1)});
    }
    EXPECT_EQ(few.error_count(), 10u);
    EXPECT_EQ(few.all().size(), 6u);
    EXPECT_NE(few.render(sources).find("only the first 3 errors are shown"), std::string::npos);
}

TEST_F(DiagnosticsTest, RepetitionsAreDropped) {
    diags.report<mistake>(find("one"), 1);
    diags.report<mistake>(find("one"), 1).help("dropped with the rest");
    EXPECT_EQ(diags.error_count(), 1u);
    EXPECT_TRUE(diags.all()[0].help.empty());
    diags.report<mistake>(find("one"), 2);
    diags.report<mistake>(find("two"), 1);
    EXPECT_EQ(diags.error_count(), 3u);
    diags.set_once_per_place(true);
    diags.report<mistake>(find("two"), 5);
    EXPECT_EQ(diags.error_count(), 3u);
    diags.report<mistake>(find("five"), 5);
    EXPECT_EQ(diags.error_count(), 4u);
}

TEST(NearestName, FindsTyposAndNothingElse) {
    std::vector<std::string> names = {"conv2d", "conv3d", "relu", "relu6", "padding", "x"};
    EXPECT_EQ(nearest_name("cnv2d", names), "conv2d");
    EXPECT_EQ(nearest_name("conv2", names), "conv2d");
    EXPECT_EQ(nearest_name("rleu", names), "relu"); // two neighbours swapped
    EXPECT_EQ(nearest_name("paddign", names), "padding");
    EXPECT_EQ(nearest_name("pad", names), "");
    EXPECT_EQ(nearest_name("y", names), "");
    EXPECT_EQ(nearest_name("sigmoid", names), "");
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name(std::string(100'000, 'a'), {std::string(100'000, 'b')}), "");
}

} // namespace
} // namespace cnnc
