// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// PTX on real GPUs, as far as NVIDIA's assembler tells: every kernel of the example networks, and
// random schedules, assemble without spills and can be launched. Reading what the assembler says,
// and words for it, need no assembler.
#include "compiler/codegen/ptx.h"
#include "compiler/codegen/service.h"
#include "schedules/family.h"
#include "tests/lower/example_workloads.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/random_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cnnc {
namespace {

TEST(Ptxas, IsRead) {
    const auto entries =
        read_ptxas_output("ptxas info    : 0 bytes gmem\n"
                          "ptxas info    : Compiling entry function 'one' for 'sm_80'\n"
                          "ptxas info    : Function properties for one\n"
                          "    16 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\n"
                          "ptxas info    : Used 96 registers, used 1 barriers, 384 bytes cmem[0]\n"
                          "ptxas info    : Compiling entry function 'two' for 'sm_80'\n"
                          "ptxas info    : Used 8 registers, 360 bytes cmem[0]\n");
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].name, "one");
    EXPECT_EQ(entries[0].registers, 96);
    EXPECT_EQ(entries[0].stack_bytes, 16);
    EXPECT_EQ(entries[0].spill_stores, 4);
    EXPECT_EQ(entries[0].spill_loads, 12);
    EXPECT_EQ(entries[1].registers, 8);
    EXPECT_EQ(entries[1].stack_bytes, 0);
}

Gpu gpu_of(const char *target) {
    return machine_for(parse_target(target, nullptr).value()).gpu.value();
}

TEST(Launch, IsPutInWords) {
    const Gpu gpu = gpu_of("x86-64-linux-cuda-cuda_capability_80");
    const GpuLaunch launch = {"k_0", {196, 1, 1}, {256, 1, 1}, 15360, {}};
    EXPECT_EQ(launch_text(launch, gpu, nullptr),
              "k_0: 196 x 1 x 1 blocks of 256 x 1 x 1 threads, 15360 bytes of shared memory\n");
    // 65536 registers hold 8 warps of 100, rounded up to 104, twice.
    const PtxEntry tidy = {"k_0", 100, 0, 0, 0}, spilling = {"k_0", 255, 8, 4, 16};
    EXPECT_EQ(launch_text(launch, gpu, &tidy),
              "k_0: 196 x 1 x 1 blocks of 256 x 1 x 1 threads, 15360 bytes of shared memory\n"
              "  100 registers, no spills, no stack; a multiprocessor holds 2 of the blocks: 16 of "
              "64 warps\n");
    EXPECT_EQ(launch_text(launch, gpu, &spilling),
              "k_0: 196 x 1 x 1 blocks of 256 x 1 x 1 threads, 15360 bytes of shared memory\n"
              "  255 registers, 12 bytes of spills, 16 of stack; a multiprocessor holds 1 of the "
              "blocks: 8 of 64 warps\n");
}

TEST(Launch, ResidentBlocksAreBoundedByEverything) {
    const Gpu gpu = gpu_of("x86-64-linux-cuda-cuda_capability_75");
    auto blocks = [&](uint32_t threads, uint32_t shared, int registers) {
        return resident_blocks(gpu, {"k", {1, 1, 1}, {threads, 1, 1}, shared, {}}, registers);
    };
    EXPECT_EQ(blocks(32, 0, 16), 16);       // blocks
    EXPECT_EQ(blocks(256, 0, 32), 4);       // threads
    EXPECT_EQ(blocks(256, 0, 128), 2);      // registers
    EXPECT_EQ(blocks(64, 48 << 10, 32), 1); // shared memory
    EXPECT_EQ(blocks(1024, 0, 128), 0);     // too many registers for one
}

// ---- kernels ----

std::vector<CompiledKernel> compiled(const std::vector<KernelRequest> &requests) {
    ServiceOptions options;
    options.use_cache = false;
    std::vector<CompiledKernel> kernels;
    for (KernelResult &result : compile_kernels(requests, options)) {
        const KernelRequest &r = requests[kernels.size()];
        EXPECT_EQ(result.failure, "") << workload_text(r.workload) << "\n"
                                      << schedule_text(r.schedule);
        kernels.push_back(std::move(result.kernel));
    }
    return kernels;
}

