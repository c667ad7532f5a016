// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compile service with compilers made up to crash, hang and babble, and its cache. The real
// compiler's part in it is tested in kernel_service_test.cpp.
#include "compiler/codegen/service.h"

#include "compiler/codegen/cache.h"
#include "compiler/codegen/child.h"
#include "compiler/codegen/kernel_bytes.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

// A folder of the test's own, removed at its end.
struct ScratchFolder {
    fs::path path;
    ScratchFolder() {
        std::string name = (fs::temp_directory_path() / "cnnc-service-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~ScratchFolder() { fs::remove_all(path); }
};

// Requests that differ only in the number of channels, which fakes read as their order.
KernelRequest request(int64_t channels) {
    KernelRequest r;
    r.workload.anchor = Unary{UnaryKind::identity};
    r.workload.epilogue = {{Unary{UnaryKind::relu}}};
    r.workload.inputs = {channels_last(DType::f32, {1, channels, 4, 4})};
    r.workload.output = channels_last(DType::f32, {1, channels, 4, 4});
    r.schedule.family = "pointwise";
    return r;
}

int64_t order_of(const KernelRequest &r) {
    return r.workload.output.shape[1];
}

CompiledKernel good_kernel(const KernelRequest &r) {
    CompiledKernel kernel;
    kernel.symbol = kernel_symbol(r);
    kernel.object = "object " + std::to_string(order_of(r));
    kernel.scratch_bytes = order_of(r);
    kernel.parallel = order_of(r) % 2 == 1;
    return kernel;
}

ServiceOptions fake_options(std::function<CompiledKernel(const KernelRequest &)> compile) {
    ServiceOptions options;
    options.jobs = 2;
    options.use_cache = false;
    options.timeout_seconds = 20;
    options.compile = std::move(compile);
    options.warm_up = [] {};
    return options;
}

// Odd orders fail in the given way; even ones must not notice.
std::vector<KernelResult> with_failing_neighbours(std::function<void()> fail, double timeout = 20) {
    ServiceOptions options = fake_options([&](const KernelRequest &r) {
        if (order_of(r) % 2 == 1)
            fail();
        return good_kernel(r);
    });
    options.timeout_seconds = timeout;
    const auto results =
        compile_kernels({request(2), request(3), request(4), request(5), request(6)}, options);
    for (size_t i : {0, 2, 4}) {
        EXPECT_EQ(results[i].failure, "");
        EXPECT_EQ(results[i].kernel.object, "object " + std::to_string(i + 2));
    }
    return results;
}

TEST(Service, ReturnsResultsInOrderWhateverTheJobCount) {
    std::vector<KernelRequest> requests;
    for (int64_t order = 20; order > 0; --order)
        requests.push_back(request(order));
    for (int jobs : {1, 2, 7}) {
        ServiceOptions options = fake_options([](const KernelRequest &r) {
            usleep(useconds_t(order_of(r) % 3) * 2000);
            return good_kernel(r);
        });
        options.jobs = jobs;
        const auto results = compile_kernels(requests, options);
        ASSERT_EQ(results.size(), requests.size());
        for (size_t i = 0; i < results.size(); ++i) {
            EXPECT_EQ(results[i].failure, "");
            EXPECT_EQ(results[i].kernel.object, good_kernel(requests[i]).object);
            EXPECT_EQ(results[i].kernel.symbol, good_kernel(requests[i]).symbol);
            EXPECT_EQ(results[i].kernel.scratch_bytes, order_of(requests[i]));
            EXPECT_EQ(results[i].kernel.parallel, order_of(requests[i]) % 2 == 1);
        }
    }
}

TEST(Service, CompilesEqualRequestsOnce) {
    const ScratchFolder folder;
    ServiceOptions options = fake_options([&](const KernelRequest &r) {
        std::ofstream(folder.path / "calls", std::ios::app) << "x";
        return good_kernel(r);
    });
    int last_total = 0, last_done = 0;
    options.progress = [&](int done, int total) {
        last_done = done;
        last_total = total;
    };
    const auto results = compile_kernels({request(1), request(2), request(1), request(1)}, options);
    EXPECT_EQ(fs::file_size(folder.path / "calls"), 2u);
    EXPECT_EQ(results[3].kernel.object, "object 1");
    EXPECT_EQ(last_done, 2);
    EXPECT_EQ(last_total, 2);
}

TEST(Service, NothingToDo) {
    EXPECT_TRUE(compile_kernels({}, fake_options(good_kernel)).empty());
}

TEST(Service, StartsEveryKernelFromTheWarmedState) {
    int counter = 0;
    ServiceOptions options = fake_options([&](const KernelRequest &r) {
        CompiledKernel kernel = good_kernel(r);
        kernel.object = std::to_string(++counter);
        return kernel;
    });
    options.warm_up = [&] { counter = 41; };
    for (const KernelResult &result :
         compile_kernels({request(1), request(2), request(3)}, options))
        EXPECT_EQ(result.kernel.object, "42");
    EXPECT_EQ(counter, 0); // and this process has seen nothing of it
}

TEST(Service, AnAbortIsOneFailureWithItsLastWords) {
    const auto results = with_failing_neighbours([] {
        fprintf(stderr, "LLVM ERROR: Cannot select: intrinsic\n");
        abort();
    });
    EXPECT_EQ(results[1].failure,
              "ended by signal 6 (Aborted):\nLLVM ERROR: Cannot select: intrinsic");
    EXPECT_EQ(results[3].failure, results[1].failure);
}

TEST(Service, ACrashIsOneFailure) {
    const auto results = with_failing_neighbours([] { raise(SIGSEGV); });
    EXPECT_EQ(results[1].failure, "ended by signal 11 (Segmentation fault)");
}

TEST(Service, AHangIsKilled) {
    const auto results = with_failing_neighbours([] { sleep(1000); }, 0.5);
    EXPECT_EQ(results[1].failure, "did not finish within 0.5 s");
}

TEST(Service, AGrandchildThatKeepsThePipesOpenDoesNotHangUs) {
    const auto results = with_failing_neighbours(
        [] {
            if (fork() == 0) {
                sleep(30);
                _exit(0);
            }
            _exit(3);
        },
        0.5);
    EXPECT_NE(results[1].failure, "");
}

TEST(Service, AnErrorIsItsWords) {
    const auto halide = with_failing_neighbours([] { throw KernelError{"bad schedule: x"}; });
    EXPECT_EQ(halide[1].failure, "bad schedule: x");
    const auto other = with_failing_neighbours([] { throw std::runtime_error("other"); });
    EXPECT_EQ(other[1].failure, "other");
}

TEST(Service, AnEarlyExitIsAFailure) {
    const auto zero = with_failing_neighbours([] { _exit(0); });
    EXPECT_EQ(zero[1].failure, "the worker's answer was damaged");
    const auto three = with_failing_neighbours([] { _exit(3); });
    EXPECT_EQ(three[1].failure, "ended with exit code 3");
}

TEST(Service, OnlyTheLastLinesOfMuchOutputAreKept) {
    const auto results = with_failing_neighbours([] {
        for (int i = 0; i < 1000000; ++i)
            printf("line %d\n", i);
        fflush(stdout);
        abort();
    });
    EXPECT_LT(results[1].failure.size(), 300u);
    EXPECT_NE(results[1].failure.find("\nline 999999"), std::string::npos);
}

TEST(Service, OutputOfAGoodKernelIsNoFailure) {
    const auto results = with_failing_neighbours([] { printf("warning: slow\n"); });
    EXPECT_EQ(results[1].failure, "");
}

TEST(Service, ALargeObjectComesThrough) {
    const ServiceOptions options = fake_options([](const KernelRequest &r) {
        CompiledKernel kernel = good_kernel(r);
        kernel.object.assign(20 << 20, 'o');
        return kernel;
    });
    const auto results = compile_kernels({request(1), request(2)}, options);
    EXPECT_EQ(results[1].failure, "");
    EXPECT_EQ(results[1].kernel.object.size(), size_t(20) << 20);
}

TEST(Service, AFailingWarmUpFailsEveryRequest) {
    ServiceOptions options = fake_options(good_kernel);
    options.warm_up = [] { abort(); };
    for (const KernelResult &result : compile_kernels({request(1), request(2)}, options))
        EXPECT_EQ(result.failure, "the compiling process ended by signal 6 (Aborted)");
}

TEST(Service, SecondTimeComesFromTheCache) {
    const ScratchFolder folder;
    ServiceOptions options = fake_options(good_kernel);
    options.use_cache = true;
    options.cache_dir = folder.path / "a" / "b";
    EXPECT_FALSE(compile_kernels({request(1)}, options)[0].cached);
    options.compile = [](const KernelRequest &) -> CompiledKernel { abort(); };
    const auto results = compile_kernels({request(1), request(2)}, options);
    EXPECT_TRUE(results[0].cached);
    EXPECT_EQ(results[0].kernel.object, "object 1");
    EXPECT_NE(results[1].failure, ""); // and failures are not kept
    options.compile = good_kernel;
    EXPECT_FALSE(compile_kernels({request(2)}, options)[0].cached);
}

TEST(Service, AnUnwritableCacheIsNoCache) {
    const ScratchFolder folder;
    std::ofstream(folder.path / "file") << "in the way";
    ServiceOptions options = fake_options(good_kernel);
    options.use_cache = true;
    options.cache_dir = folder.path / "file" / "cache";
    EXPECT_EQ(compile_kernels({request(1)}, options)[0].failure, "");
}

TEST(KernelBytes, RoundTripAndRefuseEveryTruncationAndFlip) {
    const CompiledKernel kernel = good_kernel(request(7));
    const std::string bytes = kernel_to_bytes(kernel, "key");
    const auto back = kernel_from_bytes(bytes, "key");
    ASSERT_TRUE(back);
    EXPECT_EQ(back->symbol, kernel.symbol);
    EXPECT_EQ(back->object, kernel.object);
    EXPECT_EQ(back->scratch_bytes, 7);
    EXPECT_TRUE(back->parallel);
    EXPECT_FALSE(kernel_from_bytes(bytes, "other key"));
    for (size_t i = 0; i < bytes.size(); ++i) {
        EXPECT_FALSE(kernel_from_bytes(std::string_view(bytes).substr(0, i), "key")) << i;
        std::string damaged = bytes;
        damaged[i] = char(damaged[i] ^ 0x10);
        EXPECT_FALSE(kernel_from_bytes(damaged, "key")) << i;
    }
    EXPECT_FALSE(kernel_from_bytes(bytes + "x", "key"));
}

TEST(Cache, DamagedEntriesAreAbsentAndReplaced) {
    const ScratchFolder folder;
    const CompiledKernel kernel = good_kernel(request(3));
    store_cached_kernel(folder.path, "k", "key", kernel);
    ASSERT_TRUE(load_cached_kernel(folder.path, "k", "key"));
    fs::resize_file(folder.path / "k.kernel", 40);
    EXPECT_FALSE(load_cached_kernel(folder.path, "k", "key"));
    store_cached_kernel(folder.path, "k", "key", kernel);
    EXPECT_TRUE(load_cached_kernel(folder.path, "k", "key"));
    EXPECT_FALSE(load_cached_kernel(folder.path, "k", "another key of the same hash"));
}

TEST(Cache, PruningKeepsWhatWasUsedLast) {
    const ScratchFolder folder;
    CompiledKernel kernel = good_kernel(request(3));
    kernel.object.assign(1000, 'o');
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
    for (const char *name : {"a", "b", "c", "d"}) {
        store_cached_kernel(folder.path, name, name, kernel);
        fs::last_write_time(folder.path / (name + std::string(".kernel")), old);
    }
    EXPECT_TRUE(load_cached_kernel(folder.path, "b", "b")); // makes it the latest
    std::ofstream(folder.path / "abandoned.partial") << "x";
    fs::last_write_time(folder.path / "abandoned.partial", old);
    std::ofstream(folder.path / "being-written.partial") << "x";
    prune_kernel_cache(folder.path, 1500);
    EXPECT_TRUE(load_cached_kernel(folder.path, "b", "b"));
    EXPECT_FALSE(load_cached_kernel(folder.path, "a", "a"));
    EXPECT_FALSE(load_cached_kernel(folder.path, "d", "d"));
    EXPECT_FALSE(fs::exists(folder.path / "abandoned.partial"));
    EXPECT_TRUE(fs::exists(folder.path / "being-written.partial"));
}

TEST(Cache, ConcurrentWritersLeaveOneWholeEntry) {
    const ScratchFolder folder;
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i)
        children.push_back(start_child(
            [&](int) {
                CompiledKernel kernel = good_kernel(request(3));
                kernel.object.assign(100000, 'o');
                for (int round = 0; round < 50; ++round) {
                    store_cached_kernel(folder.path, "k", "key", kernel);
                    if (!load_cached_kernel(folder.path, "k", "key"))
                        throw std::runtime_error("torn entry");
                }
            },
            60));
    for (Child &child : children) {
        while (!child.ended)
            wait_for_any({&child});
        EXPECT_EQ(child.failure, "");
    }
}

TEST(Cache, FolderComesFromTheEnvironment) {
    EXPECT_EQ(kernel_cache_dir("/given"), "/given");
    setenv("HOME", "/home/u", 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("CNNC_CACHE_DIR");
    EXPECT_EQ(kernel_cache_dir(""), "/home/u/.cache/cnnc");
    setenv("XDG_CACHE_HOME", "/xdg", 1);
    EXPECT_EQ(kernel_cache_dir(""), "/xdg/cnnc");
    setenv("CNNC_CACHE_DIR", "/own", 1);
    EXPECT_EQ(kernel_cache_dir(""), "/own");
}

} // namespace
} // namespace cnnc
