// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory and options: blocks and allocators of the caller's, sizes, bad arguments, the profile.
#include "tests/runtime/toy_network.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace cnnc {
namespace {

int run_once(cnnc_context *context) {
    float in = 0, out = 0;
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    return cnnc_run(context, inputs, outputs);
}

int create_code(const cnnc_options &options) {
    cnnc_context *context = reinterpret_cast<cnnc_context *>(1);
    int code = cnnc_create(&options, &context);
    EXPECT_EQ(context == nullptr, code != CNNC_SUCCESS) << code;
    cnnc_destroy(context);
    return code;
}

struct Allocator {
    std::set<void *> live;
    int calls = 0;
    bool refuse = false;

    static void *allocate(void *user, size_t bytes, size_t alignment) {
        auto *self = static_cast<Allocator *>(user);
        self->calls++;
        if (self->refuse)
            return nullptr;
        void *memory =
            std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        std::memset(memory, 0xa5, bytes); // create must not rely on zeros
        self->live.insert(memory);
        return memory;
    }
    static void release(void *user, void *memory) {
        EXPECT_EQ(static_cast<Allocator *>(user)->live.erase(memory), 1u);
        std::free(memory);
    }
    cnnc_options options() {
        cnnc_options options = {};
        options.allocate = allocate;
        options.release = release;
        options.allocator_user = this;
        return options;
    }
};

// Every step fills arena and scratch, which begin on cache lines, to their ends.
Toy filling_toy() {
    Toy toy;
    toy.step = [](const StepArguments &s) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(s.arena) % 64, 0u);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(s.worker->scratch) % 64, 0u);
        std::memset(s.arena, 1, 1024);
        return parallel_loop(s.worker, 8, [](cnnc_worker *w, int i) {
            std::memset(w->scratch, i, 256);
            return 0;
        });
    };
    return toy;
}

TEST(Memory, NullOptionsAreDefaults) {
    set_toy(filling_toy());
    cnnc_context *context = nullptr;
    ASSERT_EQ(cnnc_create(nullptr, &context), CNNC_SUCCESS);
    EXPECT_EQ(run_once(context), CNNC_SUCCESS);
    cnnc_destroy(context);
    EXPECT_EQ(create_code({}), CNNC_SUCCESS);
}

TEST(Memory, SizesGrowWithThreads) {
    set_toy({});
    EXPECT_GE(cnnc_memory_size(), 1024u + 256u);
    EXPECT_EQ(cnnc_memory_size(), cnnc_memory_size_for(1));
    EXPECT_EQ(cnnc_memory_size(), cnnc_memory_size_for(0));
    EXPECT_GE(cnnc_memory_size_for(8), cnnc_memory_size() + 7 * 256);
    EXPECT_EQ(cnnc_memory_size_for(-1), SIZE_MAX);
    EXPECT_EQ(cnnc_memory_size_for(CNNC_MOST_THREADS + 1), SIZE_MAX);
    Toy huge;
    huge.scratch_bytes = SIZE_MAX / 4 / 64 * 64;
    set_toy(huge);
    EXPECT_EQ(cnnc_memory_size_for(8), SIZE_MAX);
    cnnc_options options = {};
    options.threads = 8;
    EXPECT_EQ(create_code(options), CNNC_ERROR_OUT_OF_MEMORY);
}

TEST(Memory, CallersBlockAtAnyAddress) {
    set_toy(filling_toy());
    for (int threads : {1, 4})
        for (size_t shift : {0u, 1u, 7u, 63u}) {
            size_t size = cnnc_memory_size_for(threads);
            std::vector<char> block(size + shift + 64, 0x5a);
            cnnc_options options = {};
            options.threads = threads;
            options.memory = block.data() + shift;
            options.memory_bytes = size;
            cnnc_context *context = nullptr;
            ASSERT_EQ(cnnc_create(&options, &context), CNNC_SUCCESS);
            EXPECT_EQ(run_once(context), CNNC_SUCCESS);
            cnnc_destroy(context);
            for (size_t i = 0; i < block.size(); i++)
                if (i < shift || i >= shift + size) {
                    ASSERT_EQ(block[i], 0x5a) << "wrote outside of the block";
                }
        }
}

