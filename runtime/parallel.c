// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Parallel loops. Iterations are cut into fixed shares, so that a worker meets the same data in
// every loop and run; the threads wait by a short spin and then sleep in the kernel. No lock is
// taken: one context is run by one thread at a time, and only that thread starts loops.
#include "runtime/network.h"

#include <stdatomic.h>

// Pauses before a thread goes to sleep: some tens of microseconds, about what waking it costs.
enum { spins = 1000 };

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(CNNC_SYS_FUTEX, word, CNNC_FUTEX_WAIT_PRIVATE, value, (void *)0, (void *)0, 0);
}

static void futex_wake_all(_Atomic uint32_t *word) {
    syscall(CNNC_SYS_FUTEX, word, CNNC_FUTEX_WAKE_PRIVATE, INT32_MAX, (void *)0, (void *)0, 0);
}

// The loop on one worker, until an iteration fails.
static int serial_for(cnnc_worker *worker, cnnc_task task, int min, int extent, uint8_t *closure) {
    for (int i = 0; i < extent; i++) {
        int error = task(worker, min + i, closure);
        if (error)
            return error;
    }
    return 0;
}

static void run_share(void *data, int index) {
    struct cnnc_job *job = data;
    if (index < 0 || index >= job->shares)
        return; // a caller's loop that went too far
    int begin = (int)((int64_t)job->extent * index / job->shares);
    int end = (int)((int64_t)job->extent * (index + 1) / job->shares);
    cnnc_worker *worker = &job->context->slots[index].worker;
    int error = serial_for(worker, job->task, job->min + begin, end - begin, job->closure);
    if (error)
        atomic_store_explicit(&job->error, error, memory_order_relaxed);
    atomic_fetch_add_explicit(&job->done, 1, memory_order_release);
}

static void wait_for_next_round(struct cnnc_pool *pool, uint32_t seen) {
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&pool->round, memory_order_acquire) != seen)
            return;
        pause_briefly();
    }
    // In this order, against the caller's change of `round` before it looks at `sleepers`: either
    // it sees the sleeper, or the sleeper sees the change.
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->round) == seen)
        futex_wait(&pool->round, seen);
    atomic_fetch_sub(&pool->sleepers, 1);
}

static void *thread_main(void *data) {
    struct cnnc_slot *slot = data;
    struct cnnc_pool *pool = &slot->context->pool;
    for (uint32_t seen = 0;; seen++) {
        wait_for_next_round(pool, seen);
        if (pool->stop)
            return (void *)0;
        if (slot->index < slot->context->job.shares)
            run_share(&slot->context->job, slot->index);
        if (atomic_fetch_sub(&pool->pending, 1) == 1 && atomic_load(&pool->caller_sleeps))
            futex_wake_all(&pool->pending);
    }
}

static void start_round(struct cnnc_pool *pool) {
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleepers))
        futex_wake_all(&pool->round);
}

static void wait_for_threads(struct cnnc_pool *pool) {
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(&pool->pending, memory_order_acquire) == 0)
            return;
        pause_briefly();
    }
    atomic_store(&pool->caller_sleeps, 1);
    for (uint32_t left; (left = atomic_load(&pool->pending)) != 0;)
        futex_wait(&pool->pending, left);
    atomic_store(&pool->caller_sleeps, 0);
}

static void set_job(struct cnnc_context *context, cnnc_task task, int min, int extent,
                    uint8_t *closure) {
    struct cnnc_job *job = &context->job;
    job->context = context;
    job->task = task;
    job->closure = closure;
    job->min = min;
    job->extent = extent;
    job->shares = extent < context->threads ? extent : context->threads;
    atomic_store_explicit(&job->error, 0, memory_order_relaxed);
    atomic_store_explicit(&job->done, 0, memory_order_relaxed);
}

static struct cnnc_context *context_of(cnnc_worker *top) {
    return (struct cnnc_context *)((char *)top - offsetof(struct cnnc_context, top));
}

static int note_error(struct cnnc_context *context, int error) {
    if (error && !context->loop_error)
        context->loop_error = CNNC_ERROR_KERNEL;
    return error;
}

// Loops of a context without threads, and loops not worth any.
static int single_for(cnnc_worker *worker, cnnc_task task, int min, int extent, uint8_t *closure) {
    return note_error(context_of(worker), serial_for(worker, task, min, extent, closure));
}

static int pool_for(cnnc_worker *worker, cnnc_task task, int min, int extent, uint8_t *closure) {
    if (extent <= 1)
        return single_for(worker, task, min, extent, closure);
    struct cnnc_context *context = context_of(worker);
    set_job(context, task, min, extent, closure);
    atomic_store_explicit(&context->pool.pending, (uint32_t)context->threads - 1,
                          memory_order_relaxed);
    start_round(&context->pool);
    run_share(&context->job, 0);
    wait_for_threads(&context->pool);
    return note_error(context, atomic_load_explicit(&context->job.error, memory_order_relaxed));
}

static int callers_for(cnnc_worker *worker, cnnc_task task, int min, int extent, uint8_t *closure) {
    if (extent <= 1)
        return single_for(worker, task, min, extent, closure);
    struct cnnc_context *context = context_of(worker);
    struct cnnc_job *job = &context->job;
    set_job(context, task, min, extent, closure);
    context->options.parallel_for(context->options.parallel_user, job->shares, run_share, job);
    if (atomic_load_explicit(&job->done, memory_order_acquire) != job->shares)
        context->loop_error = CNNC_ERROR_PARALLEL_FOR;
    return note_error(context, atomic_load_explicit(&context->job.error, memory_order_relaxed));
}

void cnnc_set_up_workers(struct cnnc_context *context, char *scratch) {
    context->top.scratch = scratch;
    context->top.parallel_for = context->threads == 1           ? single_for
                                : context->options.parallel_for ? callers_for
                                                                : pool_for;
    for (int i = 0; i < context->threads; i++) {
        struct cnnc_slot *slot = &context->slots[i];
        slot->worker.scratch = scratch + cnnc_this_network.scratch_bytes * (size_t)i;
        slot->worker.parallel_for = serial_for;
        slot->context = context;
        slot->index = i;
    }
}

int cnnc_start_threads(struct cnnc_context *context) {
    struct cnnc_pool *pool = &context->pool;
    if (context->options.parallel_for || context->threads == 1)
        return CNNC_SUCCESS;
    // Signals are for the program's own threads.
    cnnc_signal_set all, old;
    for (size_t i = 0; i < sizeof(all.bits) / sizeof(all.bits[0]); i++)
        all.bits[i] = ~0ul;
    pthread_sigmask(CNNC_SIG_SETMASK, &all, &old);
    int error = 0;
    for (int i = 1; i < context->threads && !error; i++) {
        error = pthread_create(&pool->threads[i - 1], (void *)0, thread_main, &context->slots[i]);
        pool->started += !error;
    }
    pthread_sigmask(CNNC_SIG_SETMASK, &old, (void *)0);
    return error ? CNNC_ERROR_THREADS : CNNC_SUCCESS;
}

void cnnc_stop_threads(struct cnnc_context *context) {
    struct cnnc_pool *pool = &context->pool;
    pool->stop = true;
    start_round(pool);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], (void **)0);
}
