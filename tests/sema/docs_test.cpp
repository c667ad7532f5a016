// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// docs/language.md: its snippets compile, its diagnostics are real, its list of operators is the
// registry's. Run with --update, this writes that list.
#include "compiler/graph/registry.h"
#include "compiler/sema/composites.h"
#include "compiler/sema/load.h"
#include "compiler/sema/scopes.h"
#include "dsl/format.h"
#include "dsl/lexer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

namespace cnnc {
namespace {

const std::string docs_path = CNNC_SOURCE_DIR "/docs/language.md";
const std::string generated_mark = "<!-- Written by the compiler from here on: ";

std::string read_docs() {
    std::ifstream stream(docs_path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(stream)), {});
}

struct Fence {
    std::string language, text;
    int line = 0;
};

std::vector<Fence> fences(const std::string &markdown) {
    std::vector<Fence> result;
    bool inside = false;
    int number = 0;
    for (size_t begin = 0; begin < markdown.size();) {
        size_t end = std::min(markdown.find('\n', begin), markdown.size());
        std::string line = markdown.substr(begin, end - begin);
        begin = end + 1;
        ++number;
        if (line.compare(0, 3, "```") == 0) {
            if (!inside)
                result.push_back({line.substr(3), "", number});
            inside = !inside;
        } else if (inside) {
            result.back().text += line + "\n";
        }
    }
    return result;
}

// A snippet of statements stands in a network with the inputs x and y.
std::string whole_program(const std::string &snippet) {
    for (const char *start : {"network ", "block ", "import ", "# "})
        if (snippet.compare(0, std::strlen(start), start) == 0)
            return snippet;
    std::string program = "network snippet {\n    input x: f32[1, 64, 56, 56]\n"
                          "    input y: f32[1, 64, 56, 56]\n";
    for (size_t begin = 0; begin < snippet.size();) {
        size_t end = snippet.find('\n', begin) + 1;
        program += "    " + snippet.substr(begin, end - begin);
        begin = end;
    }
    return program + "    output both = x + y\n}\n";
}

TEST(LanguageDocs, SnippetsCompile) {
    size_t snippets = 0;
    for (const Fence &fence : fences(read_docs())) {
        if (fence.language != "cnn")
            continue;
        SCOPED_TRACE("docs/language.md:" + std::to_string(fence.line));
        SourceManager sources;
        Diagnostics diags;
        std::string program = whole_program(fence.text);
        std::optional<Graph> graph = load_network_text("example.cnn", program, sources, diags);
        EXPECT_EQ(diags.render(sources), "");
        ASSERT_TRUE(graph);
        EXPECT_TRUE(verify(*graph).empty());
        ++snippets;
    }
    EXPECT_GT(snippets, 5u);
}

TEST(LanguageDocs, DiagnosticsAreReal) {
    std::vector<Fence> all = fences(read_docs());
    size_t shown = 0;
    for (size_t i = 0; i + 1 < all.size(); ++i) {
        if (all[i].language != "cnn-error")
            continue;
        SourceManager sources;
        Diagnostics diags;
        load_network_text("example.cnn", all[i].text, sources, diags);
        EXPECT_EQ(diags.render(sources), all[i + 1].text);
        ++shown;
    }
    EXPECT_GE(shown, 1u);
}

TEST(LanguageDocs, NamesEveryKeywordAndFunction) {
    std::string docs = read_docs(), words;
    for (std::string_view keyword : keywords())
        words += (words.empty() ? "" : " ") + std::string(keyword);
    EXPECT_NE(docs.find("`" + words + "`"), std::string::npos) << words;
    for (std::string_view name : builtin_functions())
        EXPECT_NE(docs.find("`" + std::string(name) + "("), std::string::npos) << name;
    for (std::string_view name : predefined_names())
        EXPECT_NE(docs.find("`" + std::string(name) + "`"), std::string::npos) << name;
}

std::string kind_of(const ArgSpec &argument) {
    std::string text;
    for (size_t i = 0; i < argument.choices.size(); ++i)
        text += fmt::format("{}`{}`",
                            i == 0                             ? ""
                            : i + 1 == argument.choices.size() ? " or "
                                                               : ", ",
                            argument.choices[i]);
    return text.empty() ? std::string(kind_text(argument.kind)) : text;
}

std::string argument_row(const ArgSpec &argument) {
    std::string fallback = argument.fallback ? fmt::format("`{}`", value_text(*argument.fallback))
                           : argument.required() ? "required"
                                                 : std::string(argument.computed_default);
    return fmt::format("| `{}` | {} | {} | {} |\n", argument.name, kind_of(argument), fallback,
                       argument.doc);
}

std::string operands_text(const OpSpec &op) {
    if (op.max_operands < 0)
        return fmt::format("{} or more", op.min_operands);
    if (op.min_operands < op.max_operands)
        return fmt::format("{} to {}", op.min_operands, op.max_operands);
    return op.max_operands == 0   ? "none"
           : op.max_operands == 1 ? "one"
                                  : fmt::format("{}", op.max_operands);
}

// What a section says behind its heading.
std::string section_text(const OpSpec &op) {
    std::string text = fmt::format("{} Operands: {}.\n", op.doc, operands_text(op));
    if (!op.args.empty())
        text += "\n| argument | is | default | |\n|---|---|---|---|\n";
    for (const ArgSpec &argument : op.args)
        text += argument_row(argument);
    return text;
}

// Neighbours that have the same to say (conv1d, conv2d, conv3d) share a section.
std::string operators_text() {
    std::vector<OpSpec> specs = op_specs();
    specs.insert(specs.end(), composite_specs().begin(), composite_specs().end());
    std::string text;
    for (size_t i = 0; i < specs.size();) {
        std::string heading, section = section_text(specs[i]);
        for (; i < specs.size() && section_text(specs[i]) == section; ++i)
            heading += fmt::format("{}`{}`", heading.empty() ? "" : ", ", specs[i].name);
        text += fmt::format("\n### {}\n\n{}", heading, section);
    }
    return text;
}

bool update_docs = false; // set by main() before any test runs

TEST(LanguageDocs, ListsTheOperators) {
    std::string docs = read_docs();
    size_t mark = docs.find(generated_mark);
    ASSERT_NE(mark, std::string::npos);
    size_t begin = docs.find('\n', mark) + 1;
    if (update_docs)
        std::ofstream(docs_path, std::ios::binary) << docs.substr(0, begin) + operators_text();
    else
        EXPECT_EQ(docs.substr(begin), operators_text()) << "--update rewrites docs/language.md";
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    ::testing::InitGoogleTest(&argc, argv);
    cnnc::update_docs = argc > 1 && std::strcmp(argv[1], "--update") == 0;
    return RUN_ALL_TESTS();
}
