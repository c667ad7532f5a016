// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Targets: reading, printing, implied features, bad input; machines and the reading of the system.
#include "compiler/target/features.h"
#include "compiler/target/target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace cnnc {
namespace {

Target parsed(std::string_view text) {
    std::string problem;
    auto target = parse_target(text, &problem);
    EXPECT_TRUE(target) << text << ": " << problem;
    return target.value_or(Target{});
}

std::string problem_of(std::string_view text) {
    std::string problem;
    EXPECT_FALSE(parse_target(text, &problem)) << text;
    return problem;
}

TEST(Target, PrintsTheFullChainSorted) {
    EXPECT_EQ(target_text(parsed("x86-64-linux")), "x86-64-linux");
    EXPECT_EQ(target_text(parsed("x86-64-linux-fma-avx2")), "x86-64-linux-avx-avx2-fma-sse41");
    EXPECT_EQ(target_text(parsed("x86-64-linux-avx512_skylake")),
              "x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41");
    EXPECT_EQ(target_text(parsed("arm-64-linux-sve2-sve2")), "arm-64-linux-sve-sve2");
    EXPECT_EQ(target_text(parsed("riscv-64-linux")), "riscv-64-linux");
}

TEST(Target, EqualTargetsHaveEqualText) {
    EXPECT_EQ(parsed("avx512"), parsed("x86-64-linux-avx512_skylake"));
    EXPECT_FALSE(parsed("avx512") == parsed("avx2"));
    Target with_cpu = parsed("avx512");
    with_cpu.cpu = "cascadelake";
    EXPECT_FALSE(with_cpu == parsed("avx512"));
    EXPECT_EQ(target_text(with_cpu), target_text(parsed("avx512")));
}

TEST(Target, KnownNamesParseToTheTextTheyShow) {
    std::set<std::string_view> names;
    for (const KnownTarget &known : known_targets()) {
        EXPECT_TRUE(names.insert(known.name).second) << known.name;
        EXPECT_FALSE(known.about.empty());
        Target target = parsed(known.name);
        EXPECT_EQ(target, parsed(target_text(target)));
        if (known.name != "host") {
            EXPECT_EQ(target_text(target), known.text);
        }
    }
}

TEST(Target, HostTakesMoreFeatures) {
    EXPECT_EQ(parsed("host"), host_target());
    if (host_target().arch == Arch::x86) {
        EXPECT_TRUE(parsed("host-avx2").has("avx2"));
    }
}

TEST(Target, GpusAreFeatures) {
    Target cuda = parsed("x86-64-linux-cuda_capability_80-avx2");
    EXPECT_EQ(target_text(cuda), "x86-64-linux-avx-avx2-cuda-cuda_capability_80-sse41");
    EXPECT_EQ(gpu_api(cuda), GpuApi::cuda);
    EXPECT_EQ(cuda_capability(cuda), 80);
    EXPECT_EQ(cpu_part(cuda), parsed("x86-64-linux-avx2"));
    ASSERT_TRUE(machine_for(cuda).gpu);
    EXPECT_EQ(machine_for(cuda).gpu->capability, 80);
    EXPECT_TRUE(machine_for(cuda).gpu->dp4a);
    EXPECT_EQ(cuda_capability(parsed("x86-64-linux-cuda")), 50);
    EXPECT_EQ(machine_for(parsed("x86-64-linux-cuda")).gpu->capability, 50);
    EXPECT_EQ(cuda_capability(parsed("x86-64-linux-cuda_capability_30")), 30);
    EXPECT_EQ(cuda_capability(parsed("cuda")), 75); // a short name is not the feature
    EXPECT_EQ(cuda_capability(parsed("x86-64-linux-opencl")), 0);
    EXPECT_EQ(gpu_api(parsed("arm-64-linux-opencl")), GpuApi::opencl);
    EXPECT_EQ(gpu_api(parsed("x86-64-linux")), GpuApi::none);
    EXPECT_FALSE(machine_for(parsed("x86-64-linux-avx2")).gpu);
}

TEST(Target, ProblemsSayWhatIsWrong) {
    EXPECT_EQ(problem_of(""), "the target is empty");
    EXPECT_EQ(problem_of("x86-64-linux-avx51"), "unknown feature `avx51`; did you mean `avx512`?");
    EXPECT_EQ(problem_of("x86-64-linux-zzzzzz"), "unknown feature `zzzzzz`");
    EXPECT_EQ(problem_of("x86-64-linux-metal"),
              "`metal` is not supported; GPU targets are of `cuda` and `opencl`");
    EXPECT_EQ(problem_of("x86-64-linux-cuda-cuda_capability_90"),
              "unknown capability `cuda_capability_90`; GPUs run code for older ones: the newest "
              "known is `cuda_capability_86`");
    EXPECT_EQ(problem_of("arm-64-linux-avx2"), "`avx2` is not a feature of this architecture");
    EXPECT_EQ(
        problem_of("x86-64-linux-no_asserts"),
        "`no_asserts` is a setting of Halide's, not a feature of a machine; cnnc chooses those "
        "itself");
    EXPECT_EQ(problem_of("x86-64-windows"),
              "targets on `windows` are not supported yet, only on `linux`");
    EXPECT_EQ(problem_of("wasm-32-wasmrt"),
              "targets on `wasmrt` are not supported yet, only on `linux`");
    EXPECT_EQ(problem_of("x86-64-plan9"),
              "unknown operating system `plan9`; only `linux` is supported yet");
    EXPECT_EQ(problem_of("arm-64"),
              "a target reads arch-bits-os, as in `x86-64-linux-avx2`, not `arm-64`");
    EXPECT_EQ(problem_of("x86-16-linux"),
              "a target reads arch-bits-os, as in `x86-64-linux-avx2`, not `x86-16-linux`");
    EXPECT_EQ(problem_of("powerpc-64-linux"),
              "targets of architecture `powerpc` are not supported");
    EXPECT_EQ(problem_of("avx52"), "unknown target `avx52`; did you mean `avx512`?");
    EXPECT_EQ(problem_of("AVX2"), "unknown target `AVX2`; did you mean `avx2`?");
    EXPECT_EQ(problem_of("aarch64"), "unknown target `aarch64`; did you mean `arm64`?");
    EXPECT_EQ(problem_of("cortex-a72"),
              "`cortex-a72` is a CPU, for --cpu; `cnnc targets` lists the targets");
    EXPECT_EQ(problem_of("riscv-64-linux-rvv"), "`rvv`: vectors of RISC-V are not supported yet");
    EXPECT_EQ(problem_of("arm-64-linux-no_neon"), "`no_neon` is for ARM of 32 bits only");
    EXPECT_EQ(problem_of("x86-64-linux-cuda-opencl"),
              "`cuda` and `opencl` make two targets, not one");
    EXPECT_EQ(problem_of("arm-32-linux-cuda_capability_70"), "GPUs take a CPU of 64 bits");
    EXPECT_EQ(problem_of("host,avx2"), "this is a list; one target is meant here");
}

TEST(Target, HostileTextIsShortWork) {
    EXPECT_FALSE(problem_of(std::string(10'000'000, '-')).empty());
    EXPECT_FALSE(problem_of(std::string(999, 'x')).empty());
    EXPECT_LT(problem_of(std::string(999, 'x')).size(), 200u);
    EXPECT_FALSE(problem_of("---").empty());
    EXPECT_FALSE(problem_of(std::string_view("x86-64-linux-\0", 14)).empty());
    EXPECT_FALSE(parse_target("nonsense", nullptr));
}

TEST(Target, RunsHere) {
    Target host = host_target();
    EXPECT_TRUE(runs_here(host));
    Target foreign = parsed(host.arch == Arch::arm ? "avx2" : "arm64");
    EXPECT_FALSE(runs_here(foreign));
    Target halved = host;
    halved.bits = 96 - host.bits;
    EXPECT_FALSE(runs_here(halved));
    if (host.arch == Arch::x86) {
        EXPECT_TRUE(runs_here(parsed("x86-64")));
        Target amd_only = parsed("x86-64-linux-fma4-avx512_knl"); // no CPU has both
        EXPECT_FALSE(runs_here(amd_only));
    }
}

TEST(Target, CpuCountsInRunsHere) {
    if (host_target().arch != Arch::x86)
        GTEST_SKIP() << "x86 only";
    // No CPU has the flags of both: what AMD's sse4a promises and AVX-512 FP16.
    Target target = parsed("x86-64");
    target.cpu = "znver1";
    bool amd = runs_here(target);
    target.cpu = "sapphirerapids";
    bool intel = runs_here(target);
    EXPECT_FALSE(amd && intel);
}

constexpr char cascade_lake[] = "processor\t: 0\n"
                                "flags\t\t: fpu sse2 ssse3 fma abm bmi1 bmi2 movbe popcnt sse4_1 "
                                "sse4_2 avx f16c avx2 avx512f avx512dq avx512cd avx512bw "
                                "avx512vl avx512_vnni\n"
                                "processor\t: 1\nflags\t\t: fpu\n";

TEST(Host, FeaturesFromCpuinfo) {
    auto flags = cpuinfo_flags(cascade_lake);
    ASSERT_EQ(flags.size(), 20u);
    Target target;
    target.features = features_from_flags(flags, Arch::x86);
    EXPECT_EQ(target, parsed("avx512"));

    target.features =
        features_from_flags(cpuinfo_flags("Features\t: fp asimd asimddp\n"), Arch::arm);
    EXPECT_EQ(target.features, std::vector<std::string>{"arm_dot_prod"});

    EXPECT_TRUE(cpuinfo_flags("").empty());
    EXPECT_TRUE(cpuinfo_flags("flags").empty());
    EXPECT_TRUE(cpuinfo_flags("flags:").empty());
    // AVX-512 without FMA (a masked virtual machine) is no `avx512`.
    EXPECT_EQ(features_from_flags({"abm", "avx", "avx2", "avx512cd", "avx512f", "bmi1", "bmi2",
                                   "movbe", "popcnt", "sse4_1", "ssse3"},
                                  Arch::x86),
              (std::vector<std::string>{"avx", "avx2", "sse41"}));
}

class Caches : public testing::Test {
  protected:
    std::filesystem::path folder_ = testing::TempDir() + "cnnc_caches";