TEST(Memory, TooSmallBlockIsRefused) {
    set_toy({});
    std::vector<char> block(cnnc_memory_size());
    cnnc_options options = {};
    options.memory = block.data();
    options.memory_bytes = cnnc_memory_size() - 1;
    EXPECT_EQ(create_code(options), CNNC_ERROR_MEMORY_TOO_SMALL);
    options.memory_bytes++;
    EXPECT_EQ(create_code(options), CNNC_SUCCESS);
    options.threads = 2;
    EXPECT_EQ(create_code(options), CNNC_ERROR_MEMORY_TOO_SMALL);
}

TEST(Memory, CallersAllocatorIsUsedOnceAndPaidBack) {
    set_toy(filling_toy());
    Allocator allocator;
    cnnc_options options = allocator.options();
    options.threads = 3;
    cnnc_context *context = nullptr;
    ASSERT_EQ(cnnc_create(&options, &context), CNNC_SUCCESS);
    for (int i = 0; i < 10; i++)
        ASSERT_EQ(run_once(context), CNNC_SUCCESS);
    EXPECT_EQ(allocator.calls, 1);
    EXPECT_EQ(allocator.live.size(), 1u);
    cnnc_destroy(context);
    EXPECT_TRUE(allocator.live.empty());
}

TEST(Memory, FailingAllocatorIsAnError) {
    set_toy({});
    Allocator allocator;
    allocator.refuse = true;
    EXPECT_EQ(create_code(allocator.options()), CNNC_ERROR_OUT_OF_MEMORY);
}

TEST(Memory, ACallersBlockNeedsNoAllocator) {
    set_toy({});
    Allocator allocator;
    cnnc_options options = allocator.options();
    std::vector<char> block(cnnc_memory_size());
    options.memory = block.data();
    options.memory_bytes = block.size();
    EXPECT_EQ(create_code(options), CNNC_SUCCESS);
    EXPECT_EQ(allocator.calls, 0);
}

TEST(Options, BadOnesAreRefused) {
    set_toy({});
    cnnc_options options = {};
    options.threads = -1;
    EXPECT_EQ(create_code(options), CNNC_ERROR_OPTIONS);
    options.threads = CNNC_MOST_THREADS + 1;
    EXPECT_EQ(create_code(options), CNNC_ERROR_OPTIONS);
    options = {};
    options.allocate = Allocator::allocate;
    EXPECT_EQ(create_code(options), CNNC_ERROR_OPTIONS);
    options = {};
    options.release = Allocator::release;
    EXPECT_EQ(create_code(options), CNNC_ERROR_OPTIONS);
}

TEST(Options, NullArgumentsAreErrors) {
    set_toy({});
    EXPECT_EQ(cnnc_create(nullptr, nullptr), CNNC_ERROR_NULL_ARGUMENT);
    cnnc_destroy(nullptr);
    cnnc_context *context = nullptr;
    ASSERT_EQ(cnnc_create(nullptr, &context), CNNC_SUCCESS);
    float value = 0;
    const void *inputs[] = {&value}, *no_input[] = {nullptr};
    void *outputs[] = {&value}, *no_output[] = {nullptr};
    EXPECT_EQ(cnnc_run(context, inputs, outputs), CNNC_SUCCESS);
    EXPECT_EQ(cnnc_run(nullptr, inputs, outputs), CNNC_ERROR_NULL_ARGUMENT);
    EXPECT_EQ(cnnc_run(context, nullptr, outputs), CNNC_ERROR_NULL_ARGUMENT);
    EXPECT_EQ(cnnc_run(context, no_input, outputs), CNNC_ERROR_NULL_ARGUMENT);
    EXPECT_EQ(cnnc_run(context, inputs, nullptr), CNNC_ERROR_NULL_ARGUMENT);
    EXPECT_EQ(cnnc_run(context, inputs, no_output), CNNC_ERROR_NULL_ARGUMENT);
    cnnc_destroy(context);
}

TEST(Options, ProfileTellsEveryStep) {
    Toy toy;
    toy.steps = 3;
    int fail_at = -1;
    toy.step = [&](const StepArguments &s) { return s.step == fail_at ? 1 : 0; };
    set_toy(toy);
    std::vector<std::string> seen;
    cnnc_options options = {};
    options.profile_user = &seen;
    options.profile = [](void *user, int step, const char *name, double seconds) {
        EXPECT_GE(seconds, 0.0);
        EXPECT_LT(seconds, 60.0);
        static_cast<std::vector<std::string> *>(user)->push_back(std::to_string(step) + name);
    };
    cnnc_context *context = nullptr;
    ASSERT_EQ(cnnc_create(&options, &context), CNNC_SUCCESS);
    EXPECT_EQ(run_once(context), CNNC_SUCCESS);
    EXPECT_EQ(seen, (std::vector<std::string>{"0conv1", "1pool1", "2conv2"}));
    seen.clear();
    fail_at = 1;
    EXPECT_EQ(run_once(context), CNNC_ERROR_KERNEL);
    EXPECT_EQ(seen, std::vector<std::string>{"0conv1"});
    cnnc_destroy(context);
}

