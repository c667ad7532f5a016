// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The generated ceilings, by their assembly: the multiply-adds of a round and nothing else, on
// registers only. What they measure, tests/execute looks at; how much that is, no test may ask.
#include "compiler/codegen/limits.h"

#include "compiler/codegen/hot_loop.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

Target target_of(std::string_view name) {
    std::string problem;
    return parse_target(name, &problem).value();
}

// The assembly of one of the two functions.
std::string function(const std::string &assembly, const std::string &name) {
    const size_t begin = assembly.find("\n" + name + ":");
    return assembly.substr(begin, assembly.find("\n\t.size\t" + name, begin) - begin);
}

TEST(Limits, MultiplyAddsStayOnRegisters) {
    for (const char *name : {"avx512", "avx2", "sse41", "arm64", "arm32"}) {
        const Target target = target_of(name);
        const Machine machine = machine_for(target);
        const std::string text = function(limits_assembly(target), "cnnc_limit_multiply_add");
        const HotLoop loop = find_hot_loop(text, target);
        ASSERT_TRUE(loop.found) << name << text;
        EXPECT_GE(loop.multiply_adds, machine.fma_latency * machine.fma_ports) << name;
        EXPECT_EQ(loop.flops, 2 * loop.multiply_adds * machine.lanes(4)) << name << loop.text;
        EXPECT_EQ(loop.loads + loop.stores + loop.spill_loads + loop.spill_stores, 0)
            << name << loop.text;
        // The loop's own count, compare and branch beside the FMAs, which may be a pair each; a
        // target of 32 bits counts in two halves.
        EXPECT_LE(loop.instructions, loop.multiply_adds * (machine.fma ? 1 : 2) + 8)
            << name << loop.text;
    }
}

TEST(Limits, ReadsUseTheWidestVectors) {
    for (const char *name : {"avx512", "avx2", "sse41", "arm64", "arm32"}) {
        const Target target = target_of(name);
        const std::string text = function(limits_assembly(target), "cnnc_limit_read");
        const HotLoop loop = find_hot_loop(text, target);
        ASSERT_TRUE(loop.found) << name << text;
        EXPECT_EQ(loop.spill_loads + loop.spill_stores + loop.stores, 0) << name << loop.text;
        EXPECT_GE(loop.loads, 4) << name << loop.text; // ARM loads pairs
    }
}

TEST(Limits, AnObjectForEveryTarget) {
    for (const KnownTarget &known : known_targets())
        EXPECT_GT(limits_object(target_of(known.name)).size(), 500u) << known.name;
}

} // namespace
} // namespace cnnc
