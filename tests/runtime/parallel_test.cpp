// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Parallel loops: every iteration runs once, whatever the threads and the extent; scratch is a
// task's own; errors arrive; callers' loops are checked.
#include "tests/runtime/toy_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

namespace cnnc {
namespace {

struct Destroy {
    void operator()(cnnc_context *context) const { cnnc_destroy(context); }
};
using Context = std::unique_ptr<cnnc_context, Destroy>;

Context create(const cnnc_options &options) {
    cnnc_context *context = nullptr;
    EXPECT_EQ(cnnc_create(&options, &context), CNNC_SUCCESS);
    return Context(context);
}

Context create_with(int threads) {
    cnnc_options options = {};
    options.threads = threads;
    return create(options);
}

int run(const Context &context) {
    float in = 0, out = 0;
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    return cnnc_run(context.get(), inputs, outputs);
}

class Threads : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Counts, Threads, testing::Values(1, 2, 3, 7, 16));

TEST_P(Threads, EveryIterationRunsOnce) {
    for (int extent : {0, 1, 2, 3, 15, 16, 17, 1000}) {
        // Plain integers: under ThreadSanitizer, two threads at one of them would be told.
        std::vector<int> counts(size_t(extent), 0);
        Toy toy;
        toy.step = [&](const StepArguments &s) {
            return parallel_loop(s.worker, extent, [&](cnnc_worker *, int i) {
                counts[size_t(i)]++;
                return 0;
            });
        };
        set_toy(toy);
        Context context = create_with(GetParam());
        for (int round = 1; round <= 20; round++) {
            ASSERT_EQ(run(context), CNNC_SUCCESS);
            ASSERT_EQ(counts, std::vector<int>(size_t(extent), round)) << extent;
        }
    }
}

TEST_P(Threads, ManyShortRoundsInARow) {
    // Later steps read what earlier ones wrote, shifted to other workers' shares.
    std::vector<int> a(64), b(64);
    Toy toy;
    toy.steps = 2;
    toy.step = [&](const StepArguments &s) {
        std::vector<int> &from = s.step == 0 ? a : b, &to = s.step == 0 ? b : a;
        return parallel_loop(s.worker, 64, [&](cnnc_worker *, int i) {
            to[size_t(i)] = from[size_t(63 - i)] + 1;
            return 0;
        });
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    for (int round = 0; round < 500; round++)
        ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(a, std::vector<int>(64, 1000));
}

TEST_P(Threads, WakeAfterSleeping) {
    std::atomic<int> sum{0};
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        return parallel_loop(s.worker, 100, [&](cnnc_worker *, int i) {
            sum += i;
            return 0;
        });
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    for (int round = 1; round <= 5; round++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5)); // longer than they spin
        ASSERT_EQ(run(context), CNNC_SUCCESS);
        EXPECT_EQ(sum, round * 4950);
    }
}

TEST_P(Threads, CallerWaitsForSlowTasks) {
    std::atomic<int> finished{0};
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        return parallel_loop(s.worker, GetParam(), [&](cnnc_worker *, int i) {
            if (i > 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
            finished++;
            return 0;
        });
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    for (int round = 1; round <= 3; round++) {
        ASSERT_EQ(run(context), CNNC_SUCCESS);
        ASSERT_EQ(finished, round * GetParam());
    }
}

TEST_P(Threads, ScratchIsTheTasksOwn) {
    std::atomic<int> clashes{0};
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(s.arena) % 64, 0u);
        return parallel_loop(s.worker, 200, [&](cnnc_worker *w, int i) {
            if (reinterpret_cast<uintptr_t>(w->scratch) % 64 != 0)
                clashes++;
            auto *scratch = reinterpret_cast<int *>(w->scratch);
            std::fill(scratch, scratch + 64, i);
            std::this_thread::yield();
            for (int k = 0; k < 64; k++)
                if (scratch[k] != i)
                    clashes++;
            return 0;
        });
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    for (int round = 0; round < 10; round++)
        ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(clashes, 0);
}

TEST_P(Threads, NestedLoopsRunOnTheirOwnWorker) {
    std::vector<int> counts(100, 0);
    std::atomic<int> strangers{0};
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        return parallel_loop(s.worker, 10, [&](cnnc_worker *outer, int i) {
            return parallel_loop(outer, 10, [&](cnnc_worker *inner, int j) {
                strangers += inner != outer;
                counts[size_t(10 * i + j)]++;
                return 0;
            });
        });
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(counts, std::vector<int>(100, 1));
    EXPECT_EQ(strangers, 0);
}

TEST_P(Threads, AFailingIterationIsAnError) {
    std::atomic<bool> fail{true};
    Toy toy;
    toy.steps = 2;
    int last_step = -1;
    toy.step = [&](const StepArguments &s) {
        last_step = s.step;
        // Whatever a kernel makes of the result, the run fails.
        (void)parallel_loop(s.worker, 50,
                            [&](cnnc_worker *, int i) { return fail && i == 37 ? 5 : 0; });
        return 0;
    };
    set_toy(toy);
    Context context = create_with(GetParam());
    EXPECT_EQ(run(context), CNNC_ERROR_KERNEL);
    EXPECT_EQ(last_step, 0) << "steps after the failure must not run";
    fail = false; // the context is still good
    EXPECT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(last_step, 1);
}

