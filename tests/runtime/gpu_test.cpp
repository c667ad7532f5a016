// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Networks on a GPU, against a stand-in for CUDA's driver: what is loaded and copied when, where
// arguments point, what happens when a call fails, and that everything is given back.
#include "tests/runtime/stand_in_cuda.h"
#include "tests/runtime/toy_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

struct cnnc_gpu_program;
extern "C" {
extern const cnnc_gpu_program cnnc_toy_cuda, cnnc_toy_broken;
int cuCtxPushCurrent_v2(void *context);
int cuCtxPopCurrent_v2(void **context);
int cuCtxGetCurrent(void **context);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuMemAlloc_v2(uint64_t *address, size_t bytes);
int cuMemFree_v2(uint64_t address);
}

namespace cnnc {
namespace {

alignas(64) float weights[16];

Toy gpu_toy(const cnnc_gpu_program *program = &cnnc_toy_cuda) {
    Toy toy;
    toy.steps = 2;
    toy.arena_bytes = toy.scratch_bytes = 0;
    toy.linked_weights = reinterpret_cast<const char *>(weights);
    toy.weights_bytes = sizeof weights;
    toy.variants = {{"gpu", 0, program}};
    toy.gpu_launches = 3;
    toy.gpu_arguments = 9;
    return toy;
}

// The kernels of toy_gpu.c: s = x[0..2] * w, y = s + b, z = 2 y.
void sums(const unsigned *, const unsigned *, void **a) {
    const auto *x = *static_cast<const float **>(a[1]), *w = *static_cast<const float **>(a[2]);
    float *s = *static_cast<float **>(a[3]);
    for (int k = 0; k < 2; k++)
        s[k] = std::inner_product(x, x + *static_cast<int *>(a[0]), w + 3 * k, 0.0f);
}
void biased(const unsigned *, const unsigned *, void **a) {
    const auto *s = *static_cast<const float **>(a[0]), *b = *static_cast<const float **>(a[1]);
    for (int k = 0; k < 2; k++)
        (*static_cast<float **>(a[2]))[k] = s[k] + b[k];
}
void twice(const unsigned *, const unsigned *, void **a) {
    for (int k = 0; k < 2; k++)
        (*static_cast<float **>(a[1]))[k] = 2 * (*static_cast<const float **>(a[0]))[k];
}

class GpuTest : public testing::Test {
  protected:
    cnnc_options options_ = {};

