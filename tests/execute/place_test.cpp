// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where code can run, and what is said where it cannot.
#include "compiler/execute/places.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

Place place_for(const char *target, const char *runner = "", const char *compiler = "") {
    std::string problem;
    Place place;
    place.target = parse_target(target, &problem).value();
    place.runner = runner;
    place.compiler = compiler;
    return place;
}

// Another architecture than this machine's.
const char *foreign() {
    return host_target().arch == Arch::riscv ? "arm-64-linux" : "riscv-64-linux";
}

TEST(Place, ThisMachineNeedsNothing) {
    EXPECT_EQ(place_problem(place_for("host")), "");
    EXPECT_TRUE(runs_in_child(place_for("host")));
    EXPECT_FALSE(runs_in_child(place_for("host", "env")));
    EXPECT_FALSE(runs_in_child(place_for(foreign())));
}

TEST(Place, WithoutARunnerItSaysWhichToGive) {
    if (host_target().arch == Arch::riscv)
        GTEST_SKIP() << "this machine runs RISC-V";
    EXPECT_EQ(place_problem(place_for("riscv-64-linux")),
              "code for riscv-64-linux cannot run on this machine (" + target_text(host_target()) +
                  "): give a command that runs it, as in --runner qemu-riscv64-static (Debian "
                  "package qemu-user-static) or --runner 'ssh board'");
}

TEST(Place, ProgramsThatAreNotThere) {
    EXPECT_EQ(place_problem(place_for("host", "no-such-runner -x")),
              "--runner: there is no program `no-such-runner`");
    EXPECT_EQ(place_problem(place_for("host", "/etc/passwd")),
              "--runner: there is no program `/etc/passwd`");
    EXPECT_EQ(place_problem(place_for("host", "a 'b")),
              "--runner: a quote is not closed or a backslash ends it: a 'b");
    EXPECT_EQ(place_problem(place_for("host", "env", "no-such-cc -O2")),
              "--cc: there is no program `no-such-cc`");
    EXPECT_EQ(place_problem(place_for("host", "env", " ")), "--cc is empty");
}

TEST(Place, EveryTargetHasAUsualCompilerAndEmulator) {
    for (const KnownTarget &known : known_targets()) {
        const Place place = place_for(std::string(known.name).c_str(), "env");
        EXPECT_NE(usual_compiler(place.target).command, "") << known.name;
        EXPECT_NE(usual_emulator(place.target).command, "") << known.name;
    }
    EXPECT_EQ(usual_emulator(place_for("arm-32-linux").target).command, "qemu-arm-static");
    if (host_target().arch == Arch::x86) {
        EXPECT_EQ(usual_compiler(place_for("arm-64-linux").target).command,
                  "aarch64-linux-gnu-gcc");
        EXPECT_EQ(usual_compiler(place_for("arm-32-linux").target).package,
                  "gcc-arm-linux-gnueabihf");
        EXPECT_EQ(usual_compiler(place_for("x86-64-linux").target).command, "cc");
    }
}

} // namespace
} // namespace cnnc
