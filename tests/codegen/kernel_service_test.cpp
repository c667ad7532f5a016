// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compile service with the real compiler: bytes do not depend on order, number of jobs or the
// cache.
#include "compiler/codegen/service.h"

#include "schedules/family.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>

namespace cnnc {
namespace {

KernelRequest request(const char *workload, const char *target = "x86-64-linux-avx-avx2-f16c-fma") {
    std::string problem;
    KernelRequest r;
    r.workload = parse_workload(workload).value();
    r.target = parse_target(target, &problem).value();
    r.schedule = default_schedule(r.workload, machine_for(r.target));
    return r;
}

std::vector<KernelRequest> some_requests() {
    return {
        request("conv2d(32, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
                "dilation=[1, 1], groups=1, bias=true) f32[1, 16, 14, 14] -> relu -> "
                "f32[1, 32, 14, 14]"),
        request("identity() f32[1, 16, 9, 9] -> sigmoid -> f32[1, 16, 9, 9]"),
        request("max_pool2d([2, 2], stride=[2, 2], padding=[[0, 0], [0, 0]], dilation=[1, 1], "
                "ceil_mode=false) f32[1, 16, 14, 14] -> f32[1, 16, 7, 7]"),
        request("linear(10, bias=true) f32[1, 84] -> f32[1, 10]"),
    };
}

ServiceOptions options_without_cache(int jobs) {
    ServiceOptions options;
    options.jobs = jobs;
    options.use_cache = false;
    return options;
}

TEST(KernelService, BytesDependOnTheRequestAlone) {
    std::vector<KernelRequest> requests = some_requests();
    const auto first = compile_kernels(requests, options_without_cache(1));
    std::reverse(requests.begin(), requests.end());
    const auto second = compile_kernels(requests, options_without_cache(2));
    for (size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(first[i].failure, "");
        const KernelResult &other = second[first.size() - 1 - i];
        ASSERT_EQ(other.failure, "");
        EXPECT_TRUE(first[i].kernel.object == other.kernel.object) << i;
        EXPECT_EQ(first[i].kernel.object.substr(1, 3), "ELF");
        EXPECT_EQ(first[i].kernel.symbol, kernel_symbol(some_requests()[i]));
    }
}

TEST(KernelService, TheCacheGivesTheSameBytes) {
    std::string dir = std::filesystem::temp_directory_path() / "cnnc-kernels-XXXXXX";
    ASSERT_NE(mkdtemp(dir.data()), nullptr);
    ServiceOptions options;
    options.cache_dir = dir;
    const auto cold = compile_kernels(some_requests(), options);
    const auto warm = compile_kernels(some_requests(), options);
    for (size_t i = 0; i < cold.size(); ++i) {
        EXPECT_FALSE(cold[i].cached);
        EXPECT_TRUE(warm[i].cached);
        EXPECT_TRUE(cold[i].kernel.object == warm[i].kernel.object);
        EXPECT_EQ(cold[i].kernel.scratch_bytes, warm[i].kernel.scratch_bytes);
    }
    std::filesystem::remove_all(dir);
}

TEST(KernelService, TargetsDoNotShareEntries) {
    const char *workload = "linear(10, bias=true) f32[1, 84] -> f32[1, 10]";
    EXPECT_NE(kernel_key(request(workload)), kernel_key(request(workload, "x86-64-linux-sse41")));
}

} // namespace
} // namespace cnnc