    void SetUp() override {
        stand_in_reset();
        stand_in_set_kernel("sums", sums);
        stand_in_set_kernel("biased", biased);
        stand_in_set_kernel("twice", twice);
        std::iota(std::begin(weights), std::end(weights), 1.0f);
        set_toy(gpu_toy());
    }
    void TearDown() override {
        expect_all_freed();
        stand_in_reset();
    }
    static void expect_all_freed() {
        const stand_in &state = *stand_in_state();
        EXPECT_STREQ(state.problem, "") << stand_in_log();
        EXPECT_EQ(state.allocations, 0);
        EXPECT_EQ(state.modules, 0);
        EXPECT_EQ(state.streams, 0);
        EXPECT_EQ(state.retains, 0);
    }
    cnnc_context *create() {
        cnnc_context *context = nullptr;
        int code = cnnc_create(&options_, &context);
        EXPECT_EQ(code, CNNC_SUCCESS) << cnnc_error_message(code);
        return context;
    }
    int create_code() {
        cnnc_context *context = nullptr;
        int code = cnnc_create(&options_, &context);
        EXPECT_EQ(context == nullptr, code != CNNC_SUCCESS);
        cnnc_destroy(context);
        return code;
    }
    static std::array<float, 2> run(cnnc_context *context, std::array<float, 3> x, int *code) {
        std::array<float, 2> y = {};
        const void *inputs[] = {x.data()};
        void *outputs[] = {y.data()};
        *code = cnnc_run(context, inputs, outputs);
        return y;
    }
    static void expect_runs(cnnc_context *context) {
        int code = 0;
        // 2 * ((1 2 3) * (1 2 3) + 9), 2 * ((4 5 6) * (1 2 3) + 10)
        EXPECT_EQ(run(context, {1, 2, 3}, &code), (std::array<float, 2>{46, 84}));
        EXPECT_EQ(code, CNNC_SUCCESS);
    }
    static std::string take_log() {
        std::string log = stand_in_log();
        stand_in_clear_log();
        return log;
    }
};

TEST_F(GpuTest, CopiesAndLaunchesAreThoseOfThePlan) {
    cnnc_context *context = create();
    // Weights, then the arena of 1024 bytes with the ports behind it.
    EXPECT_EQ(take_log(), "retain 0\nload a module\nload a module\n"
                          "allocate #1, 64 bytes\ncopy 64 bytes to #1+0\nwait\n"
                          "allocate #2, 1536 bytes\n");
    const std::string once = "copy 12 bytes to #2+1024\n"
                             "launch sums, 3x2x1 blocks of 32x4x1, shared 512: "
                             "3 #2+1024 #1+0 #2+512\n"
                             "launch biased, 2x1x1 blocks of 1x1x1, shared 0: "
                             "#2+512 #1+32 #2+64\n"
                             "launch twice, 1x1x1 blocks of 2x1x1, shared 0: #2+64 #2+1280\n"
                             "copy 8 bytes from #2+1280\nwait\n";
    for (int i = 0; i < 3; i++) {
        expect_runs(context);
        EXPECT_EQ(take_log(), once);
    }
    cnnc_destroy(context);
    EXPECT_EQ(take_log(), "free #2+0\nunload a module\nunload a module\nfree #1+0\nrelease 0\n");
}

TEST_F(GpuTest, ContextsShareModulesAndWeights) {
    for (int round = 0; round < 2; round++) {
        std::vector<cnnc_context *> contexts;
        for (int i = 0; i < 4; i++)
            contexts.push_back(create());
        const std::string log = take_log();
        const std::string upload = "copy 64 bytes";
        EXPECT_EQ(log.find(upload), log.rfind(upload));
        EXPECT_NE(log.find(upload), std::string::npos);
        EXPECT_EQ(stand_in_state()->modules, 2);
        EXPECT_EQ(stand_in_state()->allocations, 1 + 4);
        std::swap(contexts[0], contexts[2]); // the first one made is not the last to go
        for (cnnc_context *context : contexts) {
            expect_runs(context);
            cnnc_destroy(context);
        }
        expect_all_freed();
    }
}

TEST_F(GpuTest, DevicesHaveWeightsOfTheirOwn) {
    stand_in_state()->devices = 2;
    cnnc_context *first = create();
    options_.device = 1;
    cnnc_context *second = create();
    EXPECT_NE(take_log().find("retain 1"), std::string::npos);
    EXPECT_EQ(stand_in_state()->allocations, 4);
    expect_runs(second);
    expect_runs(first);
    cnnc_destroy(first);
    cnnc_destroy(second);
}

TEST_F(GpuTest, DevicePointersAreUsedAsTheyAre) {
    options_.device_pointers = 1;
    cnnc_context *context = create();
    EXPECT_NE(take_log().find("allocate #2, 1024 bytes\n"), std::string::npos) << "no ports";
    void *primary = nullptr;
    cuDevicePrimaryCtxRetain(&primary, 0);
    cuCtxPushCurrent_v2(primary);
    uint64_t x = 0, y = 0;
    cuMemAlloc_v2(&x, 64);
    cuMemAlloc_v2(&y, 64);
    const float values[] = {1, 2, 3};
    std::memcpy(static_cast<char *>(stand_in_host(x)) + 16, values, sizeof values);
    take_log();
    for (uint64_t offset : {0, 32}) { // not what the run before took
        const void *inputs[] = {reinterpret_cast<const void *>(x + 16)};
        void *outputs[] = {reinterpret_cast<void *>(y + offset)};
        EXPECT_EQ(cnnc_run(context, inputs, outputs), CNNC_SUCCESS);
        const std::string log = take_log();
        EXPECT_EQ(log.find("copy"), std::string::npos) << log;
        EXPECT_NE(log.find(" 3 #3+16 #1+0 #2+512\n"), std::string::npos) << log;
        EXPECT_NE(log.find(" #2+64 #4+" + std::to_string(offset) + "\nwait\n"), std::string::npos)
            << log;
        EXPECT_EQ(static_cast<float *>(stand_in_host(y + offset))[1], 84);
    }
    cuMemFree_v2(x);
    cuMemFree_v2(y);
    cuCtxPopCurrent_v2(&primary);
    cuDevicePrimaryCtxRelease_v2(0);
    cnnc_destroy(context);
}

TEST_F(GpuTest, DevicePointersAreMultiplesOf16) {
    options_.device_pointers = 1;
    cnnc_context *context = create();
    take_log();
    for (auto [x, y] : {std::pair(4, 0), {0, 8}, {12, 12}}) {
        const void *inputs[] = {reinterpret_cast<const void *>(uintptr_t(0x10000 + x))};
        void *outputs[] = {reinterpret_cast<void *>(uintptr_t(0x20000 + y))};
        EXPECT_EQ(cnnc_run(context, inputs, outputs), CNNC_ERROR_GPU_ALIGNMENT);
    }
    EXPECT_EQ(take_log(), "");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_ALIGNMENT),
                 "an address in the GPU's memory is not a multiple of 16 bytes");
    cnnc_destroy(context);
    // Addresses of the host are copied from, wherever they are.
    options_.device_pointers = 0;
    context = create();
    alignas(16) float memory[8] = {0, 1, 2, 3};
    const void *inputs[] = {memory + 1};
    void *outputs[] = {memory + 5};
    EXPECT_EQ(cnnc_run(context, inputs, outputs), CNNC_SUCCESS);
    EXPECT_EQ(memory[6], 84);
    cnnc_destroy(context);
}

