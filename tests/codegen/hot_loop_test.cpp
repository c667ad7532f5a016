// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is read from machine code: of real kernels, whose schedules say what their hot loops must
// hold, and of short texts. Cycles by LLVM's models are held against those of the program llvm-mca.
#include "compiler/codegen/hot_loop.h"

#include "compiler/codegen/kernel.h"
#include "schedules/family.h"
#include "tests/codegen/workshop.h"
#include "tests/schedules/machines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cnnc {
namespace {

Target target(const char *text, const char *cpu = "") {
    Target t = parse_target(text, nullptr).value();
    t.cpu = cpu;
    return t;
}

const char *const conv =
    "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 28, 28] -> relu -> f32[1, 64, 28, 28]";
const char *const product =
    "conv2d(256, kernel=[1, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 28, 28] -> relu -> f32[1, 256, 28, 28]";

KernelRequest request(const char *workload, const Target &target, const char *schedule = nullptr) {
    KernelRequest r;
    r.workload = parse_workload(workload).value();
    r.target = target;
    const Machine machine = server_with(target, 1);
    r.schedule = default_schedule(r.workload, machine);
    for (const Family &family : families())
        if (schedule && family.name == std::string_view(schedule).substr(0, family.name.size()))
            r.schedule = family.model(r.workload, machine);
    if (schedule)
        r.schedule = parse_schedule(schedule, &r.schedule, nullptr).value();
    EXPECT_EQ(schedule_problem(r.workload, machine, r.schedule), "");
    return r;
}

HotLoop hot_loop(const KernelRequest &r) {
    return find_hot_loop(kernel_assembly(r), r.target);
}

struct Case {
    const char *target, *workload, *schedule;
    int lanes, multiply_adds; // vectors of the register tile times steps of an iteration
    bool spills;
};

const Case cases[] = {
    {"avx512", conv, "direct(tile_x=14, tile_c=32, unroll=1)", 16, 28, false},
    {"avx512", conv, "direct(tile_x=14, tile_c=32, unroll=2)", 16, 56, false},
    {"avx512", conv, "direct(tile_x=14, tile_c=64, unroll=1)", 16, 56, true},
    {"avx512", product, "gemm(tile_m=12, tile_n=32, unroll=4)", 16, 96, false},
    {"avx2", conv, "direct(tile_x=4, tile_c=16, unroll=1)", 8, 8, false},
    {"avx2", conv, "direct(tile_x=14, tile_c=16, unroll=1)", 8, 28, true},
    {"avx2", product, "gemm(tile_m=6, tile_n=16, unroll=1)", 8, 12, false},
    {"sse41", conv, "direct(tile_x=4, tile_c=8, unroll=1)", 4, 8, false},
    {"arm64", conv, "direct(tile_x=4, tile_c=16, unroll=1)", 4, 16, false},
    {"arm64", conv, "direct(tile_x=14, tile_c=16, unroll=1)", 4, 56, true},
    {"arm64", product, "gemm(tile_m=8, tile_n=8, unroll=2)", 4, 32, false},
    {"arm32", conv, "direct(tile_x=4, tile_c=4, unroll=1)", 4, 4, false},
    {"arm32", conv, "direct(tile_x=7, tile_c=16, unroll=1)", 4, 28, true},
};

TEST(HotLoop, HoldsTheRegisterTile) {
    for (const Case &c : cases) {
        const KernelRequest r = request(c.workload, target(c.target), c.schedule);
        const HotLoop loop = hot_loop(r);
        SCOPED_TRACE(std::string(c.target) + " " + schedule_text(r.schedule) + "\n" + loop.text);
        ASSERT_TRUE(loop.found);
        EXPECT_EQ(loop.multiply_adds, c.multiply_adds);
        EXPECT_EQ(loop.flops, 2 * int64_t(c.lanes) * c.multiply_adds);
        EXPECT_EQ(loop.spill_loads > 0, c.spills);
        EXPECT_GT(loop.loads, 0);
        EXPECT_EQ(loop.stores > 0, c.spills);
        EXPECT_GE(loop.stores, loop.spill_stores);
    }
}

TEST(HotLoop, OfDefaultSchedulesStaysInRegisters) {
    for (const char *name : {"avx512", "avx2", "sse41", "arm64", "arm32"})
        for (const char *workload : {conv, product}) {
            const KernelRequest r = request(workload, target(name));
            const HotLoop loop = hot_loop(r);
            SCOPED_TRACE(std::string(name) + " " + schedule_text(r.schedule) + "\n" + loop.text);
            const bool direct = r.schedule.family == "direct";
            const int64_t tile = r.schedule.integer(direct ? "tile_x" : "tile_m") *
                                 r.schedule.integer(direct ? "tile_c" : "tile_n");
            EXPECT_EQ(loop.flops, 2 * tile * r.schedule.integer("unroll"));
            EXPECT_EQ(loop.spill_loads + loop.spill_stores, 0);
        }
}

int count(const std::string &text, std::string_view word) {
    int found = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
        ++found;
    return found;
}

// The 28 accumulators of 14 x 2 leave four registers.
TEST(HotLoop, PreloadingTakesNoVectorRegister) {
    for (const int unroll : {1, 2, 4, 8}) {
        const std::string schedule = fmt::format(
            "direct(tile_x=14, tile_c=32, unroll={}, prefetch=0, preload=block)", unroll);
        const HotLoop loop = hot_loop(request(conv, target("avx512"), schedule.c_str()));
        SCOPED_TRACE(schedule + "\n" + loop.text);
        EXPECT_EQ(count(loop.text, "prefetcht1"), 1);
        EXPECT_EQ(loop.spill_loads + loop.spill_stores, 0);
    }
}

TEST(HotLoop, PrefetchesEachLineOfWeightsOnce) {
    struct Case {
        const char *target, *schedule, *instruction;
        int prefetches;
    };
    const Case cases[] = {
        {"avx512", "direct(tile_x=7, tile_c=48, unroll=1)", "prefetcht0", 3},
        {"avx2", "direct(tile_x=4, tile_c=16, unroll=1)", "prefetcht0", 1},
        {"avx2", "direct(tile_x=4, tile_c=16, unroll=2)", "prefetcht0", 2},
        {"arm64", "direct(tile_x=4, tile_c=16, unroll=1)", "prfm", 1},
        {"arm64", "direct(tile_x=7, tile_c=12, unroll=1)", "prfm", 1},
        {"arm64", "direct(tile_x=3, tile_c=20, unroll=1)", "prfm", 2},
        {"arm64", "direct(tile_x=8, tile_c=8, unroll=1)", "prfm", 1},
        {"arm32", "direct(tile_x=4, tile_c=8, unroll=2)", "pld", 1},
    };
    for (const Case &c : cases) {
        KernelRequest r = request(conv, target(c.target), c.schedule);
        r.schedule =
            parse_schedule("direct(prefetch=2048, preload=none)", &r.schedule, nullptr).value();
        HotLoop loop = hot_loop(r);
        SCOPED_TRACE(std::string(c.target) + " " + c.schedule + "\n" + loop.text);
        EXPECT_EQ(count(loop.text, c.instruction), c.prefetches);
        r.schedule = parse_schedule("direct(prefetch=0)", &r.schedule, nullptr).value();
        loop = hot_loop(r);
        EXPECT_EQ(count(loop.text, c.instruction), 0);
    }
}

// Four channels of a pixel are one vector where the registers suffice, else four broadcasts.
TEST(HotLoop, MultipliesByLanesOfArm) {
    auto loop_of = [](const char *schedule) {
        return hot_loop(request(product, target("arm64", "cortex-a72"), schedule));
    };
    const HotLoop by_lane = loop_of("gemm(tile_m=7, tile_n=12, unroll=4)");
    EXPECT_EQ(count(by_lane.text, ".s[3]"), 21) << by_lane.text;
    EXPECT_EQ(count(by_lane.text, "ld1r"), 0) << by_lane.text;
    EXPECT_EQ(by_lane.spill_loads + by_lane.spill_stores, 0) << by_lane.text;
    const HotLoop full = loop_of("gemm(tile_m=6, tile_n=16, unroll=4)");
    EXPECT_EQ(count(full.text, ".s[3]"), 0) << full.text;
}

// Nine multiply-adds per output pixel, loads of neighbours shared.
TEST(HotLoop, OfDepthwiseConvolutionIsTheInterior) {
    const char *const depthwise =
        "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
        "groups=64, bias=true) f32[1, 64, 28, 28] -> relu -> f32[1, 64, 28, 28]";
    for (const char *name : {"avx512", "arm64"}) {
        const KernelRequest r = request(depthwise, target(name), "depthwise(tile_x=4)");
        const HotLoop loop = hot_loop(r);
        SCOPED_TRACE(loop.text);
        EXPECT_EQ(loop.multiply_adds, 36);
        EXPECT_GE(loop.stores, 2); // pairs of vectors on ARM
    }
}

TEST(HotLoop, WithoutMultiplyAddsHasTheMostVectors) {
    const char *const pool = "max_pool2d(kernel=[2, 2], stride=[2, 2], padding=[[0, 0], [0, 0]], "
                             "dilation=[1, 1], ceil_mode=false) f32[1, 64, 28, 28] -> "
                             "f32[1, 64, 14, 14]";
    for (const char *name : {"avx2", "arm64"}) {
        const HotLoop loop = hot_loop(request(pool, target(name)));
        ASSERT_TRUE(loop.found);
        EXPECT_EQ(loop.multiply_adds, 0);
        EXPECT_EQ(loop.flops, 0);
        EXPECT_NE(loop.text.find("max"), std::string::npos) << loop.text;
    }
}

TEST(HotLoop, CountsInstructionsOfX86) {
    const HotLoop loop = find_hot_loop("f:\n"
                                       "\tvmovups\t(%rdi), %ymm0\n"
                                       ".L1:\n"
                                       "\tmovq\t8(%rsp), %rcx          # 8-byte Reload\n"
                                       "\tvmovups\t32(%rsp), %ymm1     # 32-byte Reload\n"
                                       "\tvfmadd231ps\t(%rdi), %ymm0, %ymm1\n"
                                       "\tvmulps\t%ymm1, %ymm2, %ymm3\n"
                                       "\tvaddps\t%ymm3, %ymm4, %ymm4\n"
                                       "\tvmovups\t%ymm1, 32(%rsp)     # 32-byte Spill\n"
                                       "\tprefetcht0\t64(%rdi)\n"
                                       "\tleaq\t64(%rdi), %rdi\n"
                                       "\tdecq\t%rax\n"
                                       "\tjne\t.L1\n"
                                       "\tretq\n",
                                       target("avx2"));
    EXPECT_EQ(loop.instructions, 10);
    EXPECT_EQ(loop.multiply_adds, 2);
    EXPECT_EQ(loop.flops, 32);
    EXPECT_EQ(loop.loads, 3);
    EXPECT_EQ(loop.stores, 1);
    EXPECT_EQ(loop.spill_loads, 1);
    EXPECT_EQ(loop.spill_stores, 1);
}

TEST(HotLoop, CountsInstructionsOfArm) {
    const HotLoop loop = find_hot_loop("f:\n"
                                       ".L0:                        // outer\n"
                                       "                            // =>This Loop\n"
                                       ".L1:\n"
                                       "\tprfm\tpldl1keep, [x6, #2048]\n"
                                       "\tldp\tq29, q31, [x6], #32\n"
                                       "\tldr\tq5, [sp, #16]       // 16-byte Folded Reload\n"
                                       "\tfmla\tv28.4s, v29.4s, v5.s[0]\n"
                                       "\tfmadd\ts1, s2, s3, s1\n"
                                       "\tstr\tq28, [sp, #16]      // 16-byte Folded Spill\n"
                                       "\tb.ne\t.L1\n"
                                       "\tb.ne\t.L0\n",
                                       target("arm64"));
    EXPECT_EQ(loop.instructions, 7);
    EXPECT_EQ(loop.multiply_adds, 2);
    EXPECT_EQ(loop.flops, 10);
    EXPECT_EQ(loop.loads, 2);
    EXPECT_EQ(loop.stores, 1);
    EXPECT_EQ(loop.spill_loads, 1);
    EXPECT_EQ(loop.spill_stores, 1);
    const HotLoop narrow = find_hot_loop(".L1:\n"
                                         "\tvld1.32\t{d6, d7}, [r1:32]!\n"
                                         "\tvmla.f32\tq1, q3, d0[0]\n"
                                         "\tvmul.f32\td8, d6, d7\n"
                                         "\tvadd.f32\td9, d9, d8\n"
                                         "\tsubs\tr2, r2, #1\n"
                                         "\tbne\t.L1\n",
                                         target("arm32"));
    EXPECT_EQ(narrow.instructions, 6);
    EXPECT_EQ(narrow.multiply_adds, 2);
    EXPECT_EQ(narrow.flops, 12);
    EXPECT_EQ(narrow.loads, 1);
}

TEST(HotLoop, IsNotFoundWithoutLoops) {
    EXPECT_FALSE(find_hot_loop("", target("avx2")).found);
    EXPECT_FALSE(
        find_hot_loop("f:\n\tvfmadd231ps\t%ymm0, %ymm0, %ymm1\n\tretq\n", target("avx2")).found);
}

// ---- cycles ----

// Cycles of `iterations` by the program, or -1.
int mca_cycles(const Workshop &shop, const Target &target, const std::string &arguments,
               int iterations) {
    std::string features;
    for (const char *name : {"avx2", "fma", "avx512"})
        if (target.has(name))
            features += fmt::format("{}+{}", features.empty() ? "-mattr=" : ",",
                                    name == std::string("avx512") ? "avx512f" : name);
    const CommandResult result =
        shop.try_run(fmt::format("llvm-mca-14 {} -mcpu={} {} -iterations={} loop.s", arguments,
                                 target.cpu, features, iterations));
    const size_t at = result.output.find("Total Cycles:");
    return at == std::string::npos ? -1 : std::atoi(result.output.c_str() + at + 13);
}

// The tiles leave registers free: LLVM 14 cannot model the spills of ARM of 32 bits.
struct Modelled {
    const char *target, *cpu, *arguments;
};
const Modelled modelled[] = {{"avx512", "cascadelake", "-mtriple=x86_64"},
                             {"avx2", "haswell", "-mtriple=x86_64"},
                             {"avx2", "znver2", "-mtriple=x86_64"},
                             {"sse41", "nehalem", "-mtriple=x86_64"},
                             {"arm64", "cortex-a53", "-mtriple=aarch64"},
                             {"arm64", "cortex-a55", "-mtriple=aarch64"},
                             {"arm64", "cortex-a72", "-mtriple=aarch64"},
                             {"arm64", "neoverse-n1", "-mtriple=aarch64"},
                             {"arm32", "cortex-a9", "-mtriple=armv7 -mattr=+neon"}};

bool models_are_known() {
    HotLoop loop;
    loop.found = true;
    loop.text = "\tincq\t%rax\n";
    loop.counts = {false};
    return loop_bound(loop, target("avx2", "haswell")).known;
}

TEST(LoopBound, IsWhatTheProgramSays) {
    if (!models_are_known())
        GTEST_SKIP() << "no models with this release of LLVM";
    const Workshop shop;
    if (shop.try_run("llvm-mca-14 --version").code != 0)
        GTEST_SKIP() << "llvm-mca-14 is not installed";
    for (const Modelled &m : modelled)
        for (const char *schedule : {"direct(tile_x=4, tile_c=8)", "gemm(tile_m=4, tile_n=8)"}) {
            const char *const workload = schedule[0] == 'd' ? conv : product;
            const KernelRequest r = request(workload, target(m.target, m.cpu),
                                            m.target == std::string("avx512") ? nullptr : schedule);
            const HotLoop loop = hot_loop(r);
            const LoopBound bound = loop_bound(loop, r.target);
            SCOPED_TRACE(std::string(m.cpu) + " " + schedule_text(r.schedule) + "\n" + loop.text);
            ASSERT_TRUE(bound.known);
            shop.write("loop.s", loop.text);
            const int first = mca_cycles(shop, r.target, m.arguments, 100);
            const int all = mca_cycles(shop, r.target, m.arguments, 200);
            ASSERT_GT(first, 0);
            EXPECT_DOUBLE_EQ(bound.cycles, double(all - first) / 100);
            EXPECT_GT(bound.multiply_add_cycles, 0);
            EXPECT_LE(bound.fraction(), 1.001);
        }
}

TEST(LoopBound, CountsThePortsOfMultiplyAdds) {
    if (!models_are_known())
        GTEST_SKIP() << "no models with this release of LLVM";
    const HotLoop loop = find_hot_loop(".L1:\n"
                                       "\tvmovups\t(%rdi), %ymm0\n"
                                       "\tvfmadd231ps\t%ymm0, %ymm1, %ymm2\n"
                                       "\tvfmadd231ps\t%ymm0, %ymm1, %ymm3\n"
                                       "\tvfmadd231ps\t%ymm0, %ymm1, %ymm4\n"
                                       "\tvfmadd231ps\t%ymm0, %ymm1, %ymm5\n"
                                       "\tdecq\t%rax\n"
                                       "\tjne\t.L1\n",
                                       target("avx2"));
    const LoopBound bound = loop_bound(loop, target("avx2", "haswell"));
    ASSERT_TRUE(bound.known);
    EXPECT_DOUBLE_EQ(bound.multiply_add_cycles, 2); // four on two ports
    EXPECT_NEAR(bound.cycles, 5, 0.1);              // each accumulator waits for itself
}

TEST(LoopBound, IsUnknownWithoutAModel) {
    const HotLoop loop =
        find_hot_loop(".L1:\n\tvmla.f32\tq1, q3, q4\n\tbne\t.L1\n", target("arm32"));
    ASSERT_TRUE(loop.found);
    EXPECT_FALSE(loop_bound(loop, target("arm32", "cortex-a7")).known);
    EXPECT_FALSE(loop_bound({}, target("avx2", "haswell")).known);
}

TEST(LoopBound, IsUnknownOfTextThatIsNoAssembly) {
    HotLoop loop;
    loop.found = true;
    loop.text = "\tthis is not\tassembly\n";
    loop.counts = {false};
    EXPECT_FALSE(loop_bound(loop, target("avx2", "haswell")).known);
}

} // namespace
} // namespace cnnc
