// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Golden cases of the language: programs and the diagnostics or the flat graph they give. And the
// check that no diagnostic of the front end and the graph lacks a case.
#include "compiler/graph/registry.h"
#include "compiler/sema/composites.h"
#include "compiler/sema/load.h"
#include "tests/golden_runner.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <set>

namespace cnnc {
namespace {

using testing::GoldenCase;
using testing::GoldenSection;

struct Outcome {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph;
};

// Sections: `file NAME` (the first is the network's), `set NAME=TEXT`, `network NAME`.
Outcome elaborate_case(const GoldenCase &golden) {
    Outcome outcome;
    ElaborateOptions options;
    std::map<std::string, std::string> files;
    for (const GoldenSection &section : golden.sections) {
        if (section.kind == "file")
            files[section.argument] = section.text;
        if (section.kind == "network")
            options.network = section.argument;
        if (section.kind == "set") {
            size_t equals = section.argument.find('=');
            options.parameters.emplace_back(section.argument.substr(0, equals),
                                            section.argument.substr(equals + 1));
        }
    }
    FileReader read = [&](const std::string &path,
                          std::string &reason) -> std::optional<std::string> {
        auto found = files.find(path);
        reason = "no such file";
        return found == files.end() ? std::nullopt : std::optional(found->second);
    };
    std::string name = golden.find("file")->argument;
    Program program = load_program_text(name, files[name], outcome.sources, outcome.diags, read);
    outcome.graph = elaborate(program, outcome.sources, options, outcome.diags);
    return outcome;
}

std::string diagnostics_of(const GoldenCase &golden) {
    Outcome outcome = elaborate_case(golden);
    EXPECT_EQ(outcome.graph.has_value(), !outcome.diags.has_errors());
    EXPECT_FALSE(outcome.diags.all().empty()) << "this case shows no diagnostic";
    return outcome.diags.render(outcome.sources);
}

// The flat graph; it must be sound, and give itself when it is elaborated again.
std::string graph_of(const GoldenCase &golden) {
    Outcome outcome = elaborate_case(golden);
    if (!outcome.graph)
        return outcome.diags.render(outcome.sources);
    EXPECT_TRUE(verify(*outcome.graph).empty()) << verify(*outcome.graph)[0];
    std::string flat = print_graph(*outcome.graph), why;
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> again = load_network_text("flat.cnn", flat, sources, diags);
    EXPECT_TRUE(again.has_value()) << diags.render(sources);
    if (again) {
        EXPECT_TRUE(same_graph(*outcome.graph, *again, &why)) << why;
    }
    return outcome.diags.render(outcome.sources) + flat;
}

// Diagnostics that no program in a golden case can show, and why.
const std::map<std::string, std::string> exemptions = {
    {"too_many_files", "needs hundreds of files; see HostileInput.ManyImports"},
    {"program_too_large", "needs a large file; see HostileInput.LongList"},
};

std::set<std::string> declared_diagnostics() {
    std::set<std::string> names;
    size_t declared = 0;
#define CNNC_ERROR(NAME, TEXT, ...) names.insert(#NAME), ++declared;
#define CNNC_WARNING(NAME, TEXT, ...) names.insert(#NAME), ++declared;
#define CNNC_NOTE(NAME, TEXT, ...)
#include "compiler/graph/graph_diagnostics.def"
#include "compiler/sema/sema_diagnostics.def"
#include "dsl/dsl_diagnostics.def"
#undef CNNC_ERROR
#undef CNNC_WARNING
#undef CNNC_NOTE
    EXPECT_EQ(names.size(), declared) << "two diagnostics have one name";
    return names;
}

// Whether a program calls this operator: `name(` or `-> name`.
bool calls(const std::string &program, const std::string &name) {
    auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    for (size_t at = program.find(name); at != std::string::npos; at = program.find(name, at + 1)) {
        size_t end = at + name.size();
        bool whole = !is_word(program[at - 1]) && !is_word(program[end]);
        bool in_chain = at >= 3 && program.compare(at - 3, 3, "-> ") == 0;
        if (whole && (in_chain || program[end] == '('))
            return true;
    }
    return false;
}

TEST(LanguageCoverage, EveryOperatorHasACase) {
    std::string programs;
    for (const GoldenCase &golden :
         testing::read_golden_cases(CNNC_SOURCE_DIR "/tests/golden/language"))
        programs += golden.find("file")->text + "\n";
    std::vector<OpSpec> specs = op_specs();
    specs.insert(specs.end(), composite_specs().begin(), composite_specs().end());
    for (const OpSpec &op : specs)
        EXPECT_TRUE(calls(programs, std::string(op.name)))
            << "no case in tests/golden/language calls `" << op.name << "`";
}

TEST(DiagnosticCoverage, EveryDiagnosticHasACase) {
    std::set<std::string> missing = declared_diagnostics();
    for (const auto &[name, reason] : exemptions)
        EXPECT_EQ(missing.erase(name), 1u) << name << " is exempt but not declared";
    for (const GoldenCase &golden :
         testing::read_golden_cases(CNNC_SOURCE_DIR "/tests/golden/diagnostics")) {
        Outcome outcome = elaborate_case(golden);
        for (const Diagnostic &diagnostic : outcome.diags.all()) {
            missing.erase(diagnostic.id);
            EXPECT_EQ(exemptions.count(diagnostic.id), 0u)
                << diagnostic.id << " is exempt but has a case: " << golden.name;
        }
    }
    for (const std::string &name : missing)
        ADD_FAILURE() << "no case in tests/golden/diagnostics shows `" << name << "`";
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    const std::string folder = CNNC_SOURCE_DIR "/tests/golden/";
    cnnc::testing::register_golden_cases("Diagnostics", folder + "diagnostics",
                                         cnnc::diagnostics_of);
    cnnc::testing::register_golden_cases("Language", folder + "language", cnnc::graph_of);
    return cnnc::testing::golden_main(argc, argv);
}
