// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries for ARM as users meet them: made by the command `cnnc` on this machine, linked into C
// programs by Debian's cross compilers, run by QEMU.
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace cnnc {
namespace {

const std::string source_dir = CNNC_SOURCE_DIR;
const std::string programs = source_dir + "/tests/codegen/programs/";
const std::string busy = programs + "busy.cnn --random-weights 1";

struct Architecture {
    const char *name, *target, *triple, *emulator;
};

class Cross : public testing::TestWithParam<Architecture> {
  protected:
    Workshop shop_;

    void SetUp() override {
        for (const std::string &tool : {cc(), emulator()})
            if (run_command("command -v " + tool).code != 0)
                GTEST_SKIP() << tool << " is not installed";
    }
    std::string cc() const { return std::string(GetParam().triple) + "-gcc"; }
    std::string emulator() const { return GetParam().emulator; }

    void build(const std::string &network, const std::string &options = "") {
        shop_.run(CNNC_PROGRAM " build " + network + " -o . --target " +
                  (options.empty() ? GetParam().target : options));
    }
    // Links a C program; with `dynamic`, it uses the cross compiler's C library.
    void link(const std::string &path, const std::string &libraries, bool dynamic = false) {
        shop_.run(cc() + " -std=c11 -Wall -Wextra -Werror -O1 -I. " + path + " " + libraries +
                  " -lm -pthread -ldl -o program" + (dynamic ? "" : " -static"));
    }
    CommandResult run(const std::string &arguments = "", const std::string &options = "") {
        return shop_.try_run(emulator() + " " + options + " ./program " + arguments);
    }
    void expect(const std::string &output, const CommandResult &result) {
        EXPECT_EQ(result.code, 0);
        EXPECT_EQ(result.output, output);
    }
};

INSTANTIATE_TEST_SUITE_P(
    Architectures, Cross,
    testing::Values(Architecture{"arm64", "arm64", "aarch64-linux-gnu", "qemu-aarch64-static"},
                    Architecture{"arm32", "arm32", "arm-linux-gnueabihf", "qemu-arm-static"}),
    [](const auto &info) { return std::string(info.param.name); });

TEST_P(Cross, ContextsInThreads) {
    build(busy);
    link(programs + "threads.c", "libbusy.a");
    expect("same\n", run());
}

TEST_P(Cross, CallersLoopAndProfile) {
    build(busy);
    link(programs + "callers_loop.c", "libbusy.a");
    expect("same\n", run());
}

TEST_P(Cross, RunAllocatesAndLocksNothing) {
    build(busy);
    link(programs + "quiet.c", "libbusy.a", true);
    const std::string root = std::string("-L /usr/") + GetParam().triple;
    for (const char *arguments : {"1", "3", "3 own"})
        expect("quiet\n", run(arguments, root));
}

// The whole interface. The program prints the output, a softmax's.
TEST_P(Cross, MemoryWeightsFileAndErrors) {
    build(busy + " --weights-file");
    link(source_dir + "/tests/cross/interface.c", "libbusy.a");
    const CommandResult result = run();
    EXPECT_EQ(result.code, 0) << result.output;
    std::istringstream numbers(result.output);
    double sum = 0, number = 0;
    int values = 0;
    for (; numbers >> number; ++values)
        sum += number;
    EXPECT_EQ(values, 10) << result.output;
    EXPECT_NEAR(sum, 1, 1e-3);
}

TEST_P(Cross, TwoNetworksInOneProgram) {
    build(busy);
    build(source_dir + "/examples/lenet5/lenet5.cnn --weights " + source_dir +
          "/examples/lenet5/lenet5.safetensors");
    link(programs + "two_networks.c", "libbusy.a liblenet5.a");
    expect("both\n", run());
}

TEST_P(Cross, ElementTypes) {
    build(programs + "camera.cnn --random-weights 3");
    link(programs + "camera.c", "libcamera.a");
    const CommandResult there = run();
    EXPECT_EQ(there.code, 0);
    shop_.run(CNNC_PROGRAM " build " + programs + "camera.cnn --random-weights 3 -o here");
    shop_.run(CNNC_CC " -Ihere " + programs + "camera.c here/libcamera.a -lm -pthread -o native");
    EXPECT_EQ(there.output, shop_.run("./native"));
}

TEST_P(Cross, ACpuThatLacksInstructionsIsRefused) {
    if (std::string(GetParam().name) != "arm64")
        GTEST_SKIP() << "arm32 has no features to lack";
    shop_.write("program.c", "#include \"busy.h\"\n#include <stdio.h>\n"
                             "int main(void) {\n    busy *net;\n"
                             "    int error = busy_create(0, &net);\n"
                             "    puts(error ? busy_error_message(error) : busy_variant());\n"
                             "    return error;\n}\n");
    build(busy, "arm-64-linux-arm_dot_prod");
    link("program.c", "libbusy.a");
    EXPECT_EQ(run("", "-cpu cortex-a53").code, 5);
    expect("arm-64-linux-arm_dot_prod\n", run("", "-cpu max"));
    build(busy, "arm-64-linux-arm_dot_prod,arm64");
    link("program.c", "libbusy.a");
    expect("arm64\n", run("", "-cpu cortex-a53"));
    expect("arm-64-linux-arm_dot_prod\n", run("", "-cpu max"));
}

} // namespace
} // namespace cnnc
