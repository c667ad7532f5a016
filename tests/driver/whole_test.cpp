// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Commands that compile: what they write and print, and that verify can fail.
#include "compiler/driver/driver.h"
#include "compiler/driver/static_report.h"
#include "compiler/graph/tensor.h"
#include "compiler/import/npy.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr const char *network = R"(network small {
    input x: f32[1, 3, 12, 12]
    y = x -> conv2d(16, kernel=3, padding=1) as conv1 -> relu -> max_pool2d(2) as pool
    z = y -> conv2d(16, kernel=3, padding=1) as conv2
    output scores = relu(z + y) -> flatten -> linear(10) as fc
}
)";

struct Result {
    int code;
    std::string out, err;
};

class Whole : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "cnnc-whole-XXXXXX";
        folder = mkdtemp(name.data());
        setenv("CNNC_CACHE_DIR", (folder / "cache").c_str(), 1);
        file = folder / "small.cnn";
        std::ofstream(file) << network;
    }
    void TearDown() override { fs::remove_all(folder); }

    static Result cnnc(std::vector<std::string> args) {
        std::istringstream in;
        std::ostringstream out, err;
        Console console{in, out, err};
        const int code = cnnc_main(std::move(args), console);
        return {code, out.str(), err.str()};
    }

    fs::path folder;
    std::string file;
};

std::string contents(const fs::path &path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST_F(Whole, BuildWritesTheLibraryAndSaysSo) {
    const Result result =
        cnnc({"build", file, "--random-weights", "1", "-o", folder / "out", "--target", "sse41"});
    ASSERT_EQ(result.code, exit_ok) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find("libsmall.a"), std::string::npos);
    for (const char *name :
         {"libsmall.a", "small.h", "small.json", "small-config.cmake", "small.pc"})
        EXPECT_GT(fs::file_size(folder / "out" / name), 50u) << name;
    EXPECT_FALSE(fs::exists(folder / "out" / "small.weights"));
    const auto manifest = nlohmann::json::parse(contents(folder / "out" / "small.json"));
    EXPECT_TRUE(manifest.is_object());
}

TEST_F(Whole, BuildGivesTheSameBytesWhateverTheJobsAndTheCache) {
    const auto build = [&](const std::string &out, std::vector<std::string> more) {
        std::vector<std::string> args = {"build", file, "--random-weights",
                                         "1",     "-o", folder / out};
        args.insert(args.end(), more.begin(), more.end());
        EXPECT_EQ(cnnc(args).code, exit_ok);
    };
    build("one", {"-j", "1", "--no-cache"});
    build("two", {"-j", "2"});
    build("cached", {});
    for (const char *name :
         {"libsmall.a", "small.h", "small.json", "small-config.cmake", "small.pc"}) {
        const std::string first = contents(folder / "one" / name);
        EXPECT_TRUE(first == contents(folder / "two" / name)) << name;
        EXPECT_TRUE(first == contents(folder / "cached" / name)) << name;
    }
}

TEST_F(Whole, VerifyAgreesLayerByLayer) {
    const Result result = cnnc({"verify", file, "--random-weights", "1", "--layers"});
    EXPECT_EQ(result.code, exit_ok) << result.out << result.err;
    for (const char *layer : {"\nconv1 ", "\npool ", "\nconv2 ", "\nfc ", "\nscores "})
        EXPECT_NE(result.out.find(layer), std::string::npos) << layer << result.out;
}

TEST_F(Whole, VerifyRunsOnSeveralThreads) {
    EXPECT_EQ(cnnc({"verify", file, "--random-weights", "1", "--threads", "3"}).code, exit_ok);
}

TEST_F(Whole, VerifyFailsPastTheTolerance) {
    const Result result =
        cnnc({"verify", file, "--random-weights", "1", "--layers", "--tolerance", "0"});
    EXPECT_EQ(result.code, exit_bad_input);
    EXPECT_NE(result.out.find("TOO FAR OFF"), std::string::npos);
}

