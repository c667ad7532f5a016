// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Input that wants to crash the front end, or to make it run for ever: each ends in a diagnostic,
// or in success, within seconds and in bounded memory.
#include "compiler/sema/load.h"
#include "dsl/format.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>

namespace cnnc {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double max_seconds = 60;
constexpr long max_resident_kib = 0; // not measured
constexpr size_t ten_million = 1'000'000;
#else
constexpr double max_seconds = 2;
constexpr long max_resident_kib = 1 << 20;
constexpr size_t ten_million = 10'000'000;
#endif

std::string repeat(std::string_view text, size_t times) {
    std::string result;
    result.reserve(text.size() * times);
    for (size_t i = 0; i < times; ++i)
        result += text;
    return result;
}

std::string network(const std::string &body) {
    return "network n {\n    input x: f32[1, 3, 8, 8]\n" + body + "\n    output y = x\n}\n";
}

// Loads and formats the text; returns the diagnostics.
std::string try_text(std::string text) {
    std::clock_t start = std::clock(); // of the processor: other load on the machine is no matter
    SourceManager sources;
    Diagnostics diags, format_diags;
    std::optional<Graph> graph = load_network_text("n.cnn", text, sources, diags);
    EXPECT_EQ(graph.has_value(), !diags.has_errors());
    if (graph) {
        EXPECT_TRUE(verify(*graph).empty());
    }
    std::string rendered = diags.render(sources);
    EXPECT_LT(rendered.size(), 200'000u);
    format_source(1, sources, format_diags);
    EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, max_seconds);
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (max_resident_kib > 0) {
        EXPECT_LT(usage.ru_maxrss, max_resident_kib);
    }
    return rendered;
}

void expect_diagnostic(std::string text, const std::string &message) {
    std::string rendered = try_text(std::move(text));
    EXPECT_NE(rendered.find(message), std::string::npos) << rendered.substr(0, 2000);
}

TEST(HostileInput, DeepNesting) {
    const std::string message = "nested more than";
    for (const char *open : {"(", "[", "-", "not ", "f(", "x[", "1 if x else ", "x -> f(",
                             "f(x) as a.{", "(x + 1) as a{", "x.a[", "1 + (", "f(k="})
        expect_diagnostic(network("    y = " + repeat(open, 100'000)), message);
    expect_diagnostic(network("    y = x" + repeat("[0]", 100'000)), message);
    expect_diagnostic(network("    y = x" + repeat(".shape", 100'000)), message);
    expect_diagnostic(network("    y = 1" + repeat(" + 1", 100'000)), message);
    expect_diagnostic(network("    " + repeat("if true { ", 100'000)), message);
    expect_diagnostic(network(repeat("    for i in [1] {\n", 100'000)), message);
    expect_diagnostic(network("    y = x -> " + repeat("relu as a{x -> ", 100'000)), message);
    // Neither kind of nesting is deep here, but both together are.
    std::string sum = repeat("1 + ", 300);
    expect_diagnostic(
        network("    y = " + repeat("(f(x) as a{" + sum, 300) + "1" + repeat("}", 300)), message);
    expect_diagnostic(
        network("    y = " + repeat("x -> f as a{" + sum, 300) + "1" + repeat("}", 300)), message);
}

TEST(HostileInput, LongButFlat) {
    // Long chains, long else-if ladders and long argument lists need no recursion.
    EXPECT_EQ(try_text(network("    z = x" + repeat(" -> relu", 5'000))), "");
    EXPECT_EQ(try_text(network("    if false { }" + repeat(" else if false { }", 100'000))), "");
    expect_diagnostic(network("    z = relu(" + repeat("x, ", 100'000) + ")"),
                      "`relu` takes at most 1 argument, found 100000");
    expect_diagnostic(network("    z = x" + repeat(" -> relu", 400'000)), "takes too long");
}

TEST(HostileInput, LongList) {
    expect_diagnostic(network("    z = [" + repeat("1,", 3'000'000) + "]"),
                      "holds more than 1048576 expressions");
    expect_diagnostic(network("    z = [" + repeat("1,", 100'000) + "]"),
                      "more than the 65536 values");
}

TEST(HostileInput, HugeLoops) {
    expect_diagnostic(network("    for i in 0..1000000000000 { }"), "1000000000000 values");
    expect_diagnostic(network("    for i in 0..65536 { for j in 0..65536 { } }"), "takes too long");
    expect_diagnostic(network("    for i in 0..65536 { x = relu(x) }\n    for i in 0..65536 { x = "
                              "relu(x) }"),
                      "takes too long");
    expect_diagnostic(network("    a = 0..60000\n    for i in a { b = a == a }"), "takes too long");
    expect_diagnostic(network("    a = 0..60000\n    for i in a { b = a + [] }"), "takes too long");
    expect_diagnostic(network("    a = 0..60000\n    for i in a { b = max(a) }"), "takes too long");
    // A long name in every step.
    expect_diagnostic(network("    for i in 0..65536 { x = relu(x) as " + std::string(250, 'a') +
                              "." + std::string(250, 'b') + "{i} }"),
                      "takes too long");
}

TEST(HostileInput, ExponentialLists) {
    // Sharing makes lists of 2^40 items from 40 statements.
    const std::string doubling =
        "    a = [0]\n    for i in 0..15 { a = [a, a, a, a, a, a, a, a] }\n";
    expect_diagnostic(network(doubling + "    b = a == a"), "takes too long");
    expect_diagnostic(network(doubling + "    b = conv2d(x, a, kernel=3)"),
                      "more than the 65536 values");
    EXPECT_LT(try_text(network(doubling + "    error(a)")).size(), 2000u);
}

TEST(HostileInput, TensorLiterals) {
    const std::string message = "takes too long";
    // Constants that are made again and again, at full size.
    expect_diagnostic(network("    a = 0..65536\n    for i in a { c = tensor(a) }"), message);
    expect_diagnostic(network("    a = 0..60000\n    for i in a { c = x -> index_select(0, a) }"),
                      message);
    expect_diagnostic(network("    a = 0..60000\n    b = [a, a, a, a, a, a, a, a]\n"
                              "    for i in a { c = tensor(b) }"),
                      message);
    expect_diagnostic(network("    a = 0..65536\n    c = tensor([" + repeat("a, ", 100) + "])"),
                      "more than the 1048576 values");
    // Sharing: 2^45 numbers in a few lists.
    expect_diagnostic(network("    a = [0]\n    for i in 0..15 { a = [a, a, a, a, a, a, a, a] }\n"
                              "    c = tensor(a)"),
                      "more than the 1048576 values");
    expect_diagnostic(network("    c = tensor([" + repeat("[1, 2],", 100'000) + "])"),
                      "more than the 65536 values");
    expect_diagnostic(network("    c = tensor(" + repeat("[", 300) + "1" + repeat("]", 300) + ")"),
                      "nested more than 16 levels");
    EXPECT_EQ(try_text(network("    c = tensor([" + repeat("[1, 2],", 50'000) + "])")), "");
    expect_diagnostic(network("    c = expand(tensor(1), [" + repeat("9, ", 100) + "])"), "error");
    expect_diagnostic(network("    c = tensor(1e308) + tensor([9223372036854775807], dtype=i64)"),
                      "error");
}

TEST(HostileInput, SeveralResults) {
    expect_diagnostic("network n {\n    input x: f32[68719476736]\n    a = split(x, 1)\n"
                      "    output y = x\n}\n",
                      "at most");
    expect_diagnostic("network n {\n    input x: f32[68719476736]\n    a = split(x, [" +
                          repeat("1, ", 60'000) + "68719416736])\n    output y = x\n}\n",
                      "at most");
    expect_diagnostic("network n {\n    input x: f32[68719476736]\n"
                      "    a = chunk(x, 9223372036854775807)\n    output y = x\n}\n",
                      "at most");
    expect_diagnostic("network n {\n    input x: f32[4096]\n"
                      "    for i in 0..65536 { a = split(x, 1) }\n    output y = x\n}\n",
                      "takes too long");
    expect_diagnostic(network("    for i in 0..65536 { a, b = topk(x, 2) }\n"
                              "    for i in 0..65536 { a, b = topk(x, 2) }"),
                      "takes too long");
    expect_diagnostic(network("    " + repeat("a, ", 100'000) + "b = chunk(x, 2, dim=1)"),
                      "expected a list of 100001 values");
    expect_diagnostic(network("    a = concat([" + repeat("x, ", 65'000) +
                              "])\n"
                              "    for i in 0..100 { b = concat([" +
                              repeat("x, ", 65'000) + "]) }"),
                      "takes too long");
}

TEST(HostileInput, Powers) {
    expect_diagnostic(network("    y = 1" + repeat(" ** 1", 100'000)), "nested more than");
    expect_diagnostic(network("    y = " + repeat("-1 ** ", 100'000) + "1"), "nested more than");
    EXPECT_EQ(try_text(network("    y = (-1) ** 9223372036854775807 + 0 ** 9223372036854775807 + "
                               "2 ** 62 + (-2) ** 63 // 2 ** 62")),
              "");
    expect_diagnostic(network("    y = 2 ** 63"), "does not fit into 64 bits");
    expect_diagnostic(network("    y = 3 ** 9223372036854775807"), "does not fit into 64 bits");
    expect_diagnostic(network("    y = 0.0 ** -1"), "division by zero");
    EXPECT_EQ(try_text(network("    y = 10.0 ** 400 - 10 ** -400")), "");
}

TEST(HostileInput, Recursion) {
    const std::string call = "network n {\n input x: f32[1]\n output y = b(x, 3)\n}\n";
    expect_diagnostic("block b(x, n) { return b(x, n) }\n" + call, "nested more than 100 levels");
    expect_diagnostic("block b(x, n) { return b(x, n) + b(x, n) }\n" + call,
                      "nested more than 100 levels");
    expect_diagnostic("block b(x, n=b(x)) { return b(x) }\n" + call, "nested too deeply");
    // Not deep, but 2^60 calls.
    expect_diagnostic(
        "block b(x, n) {\n if n == 60 { return x }\n return b(b(x, n + 1), n + 1)\n}\n" + call,
        "takes too long");
    expect_diagnostic("block b(x, n) {\n return " + repeat("(", 350) + "b(x, n)" +
                          repeat(")", 350) + "\n}\n" + call,
                      "nested too deeply");
}

TEST(HostileInput, HugeShapes) {
    expect_diagnostic("network n {\n input x: f32[1099511627776]\n output y = x\n}\n",
                      "at most 68719476736 elements");
    expect_diagnostic(
        "network n {\n input x: f32[9223372036854775807, 9223372036854775807]\n output "
        "y = x\n}\n",
        "at most 68719476736 elements");
    expect_diagnostic(network("    p = parameter([9223372036854775807, 3])"),
                      "at most 68719476736");
    expect_diagnostic(network("    p = x -> conv2d(8, kernel=9223372036854775807)"), "error");
    expect_diagnostic(network("    p = x -> conv2d(8, kernel=3, padding=9223372036854775807)"),
                      "error");
    expect_diagnostic(network("    p = x -> conv2d(8, kernel=3, dilation=9223372036854775807)"),
                      "error");
    expect_diagnostic(network("    p = x -> reshape([9223372036854775807, 2, -1])"), "error");
    expect_diagnostic(network("    p = x -> flatten(-9223372036854775807 - 1)"), "error");
}

TEST(HostileInput, IntegerOverflow) {
    expect_diagnostic(network("    a = 2\n    for i in 0..100 { a = a * a }"),
                      "does not fit into 64 bits");
    expect_diagnostic(network("    a = (-9223372036854775807 - 1) % -1 + 1 // 0"),
                      "division by zero");
}

TEST(HostileInput, NotText) {
    expect_diagnostic(std::string(1'000'000, '\0'), "not text");
    expect_diagnostic(std::string("\x7f"
                                  "ELF\0\0\0",
                                  7),
                      "not text");
    expect_diagnostic("\xff\xfe\xfd", "unexpected character");
    expect_diagnostic(std::string(ten_million, '\xff'), "unexpected character");
    std::string bytes;
    uint32_t state = 1;
    for (int i = 0; i < 1'000'000; ++i) {
        state = state * 1664525 + 1013904223;
        bytes += char(1 + (state >> 24) % 255); // anything but zero
    }
    try_text(bytes);
}

TEST(HostileInput, LongLines) {
    expect_diagnostic(std::string(ten_million, 'a'), "longer than 255 characters");
    expect_diagnostic(std::string(ten_million, '1'), "expected `network`");
    expect_diagnostic(network("    y = " + std::string(ten_million, '1')), "64 bits");
    expect_diagnostic(std::string(ten_million, '"'), "expected `network`");
    expect_diagnostic(std::string(ten_million, '{'), "expected `network`");
    expect_diagnostic("\"" + std::string(ten_million, 'x'), "no closing quote");
    expect_diagnostic(std::string(ten_million, '#'), "declares no network");
    expect_diagnostic(std::string(ten_million, '\n'), "declares no network");
    expect_diagnostic(network("    y = \"" + std::string(ten_million, 'x') + "\" + 1"),
                      "does not apply");
    expect_diagnostic(network("    error(\"" + std::string(ten_million, 'x') + "\")"),
                      "error: xxxx");
    expect_diagnostic(network("    y = relu(x) as " + repeat("a.", 1'000'000) + "a"),
                      "longer than 1000 characters");
}

TEST(HostileInput, ManyMistakes) {
    expect_diagnostic(network(repeat("    y = undefined\n", 100'000)), "undefined name");
    expect_diagnostic(repeat("block b(x) { return x }\n", 100'000), "declared twice");
    expect_diagnostic(repeat("} ", 1'000'000), "expected `network`");
    expect_diagnostic(network(repeat("    ) \n", 100'000)), "expected a value");
    std::string names, parameters;
    for (int i = 0; i < 50'000; ++i) {
        names += "    name" + std::to_string(i) + " = nane" + std::to_string(i) + "\n";
        parameters += "parameter" + std::to_string(i) + ", ";
    }
    expect_diagnostic(network(names), "undefined name");
    expect_diagnostic("block b(" + parameters + ") { return 1 }\n" + network("    y = b(param=1)"),
                      "has no argument `param`");
}

TEST(HostileInput, ManyImports) {
    std::string text;
    for (int i = 0; i < 1000; ++i)
        text += "import \"" + std::to_string(i) + ".cnn\"\n";
    SourceManager sources;
    Diagnostics diags;
    load_program_text("n.cnn", text, sources, diags, [](const std::string &, std::string &) {
        return std::optional(std::string());
    });
    EXPECT_NE(diags.render(sources).find("more than 256 files"), std::string::npos);
}

TEST(HostileInput, EndlessImports) {
    SourceManager sources;
    Diagnostics diags;
    int next = 0;
    load_program_text("n.cnn", "import \"0.cnn\"\n", sources, diags,
                      [&](const std::string &, std::string &) {
                          return std::optional("import \"" + std::to_string(++next) + ".cnn\"\n");
                      });
    EXPECT_NE(diags.render(sources).find("more than 256 files"), std::string::npos);
}

} // namespace
} // namespace cnnc