TEST_F(GpuTest, ProfileWaitsForEveryStep) {
    std::string seen;
    options_.profile_user = &seen;
    options_.profile = [](void *user, int step, const char *name, double seconds) {
        EXPECT_GE(seconds, 0.0);
        *static_cast<std::string *>(user) += std::to_string(step) + name + " ";
    };
    cnnc_context *context = create();
    take_log();
    expect_runs(context);
    EXPECT_EQ(seen, "0conv1 1pool1 ");
    std::string log = take_log();
    std::string calls;
    for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1)
        calls += log[at];
    EXPECT_EQ(calls, "cw" // copy, wait
                     "llw"
                     "lw"
                     "cw");
    cnnc_destroy(context);
}

TEST_F(GpuTest, TheCallersContextIsLeftAlone) {
    char mine;
    void *current = nullptr;
    cuCtxPushCurrent_v2(&mine);
    cnnc_context *context = create();
    cuCtxGetCurrent(&current);
    EXPECT_EQ(current, &mine);
    expect_runs(context);
    cuCtxGetCurrent(&current);
    EXPECT_EQ(current, &mine);
    cnnc_destroy(context);
    cuCtxPopCurrent_v2(&current);
    EXPECT_EQ(current, &mine);
    cuCtxGetCurrent(&current);
    EXPECT_EQ(current, nullptr);
}

TEST_F(GpuTest, EverythingIsFreedWhateverCallFails) {
    for (int n = 1;; n++) {
        stand_in_state()->calls = 0;
        stand_in_state()->fail_at = n;
        stand_in_state()->fail_code = 999; // "unknown"
        cnnc_context *contexts[2] = {};
        bool failed = false;
        for (cnnc_context *&context : contexts) {
            int code = cnnc_create(&options_, &context);
            if (code != CNNC_SUCCESS) {
                EXPECT_EQ(code, take_log().find("cuInit fails") == std::string::npos
                                    ? CNNC_ERROR_GPU_LAUNCH
                                    : CNNC_ERROR_GPU_DRIVER);
            }
            EXPECT_EQ(context == nullptr, code != CNNC_SUCCESS);
            failed |= code != CNNC_SUCCESS;
            if (code == CNNC_SUCCESS) {
                run(context, {1, 2, 3}, &code);
                failed |= code != CNNC_SUCCESS;
            }
        }
        const bool reached = stand_in_state()->calls >= n;
        stand_in_state()->fail_at = 0;
        // What survives works, whatever went wrong before.
        for (cnnc_context *context : contexts)
            if (context)
                expect_runs(context);
        for (cnnc_context *context : contexts)
            cnnc_destroy(context);
        expect_all_freed();
        if (!reached) {
            EXPECT_FALSE(failed);
            EXPECT_GT(n, 40) << "the loop saw hardly a call";
            return;
        }
        // Only what frees may fail without a word.
        const std::string log = take_log();
        const bool frees = log.find("cuStreamDestroy fails") != std::string::npos ||
                           log.find("cuCtxPopCurrent fails") != std::string::npos;
        EXPECT_NE(failed, frees) << log;
    }
}