TEST_F(Whole, VerifyFailsOnNaN) {
    std::vector<float> values(3 * 12 * 12, 1.0f);
    values[7] = NAN;
    Diagnostics diags;
    const std::string input = folder / "x.npy";
    ASSERT_TRUE(write_npy(input, TensorData::from_floats({1, 3, 12, 12}, values), diags));
    const Result result = cnnc({"verify", file, "--random-weights", "1", "--input", "x=" + input});
    EXPECT_EQ(result.code, exit_bad_input);
    EXPECT_NE(result.out.find("NOT FINITE"), std::string::npos) << result.out;
}

TEST_F(Whole, RunGivesWhatTheReferenceGives) {
    std::vector<float> values(3 * 12 * 12);
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = float(i % 17) / 17;
    Diagnostics diags;
    const std::string input = folder / "x.npy";
    ASSERT_TRUE(write_npy(input, TensorData::from_floats({1, 3, 12, 12}, values), diags));
    const std::vector<std::string> args = {"run",     file,         "--random-weights", "1",
                                           "--input", "x=" + input, "--output-dir"};
    const auto run = [&](const std::string &dir, bool reference) {
        std::vector<std::string> all = args;
        all.push_back(folder / dir);
        if (reference)
            all.push_back("--reference");
        EXPECT_EQ(cnnc(all).code, exit_ok);
        return read_npy(folder / dir / "scores.npy", diags);
    };
    const auto compiled = run("compiled", false), reference = run("reference", true);
    ASSERT_TRUE(compiled && reference);
    EXPECT_EQ(compiled->type.shape, (Shape{1, 10}));
    for (int i = 0; i < 10; ++i)
        EXPECT_NEAR(compiled->floats()[i], reference->floats()[i], 1e-4);
}

TEST_F(Whole, BenchJsonHasTheAgreedKeys) {
    const Result result = cnnc({"bench", file, "--json", "--layers", "--seconds", "0.02"});
    ASSERT_EQ(result.code, exit_ok) << result.err;
    const auto json = nlohmann::json::parse(result.out);
    for (const char *key : {"network", "target", "cpu", "threads", "runs", "min_ms", "median_ms",
                            "macs", "gflops", "peak_gflops"})
        EXPECT_TRUE(json.contains(key)) << key;
    EXPECT_EQ(json["network"], "small");
    EXPECT_EQ(json["macs"], 12 * 12 * 16 * 27 + 6 * 6 * 16 * 144 + 576 * 10);
    EXPECT_LE(json["min_ms"], json["median_ms"]);
    ASSERT_EQ(json["layers"].size(), 4u);
    for (const auto &layer : json["layers"])
        for (const char *key :
             {"name", "op", "workload", "schedule", "min_ms", "gflops", "roofline"})
            EXPECT_TRUE(layer.contains(key)) << key;
    EXPECT_EQ(json["layers"][0]["name"], "conv1");
    EXPECT_EQ(json["layers"][1]["op"], "max_pool2d");
}

// Of any CPU, without running anything.
TEST_F(Whole, BenchReadsTheMachineCode) {
    const Result table =
        cnnc({"bench", file, "--static", "--target", "arm64", "--cpu", "cortex-a72"});
    ASSERT_EQ(table.code, exit_ok) << table.err;
    EXPECT_NE(table.out.find("small on arm-64-linux cortex-a72: hot loops, per iteration\n"),
              std::string::npos)
        << table.out;
    const Result result =
        cnnc({"bench", file, "--static", "--json", "--target", "arm64", "--cpu", "cortex-a72"});
    ASSERT_EQ(result.code, exit_ok) << result.err;
    const auto json = nlohmann::json::parse(result.out);
    EXPECT_EQ(json["cpu"], "cortex-a72");
    EXPECT_EQ(json["macs"], 12 * 12 * 16 * 27 + 6 * 6 * 16 * 144 + 576 * 10);
    ASSERT_EQ(json["layers"].size(), 4u);
    const auto &conv = json["layers"][2];
    EXPECT_EQ(conv["name"], "conv2");
    EXPECT_GT(conv["multiply_adds"], 0);
    EXPECT_GT(conv["loads"], 0);
    EXPECT_EQ(conv["spills"], 0);
    EXPECT_EQ(json["layers"][1]["multiply_adds"], 0); // pooling
    if (conv["cycles"].is_null())
        return; // this release of LLVM tells no cycles
    EXPECT_GT(conv["fraction"], 0.5);
    EXPECT_LE(conv["fraction"], 1.001);
    EXPECT_GT(json["fraction"], 0.2);
    EXPECT_LE(json["fraction"], 1.001);
}

