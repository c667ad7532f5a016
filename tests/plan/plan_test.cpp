// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory plans: sound on random kernel graphs, and close to the lower bound on real networks.
#include "compiler/plan/plan.h"

#include "compiler/passes/passes.h"
#include "compiler/sema/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cnnc {
namespace {

// Kernels that copy from buffer to buffer: only who reads and writes what matters to a plan.
class Copies {
  public:
    explicit Copies(const std::vector<int64_t> &bytes) {
        for (size_t b = 0; b < bytes.size(); b++)
            kernels.buffers.push_back(
                {Buffer::Kind::temp, -1, bytes[b], {}, "b" + std::to_string(b)});
    }

    void add(std::vector<int> reads, int writes) {
        Kernel kernel;
        for (int buffer : reads)
            kernel.inputs.push_back({buffer, 0});
        kernel.output = {writes, 0};
        kernels.kernels.push_back(kernel);
    }

    KernelGraph kernels;
};

void expect_sound(const Plan &plan, const KernelGraph &kernels) {
    for (const std::string &finding : verify(plan, kernels))
        ADD_FAILURE() << finding;
    EXPECT_GE(plan.arena_bytes, plan.lower_bound);
}

TEST(Plan, AChainAlternates) {
    Copies c({640, 640, 640, 640});
    c.add({0}, 1);
    c.add({1}, 2);
    c.add({2}, 3);
    const Plan plan = plan_memory(c.kernels);
    expect_sound(plan, c.kernels);
    EXPECT_EQ(plan.lower_bound, 1280);
    EXPECT_EQ(plan.arena_bytes, 1280);
    EXPECT_EQ(plan.first_use, (std::vector<int>{0, 0, 1, 2}));
    EXPECT_EQ(plan.last_use, (std::vector<int>{0, 1, 2, 2}));
}

TEST(Plan, OnlyTemporariesLieInTheArena) {
    Copies c({100, 100, 100, 100, 100});
    c.kernels.buffers[0].kind = Buffer::Kind::input;
    c.kernels.buffers[2].kind = Buffer::Kind::output;
    c.kernels.buffers[3].kind = Buffer::Kind::constant;
    c.add({0, 3}, 1);
    c.add({1}, 2);
    const Plan plan = plan_memory(c.kernels);
    expect_sound(plan, c.kernels);
    EXPECT_EQ(plan.offsets, (std::vector<int64_t>{-1, 0, -1, -1, -1})) << "b4 is never used";
    EXPECT_EQ(plan.arena_bytes, 128) << "sizes are rounded up to the alignment";
    EXPECT_EQ(plan.last_use[4], -1);
}

TEST(Plan, NothingToPlace) {
    const KernelGraph empty;
    const Plan plan = plan_memory(empty);
    expect_sound(plan, empty);
    EXPECT_EQ(plan.arena_bytes, 0);
    EXPECT_EQ(plan.lower_bound, 0);
}

TEST(Plan, AShortcutLivesAcross) {
    // 0 is read again by the last kernel: it must not be overwritten.
    Copies c({640, 6400, 640, 640});
    c.add({0}, 1);
    c.add({1}, 2);
    c.add({2, 0}, 3);
    const Plan plan = plan_memory(c.kernels);
    expect_sound(plan, c.kernels);
    EXPECT_EQ(plan.arena_bytes, 640 + 6400 + 640);
    EXPECT_EQ(plan.last_use[0], 2);
}

TEST(Plan, RandomKernelsNeverOverlap) {
    std::mt19937 rng(1);
    double worst = 1, sum = 0;
    const int rounds = 500;
    for (int round = 0; round < rounds; round++) {
        const int n = 2 + int(rng() % 60);
        std::vector<int64_t> bytes;
        for (int b = 0; b < n; b++)
            bytes.push_back(4 + 4 * int64_t(rng() % (1U << (rng() % 14))));
        Copies c(bytes);
        for (int b = 1; b < n; b++) {
            std::vector<int> reads = {b - 1};
            for (int more = int(rng() % 3); more > 0; more--)
                reads.push_back(std::max(0, b - 1 - int(rng() % 8)));
            c.add(reads, b);
        }
        const Plan plan = plan_memory(c.kernels);
        expect_sound(plan, c.kernels);
        if (HasFailure())
            FAIL() << "round " << round;
        const double ratio = double(plan.arena_bytes) / double(plan.lower_bound);
        worst = std::max(worst, ratio);
        sum += ratio;
    }
    EXPECT_LT(sum / rounds, 1.02);
    EXPECT_LT(worst, 1.3);
}

TEST(Plan, ManyBuffersTakeNoTime) {
    const int n = 6000;
    Copies c(std::vector<int64_t>(n, 256));
    for (int b = 1; b < n; b++)
        c.add({b - 1}, b);
    const Plan plan = plan_memory(c.kernels);
    EXPECT_EQ(plan.arena_bytes, 512);
}

TEST(PlanVerifier, FindsWhatIsWrong) {
    Copies c({640, 640, 640});
    c.kernels.buffers[0].kind = Buffer::Kind::input;
    c.add({0}, 1);
    c.add({1}, 2);
    const Plan good = plan_memory(c.kernels);
    using Findings = std::vector<std::string>;
    EXPECT_EQ(verify(good, c.kernels), Findings{});
    Plan plan = good;
    plan.offsets[2] = plan.offsets[1] + 576;
    plan.arena_bytes = 2000;
    EXPECT_EQ(verify(plan, c.kernels), Findings{"b2 overlaps b1"});
    plan = good;
    plan.offsets[0] = 0;
    EXPECT_EQ(verify(plan, c.kernels), Findings{"b0 is not in the arena"});
    plan = good;
    plan.arena_bytes -= 64;
    EXPECT_EQ(verify(plan, c.kernels).size(), 1u);
    plan = good;
    plan.arena_bytes += 64;
    plan.offsets[plan.offsets[1] > 0 ? 1 : 2] += 4;
    EXPECT_EQ(verify(plan, c.kernels).size(), 1u) << "not aligned";
    plan = good;
    plan.last_use[1] = 0;
    EXPECT_EQ(verify(plan, c.kernels), Findings{"lifetimes are not those of the kernels"});
}

TEST(Plan, RealNetworksComeCloseToTheLowerBound) {
    for (const std::string name : {"lenet5", "vgg16", "resnet18", "resnet50", "mobilenet_v1",
                                   "mobilenet_v2", "squeezenet"}) {
        SourceManager sources;
        Diagnostics diags;
        auto graph =
            load_network(CNNC_SOURCE_DIR "/examples/" + name + "/" + name + ".cnn", sources, diags);
        ASSERT_TRUE(graph) << diags.render(sources);
        const KernelGraph kernels = form_kernels(optimize(std::move(*graph)));
        EXPECT_TRUE(verify(kernels).empty()) << name;
        const Plan plan = plan_memory(kernels);
        expect_sound(plan, kernels);
        const double ratio = double(plan.arena_bytes) / double(plan.lower_bound);
        EXPECT_LE(ratio, 1.05) << name;
        for (const Kernel &kernel : kernels.kernels)
            EXPECT_FALSE(kernel.nodes.empty()) << name << ": " << kernel.name << " is a copy";
        RecordProperty(name, std::to_string(ratio));
    }
}

} // namespace
} // namespace cnnc