TEST_F(GpuTest, DestroyGoesOnWhenCallsFail) {
    for (int n = 1; n < 20; n++) {
        cnnc_context *context = create();
        stand_in_state()->fail_at = stand_in_state()->calls + n;
        stand_in_state()->fail_code = 999;
        cnnc_destroy(context);
        // Without the device's context nothing can be freed, and nothing must be tried.
        const bool lost = take_log().find("cuCtxPushCurrent fails") != std::string::npos;
        if (lost)
            EXPECT_EQ(stand_in_state()->retains, 0);
        else
            expect_all_freed();
        SetUp();
    }
}

TEST_F(GpuTest, ErrorsTellWhatToDo) {
    stand_in &state = *stand_in_state();
    state.version = 11000;
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DRIVER_OLD);
    state.version = 11010;
    EXPECT_EQ(create_code(), CNNC_SUCCESS);
    state.capability = 75;
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DEVICE);
    state.capability = 120;
    EXPECT_EQ(create_code(), CNNC_SUCCESS);
    state.devices = 0;
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DEVICE);
    state.devices = 1;
    options_.device = 1;
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DEVICE);
    options_.device = -1;
    EXPECT_EQ(create_code(), CNNC_ERROR_OPTIONS);
    options_.device = 0;
    for (size_t bytes : {0, 63, 64, 64 + 1535}) {
        state.memory_bytes = bytes;
        EXPECT_EQ(create_code(), CNNC_ERROR_GPU_MEMORY) << bytes;
    }
    state.memory_bytes = 64 + 1536;
    EXPECT_EQ(create_code(), CNNC_SUCCESS);
    set_toy(gpu_toy(&cnnc_toy_broken));
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_CODE);
    state.fail_at = state.calls + 1;
    state.fail_code = 34; // the library that CUDA's toolkit has to link with
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DRIVER);
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_DRIVER),
                 "the GPU's driver (libcuda.so.1 or libOpenCL.so.1) is not installed or does not "
                 "start");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_DRIVER_OLD),
                 "the GPU's driver is too old for the network: install a newer one");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_DEVICE),
                 "there is no such GPU (see the option device), or it is too old for the network");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_MEMORY), "the GPU has not enough free memory");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_CODE),
                 "the GPU's driver does not accept the network's code: install a newer one, or "
                 "build the network for another target");
    EXPECT_STREQ(cnnc_error_message(CNNC_ERROR_GPU_LAUNCH),
                 "the GPU failed while it loaded or ran the network");
}

TEST_F(GpuTest, ACpuStepsInWhereTheGpuCannot) {
    Toy toy = gpu_toy();
    toy.variants.push_back({"cpu", 0});
    toy.arena_bytes = toy.scratch_bytes = 64;
    int cpu_steps = 0;
    toy.step = [&](const StepArguments &s) {
        EXPECT_EQ(s.variant, 1);
        cpu_steps++;
        return 0;
    };
    set_toy(toy);
    EXPECT_STREQ(cnnc_variant(), "gpu");
    cnnc_context *context = create();
    expect_runs(context);
    cnnc_destroy(context);
    EXPECT_EQ(cpu_steps, 0);
    stand_in_state()->capability = 75;
    EXPECT_STREQ(cnnc_variant(), "cpu");
    take_log();
    int code = 0;
    options_.threads = 2;
    context = create();
    run(context, {1, 2, 3}, &code);
    cnnc_destroy(context);
    EXPECT_EQ(cpu_steps, 2);
    EXPECT_EQ(take_log(), "");
    // A CPU cannot read the GPU's memory.
    options_.device_pointers = 1;
    EXPECT_EQ(create_code(), CNNC_ERROR_GPU_DEVICE);
    toy.variants.erase(toy.variants.begin());
    set_toy(toy);
    EXPECT_EQ(create_code(), CNNC_ERROR_OPTIONS);
}

Toy toy_with_cpu() {
    Toy toy = gpu_toy();
    toy.variants.push_back({"cpu", 0});
    toy.arena_bytes = 1 << 20;
    toy.scratch_bytes = 1 << 16;
    toy.step = [](const StepArguments &) { return 0; };
    return toy;
}

