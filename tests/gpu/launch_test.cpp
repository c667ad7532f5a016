// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// No launch may fail for what could be known when compiling: threads and blocks, shared and local
// memory, arguments, and registers of all threads of a block. Workloads of extreme extents are
// compiled under their families' models and under random schedules, for GPUs old and new; the
// compiler refuses what a GPU would, and NVIDIA's assembler, where there is one, tells of
// registers.
#include "compiler/codegen/gpu_kernel.h"
#include "compiler/codegen/ptx.h"
#include "compiler/codegen/service.h"
#include "compiler/lower/packing.h"
#include "schedules/family.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/random_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace cnnc {
namespace {

GpuLaunch launch(std::array<uint32_t, 3> blocks, std::array<uint32_t, 3> threads) {
    GpuLaunch launch;
    launch.blocks = blocks;
    launch.threads = threads;
    return launch;
}

TEST(Launch, IsRefusedWhereTheGpuWould) {
    const Gpu gpu = machine_for(parse_target("cuda", nullptr).value()).gpu.value();
    const auto problem = [&](const GpuLaunch &launch) { return launch_problem(launch, gpu); };
    GpuLaunch most = launch({2147483647, 65535, 65535}, {16, 1, 64});
    most.shared_bytes = 49152;
    most.arguments.resize(512);
    EXPECT_EQ(problem(most), "");
    EXPECT_EQ(problem(launch({2147483648, 1, 1}, {1, 1, 1})), "2147483648 blocks in dimension 0");
    EXPECT_EQ(problem(launch({1, 65536, 1}, {1, 1, 1})), "65536 blocks in dimension 1");
    EXPECT_EQ(problem(launch({1, 1, 0}, {1, 1, 1})), "0 blocks in dimension 2");
    EXPECT_EQ(problem(launch({1, 1, 1}, {1025, 1, 1})), "1025 threads in dimension 0");
    EXPECT_EQ(problem(launch({1, 1, 1}, {1, 1, 65})), "65 threads in dimension 2");
    EXPECT_EQ(problem(launch({1, 1, 1}, {64, 17, 1})), "1088 threads in a block");
    most.shared_bytes++;
    EXPECT_EQ(problem(most), "49153 bytes of shared memory");
    most.shared_bytes = 0;
    most.arguments.resize(513);
    EXPECT_EQ(problem(most), "4104 bytes of arguments");
}

TEST(Launch, LocalMemoryIsReadFromPtx) {
    const std::string ptx = ".visible .entry a(.param .u64 x)\n{\n"
                            "\t.local .align 8 .b8 \t__local_depot0[96];\n\tst.local.u32 [x], 1;\n"
                            "}\n.visible .entry b(.param .u64 x)\n{ret;}\n";
    EXPECT_EQ(ptx_local_bytes(ptx, "a"), 96);
    EXPECT_EQ(ptx_local_bytes(ptx, "b"), 0);
}

// ---- extremes ----

const std::vector<const char *> &targets() {
    static const std::vector<const char *> all = {
        "x86-64-linux-cuda-cuda_capability_30", "x86-64-linux-cuda-cuda_capability_32",
        "x86-64-linux-cuda-cuda_capability_75", "x86-64-linux-cuda-cuda_capability_86",
        "x86-64-linux-opencl"};
    return all;
}

const char *const chosen[] = {
    // What a thread finds outgrows its own memory.
    "topk(k=128, dim=1, largest=true, indices=false) f32[3, 1000] -> f32[3, 128]",
    "topk(k=129, dim=1, largest=true, indices=false) f32[3, 1000] -> f32[3, 129]",
    "topk(k=50000, dim=1, largest=true, indices=true) f32[1, 50000] -> i64[1, 50000]",
    "topk(k=1000, dim=0, largest=false, indices=false) f32[5000, 1000] -> f32[1000, 1000]",
    // The input under a single result is more than shared memory holds.
    "conv2d(3, kernel=[129, 129], stride=[1, 1], padding=[[64, 64], [64, 64]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 2, 130, 130] -> f32[1, 3, 130, 130]",
    "conv2d(2, kernel=[3, 3], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[100, 100], "
    "groups=1, bias=true) f32[1, 4, 300, 300] -> f32[1, 2, 100, 100]",
    // Many pixels under a few results.
    "conv2d(8, kernel=[5, 5], stride=[64, 64], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 3, 1029, 1029] -> f32[1, 8, 17, 17]",
    // A dimension of the grid that only the first could hold.
    "conv2d(1, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], groups=1, "
    "bias=true) f32[100000, 1, 2, 2] -> f32[100000, 1, 2, 2]",
    "linear(1, bias=true) f32[30000000, 1] -> f32[30000000, 1]",
    "linear(300000, bias=true) f32[1, 100] -> f32[1, 300000]",
    "linear(1, bias=true) f32[1, 10000000] -> f32[1, 1]",
    "softmax(dim=0) f32[500000000] -> f32[500000000]",
    "softmax(dim=1) f32[1000000, 3] -> f32[1000000, 3]",
    "sum(dims=[1]) f32[70000, 1000] -> f32[70000, 1]",
    // More rows of a block than threads that share one.
    "sum(dims=[1]) f32[65536, 5] -> f32[65536, 1]",
    "argmax(dim=1) f32[4096, 3] -> i64[4096, 1]",
    "identity f32[1, 1, 16384, 32768] -> relu -> f32[1, 1, 16384, 32768]",
    "max_pool2d(kernel=[2, 1], stride=[2, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
    "ceil_mode=false) f32[1, 1, 2000000, 1] -> f32[1, 1, 1000000, 1]",
    "sample(kind=pick, dims=[0], fill=0.0) f32[9], i32[30000000, 1] -> f32[30000000]",
    // As many results as there may be; and ragged tiles that would be more.
    "linear(28, bias=true) f32[19000000, 1] -> f32[19000000, 28]",
    "linear(1, bias=true) f32[536870912, 1] -> f32[536870912, 1]",
    "matmul f32[20000, 3], f32[3, 26000] -> f32[20000, 26000]",
    // Neighbouring channels share nothing.
    "conv2d(9000, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=9000, bias=true) f32[1, 9000, 200, 200] -> relu -> f32[1, 9000, 200, 200]",
};

int64_t reach(const TensorView &view) {
    int64_t last = 0;
    for (size_t d = 0; d < view.shape.size(); ++d)
        last += (view.shape[d] - 1) * view.strides[d];
    return last + 1;
}

// Others are refused before.
bool addressable(const Workload &w, const Schedule &schedule) {
    int64_t largest = std::max(reach(w.output), packed_weight_elements(w, schedule));
    for (const TensorView &view : w.inputs)
        largest = std::max(largest, reach(view));
    return largest <= Gpu().most_elements;
}

void add_requests(const Workload &w, uint64_t seed, std::vector<KernelRequest> &requests) {
    const Target target = parse_target(targets()[seed % targets().size()], nullptr).value();
    const Machine machine = machine_for(target);
    for (const Family &family : families()) {
        if (!family_fits(family, w, machine))
            continue;
        for (const Schedule &schedule :
             {family.model(w, machine), random_schedule(family, w, machine, seed)})
            if (addressable(w, schedule))
                requests.push_back({w, schedule, target, seed % 2 == 0});
    }
}

std::vector<KernelRequest> extreme_requests() {
    std::vector<KernelRequest> requests;
    uint64_t seed = 0;
    for (const char *text : chosen) {
        const auto w = parse_workload(text);
        EXPECT_TRUE(w && workload_problem(*w).empty()) << text;
        if (w)
            add_requests(*w, seed++, requests);
    }
    // Long and thin, and large.
    const RandomWorkloadOptions extremes[] = {
        {30000, 3, int64_t(1) << 40}, {3, 30000, int64_t(1) << 40}, {300, 3000, int64_t(1) << 40}};
    for (const RandomWorkloadOptions &options : extremes)
        for (int i = 0; i < 6; ++i, ++seed)
            add_requests(random_workload(seed, options), seed, requests);
    return requests;
}

void expect_launchable(const KernelRequest &r, const CompiledKernel &kernel) {
    const Gpu gpu = machine_for(r.target).gpu.value();
    // It knows no older ones, and nothing of how many registers these have.
    const bool assembler = !find_ptxas().empty() && gpu.capability >= 50;
    PtxReport report;
    if (gpu.capability != 0 && assembler) {
        report = assemble_for(kernel.device_code, gpu.capability);
        ASSERT_EQ(report.problem, "");
        ASSERT_EQ(report.entries.size(), kernel.launches.size());
    }
    for (size_t i = 0; i < kernel.launches.size(); ++i) {
        const GpuLaunch &launch = kernel.launches[i];
        EXPECT_EQ(launch_problem(launch, gpu), "");
        if (gpu.capability == 0)
            continue;
        EXPECT_LE(ptx_local_bytes(kernel.device_code, launch.entry), gpu.local_bytes);
        // Or the assembler would not know how many registers there are for each.
        const int64_t most = most_registers(gpu, launch);
        EXPECT_EQ(kernel.device_code.find(fmt::format("\n.maxnreg {}\n", most)) !=
                      std::string::npos,
                  most < gpu.registers_per_thread);
        if (!assembler)
            continue;
        EXPECT_LE(report.entries[i].stack_bytes, gpu.local_bytes + 256); // and what spills
        EXPECT_GT(resident_blocks(gpu, launch, report.entries[i].registers), 0)
            << report.entries[i].registers << " registers";
    }
}

TEST(Launch, OfExtremeWorkloadsNeverFails) {
    const std::vector<KernelRequest> requests = extreme_requests();
    ServiceOptions options;
    options.use_cache = false;
    const std::vector<KernelResult> results = compile_kernels(requests, options);
    std::map<std::string, int> met;
    for (size_t i = 0; i < requests.size(); ++i) {
        const KernelRequest &r = requests[i];
        SCOPED_TRACE(fmt::format("{}\n{}\n{}", workload_text(r.workload), schedule_text(r.schedule),
                                 target_text(r.target)));
        EXPECT_EQ(results[i].failure, "");
        if (results[i].failure.empty())
            expect_launchable(r, results[i].kernel);
        ++met[r.schedule.family];
    }
    for (const auto &[family, count] : met)
        fmt::print("{} {} times\n", family, count);
    EXPECT_EQ(met.size(), 8u) << "a family was not met";
}

} // namespace
} // namespace cnnc