void expect_tidy(const std::string &ptxas, const KernelRequest &r, const CompiledKernel &kernel,
                 int architecture) {
    SCOPED_TRACE(fmt::format("{}\n{}\nfor sm_{}", workload_text(r.workload),
                             schedule_text(r.schedule), architecture));
    const PtxReport report = assemble_ptx(ptxas, kernel.device_code, architecture);
    ASSERT_EQ(report.problem, "");
    ASSERT_EQ(report.entries.size(), kernel.launches.size());
    const Gpu gpu = machine_for(r.target).gpu.value();
    for (size_t i = 0; i < report.entries.size(); ++i) {
        const PtxEntry &entry = report.entries[i];
        EXPECT_EQ(entry.name, kernel.launches[i].entry);
        EXPECT_EQ(entry.spill_stores + entry.spill_loads, 0);
        EXPECT_EQ(entry.stack_bytes, 0);
        EXPECT_GT(resident_blocks(gpu, kernel.launches[i], entry.registers), 0);
    }
}

bool knows(const std::vector<int> &architectures, int architecture) {
    return std::find(architectures.begin(), architectures.end(), architecture) !=
           architectures.end();
}

TEST(Ptx, OfNetworksAssemblesWithoutSpills) {
    const std::string ptxas = find_ptxas();
    if (ptxas.empty())
        GTEST_SKIP() << "no ptxas in PATH, CUDA_HOME/bin or /usr/local/cuda/bin";
    const std::vector<int> known = ptxas_architectures(ptxas);
    std::set<std::string> seen;
    std::vector<KernelRequest> requests;
    for (const char *name : {"lenet5", "squeezenet", "resnet18", "mobilenet_v2"})
        for (const Workload &w : example_workloads(name))
            if (seen.insert(workload_text(w)).second)
                for (const char *capability : {"75", "80"}) {
                    const Target target =
                        parse_target(std::string("x86-64-linux-cuda-cuda_capability_") + capability,
                                     nullptr)
                            .value();
                    requests.push_back({w, default_schedule(w, machine_for(target)), target, true});
                }
    const std::vector<CompiledKernel> kernels = compiled(requests);
    int assembled = 0;
    for (size_t i = 0; i < requests.size(); ++i)
        for (int architecture :
             cuda_capability(requests[i].target) == 75 ? std::vector{75, 80, 90} : std::vector{80})
            if (knows(known, architecture)) {
                expect_tidy(ptxas, requests[i], kernels[i], architecture);
                ++assembled;
            }
    EXPECT_GT(assembled, 0);
    fmt::print("{} workloads, {} times assembled\n", seen.size(), assembled);
}

TEST(Ptx, OfRandomSchedulesCanBeLaunched) {
    const std::string ptxas = find_ptxas();
    if (ptxas.empty())
        GTEST_SKIP() << "no ptxas in PATH, CUDA_HOME/bin or /usr/local/cuda/bin";
    const Target target = parse_target("x86-64-linux-cuda-cuda_capability_75", nullptr).value();
    const Machine machine = machine_for(target);
    std::vector<KernelRequest> requests;
    for (uint64_t seed = 0; seed < 60; ++seed) {
        const Workload w = random_workload(seed);
        for (const Family &family : families())
            if (family_fits(family, w, machine))
                requests.push_back(
                    {w, random_schedule(family, w, machine, seed), target, seed % 2 == 0});
    }
    const std::vector<CompiledKernel> kernels = compiled(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
        const KernelRequest &r = requests[i];
        SCOPED_TRACE(workload_text(r.workload) + "\n" + schedule_text(r.schedule));
        const PtxReport report = assemble_for(kernels[i].device_code, machine.gpu->capability);
        ASSERT_EQ(report.problem, "");
        for (size_t k = 0; k < report.entries.size(); ++k)
            EXPECT_GT(
                resident_blocks(*machine.gpu, kernels[i].launches[k], report.entries[k].registers),
                0);
    }
}

// ---- what is recorded ----

TEST(GpuKernel, IsTheSameEachTimeAndHasItsOwnNames) {
    const Workload w = example_workloads("lenet5")[0];
    for (const char *text : {"x86-64-linux-opencl", "x86-64-linux-cuda-cuda_capability_61"}) {
        const Target target = parse_target(text, nullptr).value();
        const KernelRequest r = {w, default_schedule(w, machine_for(target)), target};
        const std::vector<CompiledKernel> a = compiled({r}), b = compiled({r});
        EXPECT_EQ(a[0].device_code, b[0].device_code);
        ASSERT_EQ(a[0].launches.size(), 1u);
        EXPECT_EQ(a[0].launches[0].entry, kernel_symbol(r) + "_0");
        EXPECT_NE(a[0].device_code.find(a[0].launches[0].entry), std::string::npos);
        EXPECT_EQ(a[0].object, "");
        // Inputs, weight, bias and output, each once.
        std::set<int> operands;
        for (const GpuArgument &argument : a[0].launches[0].arguments)
            if (argument.kind == GpuArgument::Kind::operand)
                operands.insert(argument.operand);
        EXPECT_EQ(operands, (std::set<int>{0, 1, 2, 3}));
    }
}

} // namespace
} // namespace cnnc
