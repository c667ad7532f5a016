// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// docs/schedules.md lists the families as they are declared. Run with --update, this writes the
// list.
#include "schedules/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace cnnc {
namespace {

const std::string docs_path = CNNC_SOURCE_DIR "/docs/schedules.md";
const std::string mark = "<!-- Written by schedule_docs_test --update from here on: the "
                         "declarations in schedules/. -->\n";

std::string read_docs() {
    std::ifstream stream(docs_path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(stream)), {});
}

std::string families_text() {
    std::string text = "\n## The families\n";
    for (const Family &family : families()) {
        text += fmt::format("\n### `{}`\n\n{}\n\n| parameter | values | meaning |\n|---|---|---|\n",
                            family.name, family.doc);
        for (const FamilyParam &param : family.params) {
            std::string values = param.choices.empty()
                                     ? fmt::format("{}..{}", param.min, param.max)
                                     : fmt::format("{}", fmt::join(param.choices, ", "));
            text += fmt::format("| `{}` | {} | {} |\n", param.name, values, param.doc);
        }
    }
    return text;
}

TEST(ScheduleDocs, ListTheFamiliesAsDeclared) {
    std::string docs = read_docs();
    size_t at = docs.find(mark);
    ASSERT_NE(at, std::string::npos) << docs_path;
    EXPECT_EQ(docs.substr(at + mark.size()), families_text()) << "run this test with --update";
}

void update_docs() {
    std::string docs = read_docs();
    size_t at = docs.find(mark);
    std::ofstream(docs_path, std::ios::binary) << docs.substr(0, at) << mark << families_text();
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    if (argc > 1 && std::string(argv[1]) == "--update")
        cnnc::update_docs();
    return RUN_ALL_TESTS();
}