TEST(Options, StepNames) {
    Toy toy;
    toy.steps = 2;
    set_toy(toy);
    EXPECT_EQ(cnnc_step_count(), 2);
    EXPECT_STREQ(cnnc_step_name(1), "pool1");
    EXPECT_EQ(cnnc_step_name(2), nullptr);
    EXPECT_EQ(cnnc_step_name(-1), nullptr);
    EXPECT_STREQ(cnnc_version(), "toy");
}

TEST(Options, EveryErrorHasItsOwnWords) {
    Toy toy;
    toy.gpu_launches = 1; // without a GPU there are no words for its errors
    set_toy(toy);
    std::set<std::string> messages;
    for (int code = CNNC_SUCCESS; code <= CNNC_ERROR_GPU_ALIGNMENT; code++)
        EXPECT_TRUE(messages.insert(cnnc_error_message(code)).second) << code;
    EXPECT_EQ(messages.count(cnnc_error_message(-1)), 0u);
    EXPECT_STREQ(cnnc_error_message(-1), cnnc_error_message(CNNC_ERROR_GPU_ALIGNMENT + 1));
}

constexpr uint64_t no_such_feature = uint64_t(1) << 63;

TEST(Cpu, MissingFeaturesAreRefused) {
    Toy toy;
    toy.variants = {{"fits", cnnc_cpu_features()}};
    set_toy(toy);
    EXPECT_EQ(create_code({}), CNNC_SUCCESS);
    EXPECT_STREQ(cnnc_variant(), "fits");
    toy.variants[0].cpu_features |= no_such_feature;
    set_toy(toy);
    EXPECT_EQ(create_code({}), CNNC_ERROR_CPU);
    EXPECT_EQ(cnnc_variant(), nullptr);
}

TEST(Cpu, TheFirstVariantThatFitsIsRun) {
    int ran = -1;
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        ran = s.variant;
        return 0;
    };
    const ToyVariant wide = {"wide", no_such_feature}, fits = {"fits", cnnc_cpu_features()},
                     least = {"least", 0};
    struct Case {
        std::vector<ToyVariant> variants;
        int expected;
    };
    for (const Case &c : {Case{{wide, fits, least}, 1}, Case{{least, wide}, 0},
                          Case{{wide, wide, least}, 2}, Case{{fits, least}, 0}}) {
        toy.variants = c.variants;
        set_toy(toy);
        cnnc_context *context = nullptr;
        ASSERT_EQ(cnnc_create(nullptr, &context), CNNC_SUCCESS);
        EXPECT_EQ(run_once(context), CNNC_SUCCESS);
        EXPECT_EQ(ran, c.expected);
        EXPECT_STREQ(cnnc_variant(), c.variants[size_t(c.expected)].name);
        cnnc_destroy(context);
    }
}

#if defined(__x86_64__)
TEST(Cpu, AgreesWithTheCompilersOwnCheck) {
    // The first ones of CNNC_X86_FEATURES: ssse3, fma, sse4.1, ...
    uint64_t features = cnnc_cpu_features();
    EXPECT_EQ(features >> 0 & 1, uint64_t(__builtin_cpu_supports("ssse3") != 0));
    EXPECT_EQ(features >> 1 & 1, uint64_t(__builtin_cpu_supports("fma") != 0));
    EXPECT_EQ(features >> 2 & 1, uint64_t(__builtin_cpu_supports("sse4.1") != 0));
    EXPECT_EQ(features >> 6 & 1, uint64_t(__builtin_cpu_supports("avx") != 0));
    EXPECT_EQ(features >> 9 & 1, uint64_t(__builtin_cpu_supports("avx2") != 0));
    EXPECT_EQ(features >> 11 & 1, uint64_t(__builtin_cpu_supports("avx512f") != 0));
    EXPECT_EQ(features >> 17 & 1, uint64_t(__builtin_cpu_supports("avx512bw") != 0));
    EXPECT_EQ(features >> 22 & 1, uint64_t(__builtin_cpu_supports("avx512vnni") != 0));
}
#endif

} // namespace
} // namespace cnnc