// Where there is a GPU, what goes wrong on it is told, not hidden behind a slower CPU.
TEST_F(GpuTest, ACpuDoesNotStepInForAGpuThatFails) {
    set_toy(toy_with_cpu());
    stand_in_state()->calls = 0;
    EXPECT_STREQ(cnnc_variant(), "gpu");
    const int looking = stand_in_state()->calls; // for a GPU
    int told = 0;
    for (int n = 1;; n++) {
        stand_in_state()->calls = 0;
        stand_in_state()->fail_at = n;
        stand_in_state()->fail_code = 2; // out of memory
        cnnc_context *context = nullptr;
        const int code = cnnc_create(&options_, &context);
        const bool reached = stand_in_state()->calls >= n;
        stand_in_state()->fail_at = 0;
        const std::string log = take_log();
        const bool frees = log.find("cuStreamDestroy fails") != std::string::npos ||
                           log.find("cuCtxPopCurrent fails") != std::string::npos;
        if (reached && n > looking && !frees)
            EXPECT_EQ(code, CNNC_ERROR_GPU_MEMORY) << n << "\n" << log;
        else
            EXPECT_EQ(code, CNNC_SUCCESS) << n << "\n" << log;
        if (code == CNNC_SUCCESS) { // the CPU asks for nothing
            EXPECT_EQ(log.find("allocate") == std::string::npos, n <= looking) << log;
        }
        told += code != CNNC_SUCCESS;
        cnnc_destroy(context);
        expect_all_freed();
        if (!reached)
            break;
    }
    EXPECT_GT(told, 10);
}

TEST_F(GpuTest, NoGpuCanBeAskedFor) {
    set_toy(toy_with_cpu());
    options_.device = -1;
    int code = 0;
    cnnc_context *context = create();
    run(context, {1, 2, 3}, &code);
    EXPECT_EQ(code, CNNC_SUCCESS);
    cnnc_destroy(context);
    EXPECT_EQ(stand_in_state()->calls, 0);
    options_.device_pointers = 1;
    EXPECT_EQ(create_code(), CNNC_ERROR_OPTIONS);
    options_.device_pointers = 0;
    options_.device = -2;
    EXPECT_EQ(create_code(), CNNC_ERROR_OPTIONS);
    options_.device = -1;
    set_toy(gpu_toy());
    EXPECT_EQ(create_code(), CNNC_ERROR_OPTIONS);
}

TEST_F(GpuTest, TheHostsArenaIsForCpus) {
    set_toy(toy_with_cpu());
    size_t allocated = 0;
    options_.allocator_user = &allocated;
    options_.allocate = [](void *user, size_t bytes, size_t alignment) {
        *static_cast<size_t *>(user) += bytes;
        return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    };
    options_.release = [](void *, void *memory) { std::free(memory); };
    cnnc_context *context = create();
    expect_runs(context);
    cnnc_destroy(context);
    EXPECT_LT(allocated, 4096u);
    allocated = 0;
    options_.device = -1;
    cnnc_destroy(create());
    EXPECT_EQ(allocated, cnnc_memory_size());
    EXPECT_GT(allocated, size_t(1 << 20) + (1 << 16));
}

TEST_F(GpuTest, TheCallersBlockHoldsTheContext) {
    std::vector<char> block(cnnc_memory_size() + 64, 0x5a);
    options_.memory = block.data() + 7;
    options_.memory_bytes = cnnc_memory_size();
    cnnc_context *context = create();
    expect_runs(context);
    cnnc_destroy(context);
    EXPECT_EQ(std::count(block.begin(), block.begin() + 7, 0x5a), 7);
    EXPECT_EQ(std::count(block.end() - 57, block.end(), 0x5a), 57);
    options_.memory_bytes--;
    EXPECT_EQ(create_code(), CNNC_ERROR_MEMORY_TOO_SMALL);
}

TEST_F(GpuTest, ContextsInThreads) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([this] {
            for (int round = 0; round < 5; round++) {
                cnnc_context *context = create();
                for (int i = 0; i < 5; i++)
                    expect_runs(context);
                cnnc_destroy(context);
            }
        });
    for (std::thread &thread : threads)
        thread.join();
}

} // namespace
} // namespace cnnc