TEST(Parallel, AFailingKernelIsAnError) {
    Toy toy;
    toy.step = [](const StepArguments &) { return -3; };
    set_toy(toy);
    EXPECT_EQ(run(create_with(1)), CNNC_ERROR_KERNEL);
}

TEST(Parallel, SharesDoNotDependOnTime) {
    std::vector<char *> first(40), second(40);
    std::vector<char *> *scratches = &first;
    Toy toy;
    toy.step = [&](const StepArguments &s) {
        return parallel_loop(s.worker, 40, [&](cnnc_worker *w, int i) {
            (*scratches)[size_t(i)] = w->scratch;
            return 0;
        });
    };
    set_toy(toy);
    Context context = create_with(3);
    ASSERT_EQ(run(context), CNNC_SUCCESS);
    scratches = &second;
    ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(first, second);
    EXPECT_EQ(std::set<char *>(first.begin(), first.end()).size(), 3u);
}

TEST(Parallel, TwoContextsInTwoThreads) {
    Toy toy;
    toy.step = [](const StepArguments &s) {
        auto *values = reinterpret_cast<int *>(s.arena);
        int add = *static_cast<const int *>(s.inputs[0]);
        parallel_loop(s.worker, 200, [&](cnnc_worker *, int i) {
            values[i] = i + add;
            return 0;
        });
        *static_cast<int *>(s.outputs[0]) = std::accumulate(values, values + 200, 0);
        return 0;
    };
    set_toy(toy);
    auto work = [](int add) {
        Context context = create_with(2);
        for (int round = 0; round < 200; round++) {
            int in = add + round, out = 0;
            const void *inputs[] = {&in};
            void *outputs[] = {&out};
            ASSERT_EQ(cnnc_run(context.get(), inputs, outputs), CNNC_SUCCESS);
            ASSERT_EQ(out, 19900 + 200 * in);
        }
    };
    std::thread a(work, 1), b(work, 1000);
    a.join();
    b.join();
}

// A caller's loop on threads of its own.
struct CallersLoop {
    int calls = 0, largest = 0;
    int skipped = -1;  // a task that is left out
    int repeated = -1; // a task that runs twice
    int beyond = 0;    // indices past the end

    static void run(void *user, int count, void (*task)(void *, int), void *data) {
        auto *self = static_cast<CallersLoop *>(user);
        self->calls++;
        self->largest = std::max(self->largest, count);
        std::vector<std::thread> threads;
        for (int i = 0; i < count + self->beyond; i++)
            if (i != self->skipped)
                threads.emplace_back([=] { task(data, i); });
        for (std::thread &thread : threads)
            thread.join();
        if (self->repeated >= 0)
            task(data, self->repeated);
    }

    Context context(int threads) {
        cnnc_options options = {};
        options.threads = threads;
        options.parallel_for = run;
        options.parallel_user = this;
        return create(options);
    }
};

class CallersFor : public testing::Test {
  protected:
    std::vector<int> counts_ = std::vector<int>(100, 0);

    void SetUp() override {
        Toy toy;
        toy.step = [this](const StepArguments &s) {
            (void)parallel_loop(s.worker, 100, [this](cnnc_worker *, int i) {
                counts_[size_t(i)]++;
                return 0;
            });
            return 0;
        };
        set_toy(toy);
    }
};

TEST_F(CallersFor, RunsEveryIteration) {
    CallersLoop loop;
    Context context = loop.context(4);
    ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(counts_, std::vector<int>(100, 1));
    EXPECT_EQ(loop.calls, 1);
    EXPECT_EQ(loop.largest, 4);
}

TEST_F(CallersFor, IsNotCalledForOneThread) {
    CallersLoop loop;
    Context context = loop.context(0);
    ASSERT_EQ(run(context), CNNC_SUCCESS);
    EXPECT_EQ(loop.calls, 0);
    EXPECT_EQ(counts_, std::vector<int>(100, 1));
}

TEST_F(CallersFor, SkippedTaskIsAnError) {
    CallersLoop loop;
    loop.skipped = 2;
    EXPECT_EQ(run(loop.context(4)), CNNC_ERROR_PARALLEL_FOR);
}

TEST_F(CallersFor, RepeatedTaskIsAnError) {
    CallersLoop loop;
    loop.repeated = 1;
    EXPECT_EQ(run(loop.context(4)), CNNC_ERROR_PARALLEL_FOR);
}

TEST_F(CallersFor, TasksBeyondTheCountDoNothing) {
    CallersLoop loop;
    loop.beyond = 3;
    EXPECT_EQ(run(loop.context(4)), CNNC_SUCCESS);
    EXPECT_EQ(counts_, std::vector<int>(100, 1));
}

} // namespace
} // namespace cnnc