    void SetUp() override { std::filesystem::remove_all(folder_); }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void add(int index, int level, const std::string &type, const std::string &size,
             const std::string &sharers) {
        auto cache = folder_ / ("index" + std::to_string(index));
        std::filesystem::create_directories(cache);
        std::ofstream(cache / "level") << level << "\n";
        std::ofstream(cache / "type") << type << "\n";
        std::ofstream(cache / "size") << size << "\n";
        std::ofstream(cache / "shared_cpu_list") << sharers << "\n";
    }
};

TEST_F(Caches, AreReadAndSharedOut) {
    add(0, 1, "Data", "48K", "0,32");
    add(1, 1, "Instruction", "64K", "0,32");
    add(2, 2, "Unified", "2048K", "0,32");
    add(3, 3, "Unified", "16M", "0-15,32-47");
    Machine machine;
    read_caches(folder_, &machine);
    EXPECT_EQ(machine.l1_bytes, 48 << 10);
    EXPECT_EQ(machine.l2_bytes, 2 << 20);
    EXPECT_EQ(machine.l3_bytes, 512 << 10);
}

TEST_F(Caches, HugeSharedL3IsCapped) {
    add(3, 3, "Unified", "491520K", "0-1");
    Machine machine;
    read_caches(folder_, &machine);
    EXPECT_EQ(machine.l3_bytes, 2 << 20);
}

TEST_F(Caches, NonsenseIsIgnored) {
    add(0, 1, "Data", "many", "");
    add(1, 2, "Unified", "-5K", "x");
    add(2, 2, "Unified", "99999999999999999999", "0");
    Machine machine, untouched;
    read_caches(folder_, &machine);
    EXPECT_EQ(machine.l1_bytes, untouched.l1_bytes);
    EXPECT_EQ(machine.l2_bytes, untouched.l2_bytes);
    read_caches("/nowhere", &machine);
    EXPECT_EQ(machine.l2_bytes, untouched.l2_bytes);
}

TEST(Machine, VectorsFollowFeatures) {
    Machine m = machine_for(parsed("avx512"));
    EXPECT_EQ(m.vector_bytes, 64);
    EXPECT_EQ(m.lanes(4), 16);
    EXPECT_EQ(m.vector_registers, 32);
    EXPECT_TRUE(m.fma && m.memory_broadcast && m.masked_stores);

    m = machine_for(parsed("avx2"));
    EXPECT_EQ(m.vector_bytes, 32);
    EXPECT_EQ(m.vector_registers, 16);
    EXPECT_TRUE(m.fma);
    EXPECT_FALSE(m.memory_broadcast || m.masked_stores);

    m = machine_for(parsed("sse41"));
    EXPECT_EQ(m.vector_bytes, 16);
    EXPECT_FALSE(m.fma);

    m = machine_for(parsed("arm64"));
    EXPECT_EQ(m.vector_bytes, 16);
    EXPECT_EQ(m.vector_registers, 32);
    EXPECT_TRUE(m.fma);
    EXPECT_TRUE(machine_for(parsed("arm32")).fma); // VMLA
}

TEST(Machine, EveryKnownTargetMakesSense) {
    for (const KnownTarget &known : known_targets()) {
        Machine m = machine_for(parsed(known.name));
        EXPECT_GE(m.lanes(8), 1) << known.name; // f64 divides by it
        EXPECT_GE(m.vector_registers, 8);
        EXPECT_GE(m.cores, 1);
        EXPECT_GE(m.l2_bytes, m.l1_bytes);
    }
}

TEST(Machine, NamedCpuSetsCaches) {
    Target target = parsed("avx512");
    target.cpu = "cascadelake";
    Machine m = machine_for(target);
    EXPECT_EQ(m.l1_bytes, 32 << 10);
    EXPECT_EQ(m.l2_bytes, 1 << 20);
    EXPECT_EQ(m.l3_bytes, 1408 << 10);
    target.cpu = "icelake-server";
    EXPECT_EQ(machine_for(target).l1_bytes, 48 << 10);
}

TEST(Cpus, RowsAreSound) {
    std::set<std::pair<std::string_view, Arch>> seen;
    ASSERT_EQ(known_cpus().size(), cpu_rows().size());
    for (const CpuRow &row : cpu_rows()) {
        EXPECT_TRUE(seen.insert({row.known.name, row.known.arch}).second) << row.known.name;
        for (std::string_view feature : split_words(row.features))
            EXPECT_TRUE(find_feature(feature, row.known.arch)) << row.known.name << " " << feature;
        EXPECT_GE(row.fma_ports, 1);
        EXPECT_GE(row.l2, row.l1);
        EXPECT_FALSE(row.known.about.empty());
    }
}

TEST(Features, RowsStandBehindWhatTheyImply) {
    std::set<std::string_view> seen;
    for (const FeatureRow &row : feature_rows()) {
        for (std::string_view implied : split_words(row.implies))
            EXPECT_TRUE(seen.count(implied)) << row.name << " " << implied;
        seen.insert(row.name);
    }
}

} // namespace
} // namespace cnnc
