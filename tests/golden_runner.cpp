// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Golden tests: reading, comparing and updating cases.
#include "tests/golden_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace cnnc::testing {
namespace {

constexpr std::string_view marker = "=== ";

// Set once by golden_main(), before any test runs.
bool update_cases = false;

std::string read_file(const std::string &path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

class GoldenTest : public ::testing::Test {
  public:
    GoldenTest(GoldenCase golden, GoldenFunction function)
        : golden_(std::move(golden)), function_(std::move(function)) {}

    void TestBody() override {
        std::string actual = function_(golden_);
        if (!actual.empty() && actual.back() != '\n')
            actual += '\n';
        if (!update_cases) {
            EXPECT_EQ(golden_.expected, actual)
                << "in " << golden_.path << "\n(--update rewrites it)";
            return;
        }
        if (actual == golden_.expected)
            return;
        golden_.expected = actual;
        std::ofstream(golden_.path, std::ios::binary) << print_golden_case(golden_);
        std::cerr << "updated " << golden_.path << "\n";
    }

  private:
    GoldenCase golden_;
    GoldenFunction function_;
};

} // namespace

const GoldenSection *GoldenCase::find(std::string_view kind) const {
    auto found = std::find_if(sections.begin(), sections.end(),
                              [&](const GoldenSection &s) { return s.kind == kind; });
    return found == sections.end() ? nullptr : &*found;
}

GoldenCase parse_golden_case(const std::string &path, const std::string &content) {
    GoldenCase golden;
    golden.path = path;
    golden.name = std::filesystem::path(path).stem().string();
    std::string *target = &golden.comment;
    for (size_t begin = 0; begin < content.size();) {
        size_t end = std::min(content.find('\n', begin), content.size() - 1) + 1;
        std::string line = content.substr(begin, end - begin);
        begin = end;
        if (line.compare(0, marker.size(), marker) != 0) {
            *target += line;
            continue;
        }
        std::istringstream words(line.substr(marker.size()));
        GoldenSection section;
        words >> section.kind;
        std::getline(words >> std::ws, section.argument);
        if (section.kind == "expect") {
            target = &golden.expected;
        } else {
            golden.sections.push_back(std::move(section));
            target = &golden.sections.back().text;
        }
    }
    return golden;
}

std::string print_golden_case(const GoldenCase &golden) {
    std::string text = golden.comment;
    auto add = [&](const std::string &head, const std::string &body) {
        text += std::string(marker) + head + "\n" + body;
    };
    for (const GoldenSection &section : golden.sections)
        add(section.argument.empty() ? section.kind : section.kind + " " + section.argument,
            section.text);
    add("expect", golden.expected);
    return text;
}

std::vector<GoldenCase> read_golden_cases(const std::string &folder) {
    std::vector<GoldenCase> cases;
    for (const auto &entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".txt")
            cases.push_back(parse_golden_case(entry.path().string(), read_file(entry.path())));
    std::sort(cases.begin(), cases.end(),
              [](const GoldenCase &a, const GoldenCase &b) { return a.name < b.name; });
    return cases;
}

void register_golden_cases(const std::string &suite, const std::string &folder,
                           GoldenFunction function) {
    for (const GoldenCase &golden : read_golden_cases(folder))
        ::testing::RegisterTest(suite.c_str(), golden.name.c_str(), nullptr, nullptr, __FILE__,
                                __LINE__,
                                [=]() -> GoldenTest * { return new GoldenTest(golden, function); });
}

int golden_main(int argc, char **argv) {
    ::testing::InitGoogleTest(&argc, argv);
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--update") != 0) {
            std::cerr << "unknown option " << argv[i] << "\n";
            return 2;
        }
        update_cases = true;
    }
    return RUN_ALL_TESTS();
}

} // namespace cnnc::testing
