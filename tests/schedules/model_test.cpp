// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The families' models: always legal, on every target; and what they choose for layers of known
// networks, so that a change of a model is seen for what it changes.
#include "schedules/family.h"
#include "tests/golden_runner.h"
#include "tests/lower/random_workload.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::vector<std::pair<std::string, Machine>> machines() {
    std::vector<std::pair<std::string, Machine>> result;
    for (const char *gpu : {"x86-64-linux-opencl", "x86-64-linux-cuda-cuda_capability_75"})
        result.emplace_back(gpu, machine_for(parse_target(gpu, nullptr).value()));
    for (const KnownTarget &known : known_targets()) {
        Machine machine = machine_for(parse_target(known.text, nullptr).value());
        for (int cores : {1, 2, 8, 64}) {
            machine.cores = cores;
            result.emplace_back(std::string(known.name) + " of " + std::to_string(cores) + " cores",
                                machine);
        }
    }
    return result;
}

void expect_legal(const Workload &w) {
    ASSERT_EQ(workload_problem(w), "");
    for (const auto &[name, machine] : machines()) {
        if (machine.gpu && element_count(w.output.shape) > machine.gpu->most_elements)
            continue; // refused before
        const Schedule chosen = default_schedule(w, machine);
        bool found = false;
        for (const Family &family : families()) {
            if (!family_fits(family, w, machine))
                continue;
            const Schedule schedule = family.model(w, machine);
            EXPECT_EQ(schedule.family, family.name);
            ASSERT_EQ(schedule_problem(w, machine, schedule), "") << name << "\n"
                                                                  << workload_text(w) << "\n"
                                                                  << schedule_text(schedule);
            found |= schedule == chosen;
        }
        ASSERT_TRUE(found) << workload_text(w);
    }
}

TEST(Models, AreLegalForRandomWorkloads) {
    for (uint64_t seed = 0; seed < 1500; ++seed)
        expect_legal(random_workload(seed));
}

TEST(Models, AreLegalForLargeWorkloads) {
    const RandomWorkloadOptions large{300, 3000, int64_t(1) << 36};
    for (uint64_t seed = 0; seed < 1500; ++seed)
        expect_legal(random_workload(seed, large));
}

TEST(Models, AreLegalForExtremeWorkloads) {
    for (const char *text : {
             "max_pool2d(kernel=[2, 1], stride=[2, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
             "ceil_mode=false) f32[1, 1, 2000000, 1] -> f32[1, 1, 1000000, 1]",
             "conv2d(1, kernel=[3, 1], stride=[1, 1], padding=[[1, 1], [0, 0]], dilation=[1, 1], "
             "groups=1, bias=false) f32[1, 1, 1000000, 1] -> f32[1, 1, 1000000, 1]",
             "conv2d(1, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
             "groups=1, bias=false) f32[1, 1, 100000, 100000] -> f32[1, 1, 100000, 100000]",
             "conv2d(100000, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], "
             "dilation=[1, 1], groups=1, bias=false) f32[1, 100000, 1, 1] -> f32[1, 100000, 1, 1]",
             "conv2d(2, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
             "groups=1, bias=true) f32[1, 2, 65536, 32768] -> f32[1, 2, 65536, 32768]",
             "linear(1, bias=true) f32[30000000, 1] -> f32[30000000, 1]",
             "identity f32[1, 1, 65536, 1048576] -> relu -> f32[1, 1, 65536, 1048576]",
             "softmax(dim=0) f32[60000000000] -> f32[60000000000]",
             "mean(dims=[2, 3]) f32[1, 1, 1, 1] -> f32[1, 1, 1, 1]",
             "identity f32[] -> f32[]",
         }) {
        const auto w = parse_workload(text);
        ASSERT_TRUE(w) << text;
        expect_legal(*w);
    }
}

// ---- what is chosen ----

// A server's core. Fixed, so that nothing depends on the machine that tests.
Machine server(int vector_bytes, int registers, bool fma) {
    Machine m;
    m.vector_bytes = vector_bytes;
    m.vector_registers = registers;
    m.fma = fma;
    m.memory_broadcast = m.masked_stores = vector_bytes == 64;
    m.l1_bytes = 32 << 10;
    m.l2_bytes = 1 << 20;
    m.cores = 1;
    return m;
}

const char *const conv_3x3 =
    "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 56, 56] -> relu -> f32[1, 64, 56, 56]";

// One section per layer; what each machine's model chooses for it.
std::string choices(const testing::GoldenCase &golden) {
    const std::pair<const char *, Machine> machines[] = {{"avx512", server(64, 32, true)},
                                                         {"avx2", server(32, 16, true)},
                                                         {"sse", server(16, 16, false)}};
    std::string text;
    for (const testing::GoldenSection &section : golden.sections) {
        const std::string line = section.text.substr(0, section.text.find('\n'));
        const auto w = parse_workload(line);
        EXPECT_TRUE(w && workload_problem(*w).empty()) << line;
        if (!w)
            continue;
        text += section.argument + "\n";
        for (const auto &[name, machine] : machines) {
            Machine cores = machine;
            text += fmt::format("  {}: {}\n", name, schedule_text(default_schedule(*w, cores)));
            cores.cores = 8;
            text += fmt::format("    8 cores: {}\n", schedule_text(default_schedule(*w, cores)));
        }
    }
    return text;
}

// The same for GPUs: one line per layer.
std::string gpu_choices(const testing::GoldenCase &golden) {
    const Machine machine = machine_for(parse_target("cuda", nullptr).value());
    std::string text;
    for (const testing::GoldenSection &section : golden.sections) {
        const auto w = parse_workload(section.text.substr(0, section.text.find('\n')));
        EXPECT_TRUE(w && workload_problem(*w).empty()) << section.text;
        if (w)
            text += fmt::format("{}: {}\n", section.argument,
                                schedule_text(default_schedule(*w, machine)));
    }
    return text;
}

// What the model of the register tile is argued from.
TEST(Models, FillTheRegisters) {
    const Workload w = parse_workload(conv_3x3).value();
    const Schedule avx512 = default_schedule(w, server(64, 32, true));
    EXPECT_EQ(avx512.integer("tile_x"), 14);
    EXPECT_EQ(avx512.integer("tile_c"), 32);
    const Schedule avx2 = default_schedule(w, server(32, 16, true));
    EXPECT_EQ(avx2.integer("tile_x"), 4);
    EXPECT_EQ(avx2.integer("tile_c"), 16);
}

// One core makes no parallel loops.
TEST(Models, UseThreadsWhereThereAreSome) {
    const Workload w = parse_workload(conv_3x3).value();
    Machine machine = server(64, 32, true);
    EXPECT_EQ(default_schedule(w, machine).choice("parallel"), "none");
    machine.cores = 4;
    EXPECT_NE(default_schedule(w, machine).choice("parallel"), "none");
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Choices", CNNC_SOURCE_DIR "/tests/schedules/golden",
                                         cnnc::choices);
    cnnc::testing::register_golden_cases(
        "GpuChoices", CNNC_SOURCE_DIR "/tests/schedules/golden/gpu", cnnc::gpu_choices);
    return cnnc::testing::golden_main(argc, argv);
}
