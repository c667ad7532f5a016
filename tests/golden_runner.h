// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Golden tests: one file per case holds the input and the exact text expected.
//
// A case is a text file of sections. What comes before the first is a comment on the case.
//
//     Unknown operators are reported with a suggestion.
//     === file net.cnn
//     network n { ... }
//     === expect
//     net.cnn:3:9: error: unknown operator `cnv2d`
//
// The test program registers each case of a folder as one GoogleTest. Run with --update, it writes
// what it got into the files' `expect` sections instead of failing; review the diff.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc::testing {

struct GoldenSection {
    std::string kind;     // "file"
    std::string argument; // "net.cnn"
    std::string text;     // ends with a newline unless empty
};

struct GoldenCase {
    std::string name; // the file's name without its folder and ending
    std::string path;
    std::string comment;
    std::vector<GoldenSection> sections; // without `expect`
    std::string expected;

    // The first section of a kind, or null.
    const GoldenSection *find(std::string_view kind) const;
};

GoldenCase parse_golden_case(const std::string &path, const std::string &content);
std::string print_golden_case(const GoldenCase &golden);

// Every *.txt of a folder, by name.
std::vector<GoldenCase> read_golden_cases(const std::string &folder);

// What a case's input gives: the text compared with `expect`.
using GoldenFunction = std::function<std::string(const GoldenCase &)>;

// Registers a GoogleTest per case of the folder; to be called before golden_main().
void register_golden_cases(const std::string &suite, const std::string &folder,
                           GoldenFunction function);

// main() of a test program with golden cases: takes GoogleTest's flags and --update.
int golden_main(int argc, char **argv);

} // namespace cnnc::testing