TEST_F(Whole, BenchSaysWhyThereAreNoCycles) {
    std::ofstream(folder / "relu.cnn") << "network n {\n    input x: f32[1, 1000]\n"
                                          "    output y = relu(x)\n}\n";
    const Result none = cnnc({"bench", folder / "relu.cnn", "--static", "--target", "arm64"});
    EXPECT_NE(none.out.find("\nNo cycles: no hot loop multiplies and adds\n"), std::string::npos)
        << none.out;
    const Result unknown = cnnc({"bench", file, "--static", "--target", "x86-32"});
    EXPECT_NE(unknown.out.find("\nNo cycles: LLVM has no model of this CPU's instructions\n"),
              std::string::npos)
        << unknown.out;
}

TEST_F(Whole, BenchReadsNoGpusCode) {
    Scheduled scheduled;
    scheduled.target = parse_target("x86-64-linux-opencl", nullptr).value();
    std::istringstream in;
    std::ostringstream out, err;
    Console console{in, out, err};
    try {
        print_static_report(scheduled, {}, false, console);
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code, exit_bad_command_line);
        EXPECT_EQ(failure.message,
                  "--static reads the machine code of CPUs; this target's kernels run on a GPU");
    }
}

TEST_F(Whole, ExplainNamesFusionScheduleLoopsAndAssembly) {
    const Result all = cnnc({"explain", file});
    EXPECT_EQ(all.code, exit_ok) << all.err;
    EXPECT_NE(all.out.find("(default)"), std::string::npos);
    EXPECT_NE(all.out.find("fused"), std::string::npos);
    EXPECT_NE(all.out.find("Memory: one block"), std::string::npos);
    const Result layer = cnnc({"explain", file, "conv2"});
    EXPECT_NE(layer.out.find("produce output:"), std::string::npos) << layer.out << layer.err;
    EXPECT_NE(layer.out.find("Hot loop, per iteration: "), std::string::npos) << layer.out;
    const Result assembly = cnnc({"explain", file, "conv2", "--asm"});
    EXPECT_NE(assembly.out.find("cnnc_k_"), std::string::npos);
}

TEST_F(Whole, WhatCannotRunHereIsNotRun) {
#if defined(__x86_64__)
    const char *foreign = "arm64";
#else
    const char *foreign = "sse41";
#endif
    for (const char *command : {"verify", "bench"}) {
        const Result result = cnnc({command, file, "--random-weights", "1", "--target", foreign});
        EXPECT_EQ(result.code, exit_bad_command_line);
        EXPECT_NE(result.err.find("cannot run on this machine"), std::string::npos);
    }
}

// As on a machine without a GPU, whatever this one has.
TEST_F(Whole, WithoutADriverNothingIsTuned) {
    if (host_target().arch != Arch::x86 || host_target().bits != 64)
        GTEST_SKIP() << "x86-64 only";
    std::ofstream(folder / "libcuda.so.1") << "no library";
    setenv("LD_LIBRARY_PATH", folder.c_str(), 1);
    const fs::path records = folder / "net.sched";
    const Result result = cnnc({"tune", file, "--target", "cuda", "--trials", "1", "-o", records});
    unsetenv("LD_LIBRARY_PATH");
    EXPECT_EQ(result.code, exit_environment);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err,
              "cnnc: error: kernel0_create returned 11: the GPU's driver (libcuda.so.1 or "
              "libOpenCL.so.1) is not installed or does not start\n");
    EXPECT_FALSE(fs::exists(records));
}

TEST_F(Whole, AnOverrideIsUsedAndNamed) {
    const Result defaults = cnnc({"explain", file, "fc", "--target", "sse41"});
    const size_t at = defaults.out.find("schedule  ") + 10;
    std::string schedule = defaults.out.substr(at, defaults.out.find(')', at) + 1 - at);
    const Result result =
        cnnc({"explain", file, "fc", "--target", "sse41", "--schedule", "fc: " + schedule});
    EXPECT_EQ(result.code, exit_ok) << result.err;
    EXPECT_NE(result.out.find("(override)"), std::string::npos) << result.out;
}

} // namespace
} // namespace cnnc
