// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The formatter: golden cases, and what must hold for every program there is: formatting keeps the
// tree and the comments, and formatting again changes nothing.
#include "dsl/format.h"

#include "dsl/parser.h"
#include "tests/golden_runner.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace cnnc {
namespace {

using testing::GoldenCase;

struct Formatted {
    bool parses = false;
    std::string text;
};

std::vector<std::string> comments(const ast::File &file, const SourceManager &sources) {
    std::vector<std::string> texts;
    for (const Comment &comment : file.comments)
        texts.emplace_back(sources.text(comment.span));
    return texts;
}

// Formats and checks what always holds.
Formatted format_checked(const std::string &name, const std::string &text) {
    SourceManager sources;
    Diagnostics diags;
    FileId before = sources.add(name, text);
    std::optional<std::string> formatted = format_source(before, sources, diags);
    if (!formatted)
        return {false, diags.render(sources)};
    FileId after = sources.add(name + " formatted", *formatted);
    ast::File old_tree = parse_file(before, sources, diags);
    ast::File new_tree = parse_file(after, sources, diags);
    EXPECT_FALSE(diags.has_errors()) << diags.render(sources);
    EXPECT_EQ(ast::tree_text(old_tree), ast::tree_text(new_tree)) << name;
    EXPECT_EQ(comments(old_tree, sources), comments(new_tree, sources)) << name;
    std::optional<std::string> again = format_source(after, sources, diags);
    EXPECT_EQ(again, formatted) << "formatting again changes " << name;
    return {true, *formatted};
}

std::string format_case(const GoldenCase &golden) {
    return format_checked("net.cnn", golden.find("file")->text).text;
}

TEST(FormatProperties, HoldsOnEveryProgramOfTheGoldenCases) {
    size_t parsed = 0;
    for (const char *folder : {"diagnostics", "language"}) {
        for (const GoldenCase &golden :
             testing::read_golden_cases(std::string(CNNC_SOURCE_DIR "/tests/golden/") + folder))
            for (const testing::GoldenSection &section : golden.sections)
                if (section.kind == "file")
                    parsed += format_checked(golden.name, section.text).parses;
    }
    EXPECT_GT(parsed, 50u);
}

TEST(FormatProperties, LeavesTheExamplesAsTheyAre) {
    size_t examples = 0;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(CNNC_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".cnn")
            continue;
        std::ifstream stream(entry.path(), std::ios::binary);
        std::string text((std::istreambuf_iterator<char>(stream)), {});
        EXPECT_EQ(format_checked(entry.path().string(), text).text, text) << entry.path();
        ++examples;
    }
    EXPECT_GE(examples, 1u);
}

// A network laid out at random: line breaks and comments wherever the language lets them be.
std::string scatter(const std::string &text, uint32_t seed) {
    std::string result;
    auto random = [&](uint32_t n) {
        seed = seed * 1664525 + 1013904223;
        return (seed >> 16) % n;
    };
    int brackets = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        brackets += text[i] == '(' || text[i] == '[';
        brackets -= text[i] == ')' || text[i] == ']';
        bool arrow = text.compare(i, 3, " ->") == 0;
        bool comma = i > 0 && text[i - 1] == ',' && brackets > 0;
        if ((arrow || comma) && random(3) == 0)
            result += random(2) ? "\n" : " # why\n\n";
        result += text[i];
        if (text[i] == '\n' && random(4) == 0)
            result += random(2) ? "\n\n   \n" : "  # own line\n";
        if (text[i] == ' ' && random(5) == 0)
            result += "   ";
    }
    return result;
}

TEST(FormatProperties, HoldsHoweverAProgramIsLaidOut) {
    const std::string text =
        "block b(x, width, stride=1) {\n"
        "    y = x -> conv2d(width, kernel=[3, 3], stride=stride) as a.{1 + 1} -> relu -> b(2)\n"
        "    if width > 3 {\n"
        "        return y -> conv2d([64, 128, 256, 512][1], kernel=3, padding=[[1, 1], [1, 1]], "
        "stride = 2 if width > 3 else 1) as some.long.name.of.a.layer -> relu\n"
        "    } else if width > 2 {\n"
        "        return relu(y, conv2d(x, 3, kernel=3), [1, 2, 3])\n"
        "    } else {\n"
        "    }\n"
        "    return y + x * 2.0 -> conv2d(width, kernel=[3, 3], stride=stride) -> relu -> b(2)\n"
        "}\n"
        "network n {\n"
        "    input x: f32[1, 3, 8, 8] layout NHWC\n"
        "    output y = x -> b(2) -> b(3) -> b(4) layout NHWC\n"
        "}\n";
    for (uint32_t seed = 0; seed < 500; ++seed) {
        Formatted formatted = format_checked("seed " + std::to_string(seed), scatter(text, seed));
        ASSERT_TRUE(formatted.parses) << formatted.text << scatter(text, seed);
        ASSERT_FALSE(HasFailure()) << scatter(text, seed) << "\nbecame\n" << formatted.text;
    }
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Format", CNNC_SOURCE_DIR "/tests/golden/format",
                                         cnnc::format_case);
    return cnnc::testing::golden_main(argc, argv);
}
