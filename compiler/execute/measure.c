// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Networks take turns within every round, so that a change in the machine's speed hits all of them.
#define _GNU_SOURCE
#include "compiler/execute/measure.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { most_runs = 1 << 20 };

// Caches, page faults, clock speed: before the first round each network runs this long.
static const double warm_up_seconds = 0.05;
static const double peak_seconds = 0.01, bandwidth_seconds = 0.005;
// Rounds of the multiply-add loop between two looks at the clock: a fraction of a millisecond.
enum { peak_rounds = 20000 };
// More than the caches of one core hold.
enum { sweep_bytes = 32 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// ---- Answers ------------------------------------------------------------------------------------

// What is known while measuring. `broken`: nothing more can be said, or nothing more is to be done.
struct session {
    const struct cnnc_call *call;
    const int64_t *sizes;
    const void *const *inputs;
    int answer_file;
    int broken;
};

static void put(struct session *s, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0 && !s->broken) {
        ssize_t n = write(s->answer_file, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->broken = 1;
            return;
        }
        at += n;
        size -= (size_t)n;
    }
}

static void put_record(struct session *s, int kind, int network, const void *bytes, size_t size) {
    struct cnnc_record record = {kind, network, (int64_t)size};
    put(s, &record, sizeof record);
    put(s, bytes, size);
}

static void refuse(struct session *s, int network, const char *words) {
    put_record(s, CNNC_RECORD_REFUSED, network, words, strlen(words));
    s->broken = 1;
}

// Nonzero when `code` is an error, which has then been told.
static int failed(struct session *s, const struct cnnc_callee *callee, int network,
                  const char *function, int code) {
    char words[1024];
    if (code == 0)
        return 0;
    snprintf(words, sizeof words, "%s_%s returned %d: %s", callee->name, function, code,
             callee->error_message(code));
    refuse(s, network, words);
    return 1;
}

// ---- Memory -------------------------------------------------------------------------------------

static void *aligned_block(int64_t bytes) {
    void *block = NULL;
    size_t size = bytes > 64 ? (size_t)bytes : 64;
    if (posix_memalign(&block, 64, size) != 0) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        exit(3);
    }
    memset(block, 0, size);
    return block;
}

// Throws what the block holds out of all caches.
static void flush_cache(const char *block, size_t bytes) {
    size_t i;
#if defined(__x86_64__)
    for (i = 0; i < bytes; i += 64)
        __builtin_ia32_clflush(block + i);
    __builtin_ia32_mfence();
#elif defined(__aarch64__)
    for (i = 0; i < bytes; i += 64)
        __asm__ volatile("dc civac, %0" : : "r"(block + i) : "memory");
    __asm__ volatile("dsb sy" : : : "memory");
#else
    static char sweep[sweep_bytes];
    (void)block, (void)bytes;
    for (i = 0; i < sweep_bytes; i += 32)
        ((volatile char *)sweep)[i]++;
#endif
}

// ---- Networks -----------------------------------------------------------------------------------

struct runner {
    const struct cnnc_callee *callee;
    int index;
    void *plain, *stepped; // contexts; `stepped` has a clock around every step
    void **outputs;
    double *times, *steps;
    int64_t runs;
    double round; // fastest run of this round
};

static void note_step(void *user, int step, const char *name, double seconds) {
    double *steps = user;
    (void)name;
    if (seconds < steps[step])
        steps[step] = seconds;
}

static void *create(struct session *s, struct runner *runner, int with_steps) {
    cnnc_options options = {0};
    void *network = NULL;
    options.threads = (int)s->call->threads;
    if (with_steps) {
        options.profile = note_step;
        options.profile_user = runner->steps;
    }
    int code = runner->callee->create(&options, &network);
    return failed(s, runner->callee, runner->index, "create", code) ? NULL : network;
}

static void set_up(struct session *s, struct runner *runner) {
    const struct cnnc_call *call = s->call;
    int steps = runner->callee->step_count(), i;
    put_record(s, CNNC_RECORD_TURN, runner->index, NULL, 0);
    runner->outputs = calloc((size_t)call->outputs + 1, sizeof(void *));
    runner->steps = calloc((size_t)steps + 1, sizeof(double));
    runner->times = call->rounds ? malloc(most_runs * sizeof(double)) : NULL;
    if (!runner->outputs || !runner->steps || (call->rounds && !runner->times)) {
        fprintf(stderr, "out of memory\n");
        exit(3);
    }
    for (i = 0; i < (int)call->outputs; i++)
        runner->outputs[i] = aligned_block(s->sizes[call->inputs + i]);
    for (i = 0; i < steps; i++)
        runner->steps[i] = 1e30;
    runner->plain = create(s, runner, 0);
    if (call->steps && !s->broken)
        runner->stepped = create(s, runner, 1);
}

static void tear_down(struct session *s, struct runner *runner) {
    int i;
    if (runner->stepped)
        runner->callee->destroy(runner->stepped);
    if (runner->plain)
        runner->callee->destroy(runner->plain);
    for (i = 0; runner->outputs && i < (int)s->call->outputs; i++)
        free(runner->outputs[i]);
    free(runner->outputs);
    free(runner->steps);
    free(runner->times);
}

static double run_once(struct session *s, struct runner *runner, void *context) {
    const struct cnnc_callee *callee = runner->callee;
    double start;
    int code;
    if (s->call->cold_weights && callee->weights)
        flush_cache(callee->weights, callee->weights_bytes);
    start = now();
    code = callee->run(context, s->inputs, runner->outputs);
    double seconds = now() - start;
    failed(s, callee, runner->index, "run", code);
    return seconds;
}

// Runs for about `seconds`, at least once. What makes weights cold does not count, but it must not
// take forever either.
static void run_for(struct session *s, struct runner *runner, double seconds) {
    double spent = 0, begin = now();
    runner->round = 1e30;
    do {
        double time = run_once(s, runner, runner->plain);
        spent += time;
        if (time < runner->round)
            runner->round = time;
        if (runner->runs < most_runs)
            runner->times[runner->runs++] = time;
    } while (spent < seconds && now() - begin < 3 * seconds && !s->broken);
}

static void warm_up(struct session *s, struct runner *runner) {
    double share = s->call->seconds / 4;
    run_for(s, runner, share < warm_up_seconds ? share : warm_up_seconds);
    runner->runs = 0;
}

static void run_stepped_for(struct session *s, struct runner *runner, double seconds) {
    double spent = 0, begin = now();
    do
        spent += run_once(s, runner, runner->stepped);
    while (spent < seconds && now() - begin < 3 * seconds && !s->broken);
}

static void take_turn(struct session *s, struct runner *runner) {
    double seconds = s->call->seconds / (double)s->call->rounds;
    put_record(s, CNNC_RECORD_TURN, runner->index, NULL, 0);
    run_for(s, runner, seconds);
    if (!s->broken)
        put_record(s, CNNC_RECORD_ROUND, runner->index, &runner->round, sizeof runner->round);
    if (runner->stepped && !s->broken)
        run_stepped_for(s, runner, seconds);
}

// ---- The machine --------------------------------------------------------------------------------

struct peak_thread {
    pthread_t thread;
    const struct cnnc_limits *limits;
    double rate;
};

// The best of several short runs, so that a moment's disturbance does not lower the ceiling.
static void *measure_rate(void *data) {
    struct peak_thread *self = data;
    double begin = now(), start, rate;
    do {
        start = now();
        rate = self->limits->multiply_add(peak_rounds) / (now() - start);
        if (rate > self->rate)
            self->rate = rate;
    } while (now() - begin < peak_seconds);
    return NULL;
}

static void put_peak(struct session *s, const struct cnnc_limits *limits) {
    int count = (int)s->call->threads > 1 ? (int)s->call->threads : 1, started = 1, i;
    struct peak_thread *threads = aligned_block(count * (int64_t)sizeof *threads);
    double sum = 0;
    for (i = 0; i < count; i++)
        threads[i].limits = limits;
    while (started < count &&
           pthread_create(&threads[started].thread, NULL, measure_rate, &threads[started]) == 0)
        started++;
    measure_rate(&threads[0]);
    for (i = 1; i < started; i++)
        pthread_join(threads[i].thread, NULL);
    for (i = 0; i < started; i++)
        sum += threads[i].rate;
    free(threads);
    put_record(s, CNNC_RECORD_PEAK, 0, &sum, sizeof sum);
}

// In large pages where the system gives some: what memory delivers, whatever looking up addresses
// takes.
static char *memory_block(int64_t bytes) {
    const size_t page = 2 << 20;
    void *block = NULL;
    if (posix_memalign(&block, page, ((size_t)bytes + page - 1) / page * page) != 0)
        return aligned_block(bytes);
    madvise(block, ((size_t)bytes + page - 1) / page * page, MADV_HUGEPAGE);
    memset(block, 0, (size_t)bytes);
    return block;
}

static double read_bandwidth(const struct cnnc_limits *limits, int64_t bytes) {
    char *block = memory_block(bytes);
    int64_t passes = bytes < (1 << 20) ? (1 << 20) / bytes : 1;
    double best = 0, begin = now(), start, rate;
    do {
        start = now();
        limits->read(block, bytes, passes);
        rate = (double)(bytes * passes) / (now() - start);
        if (rate > best)
            best = rate;
    } while (now() - begin < bandwidth_seconds);
    free(block);
    return best;
}

static void put_bandwidth(struct session *s, const struct cnnc_limits *limits) {
    double rates[64];
    int i, count = (int)s->call->blocks;
    for (i = 0; i < count && i < 64; i++)
        rates[i] = read_bandwidth(limits, s->call->block_bytes << i);
    put_record(s, CNNC_RECORD_BANDWIDTH, 0, rates, (size_t)i * sizeof rates[0]);
}

// ---- The whole ----------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void put_results(struct session *s, struct runner *runner) {
    int64_t i;
    if (runner->times) {
        qsort(runner->times, (size_t)runner->runs, sizeof(double), compare_doubles);
        struct cnnc_times times = {runner->runs, runner->times[0], runner->times[runner->runs / 2]};
        put_record(s, CNNC_RECORD_TIMES, runner->index, &times, sizeof times);
    }
    if (runner->stepped)
        put_record(s, CNNC_RECORD_STEPS, runner->index, runner->steps,
                   (size_t)runner->callee->step_count() * sizeof(double));
    for (i = 0; i < s->call->outputs; i++)
        put_record(s, CNNC_RECORD_OUTPUT, runner->index, runner->outputs[i],
                   (size_t)s->sizes[s->call->inputs + i]);
}

static void run_all(struct session *s, struct runner *runners, int count,
                    const struct cnnc_limits *limits) {
    int64_t round;
    int i;
    for (i = 0; i < count && !s->broken; i++) {
        set_up(s, &runners[i]);
        if (!s->broken && s->call->rounds)
            warm_up(s, &runners[i]);
        else if (!s->broken)
            run_once(s, &runners[i], runners[i].plain);
    }
    for (round = 0; round < s->call->rounds && !s->broken; round++) {
        if (s->call->peak)
            put_peak(s, limits);
        for (i = 0; i < count && !s->broken; i++)
            take_turn(s, &runners[i]);
    }
    if (s->call->bandwidth && !s->broken)
        put_bandwidth(s, limits);
    for (i = 0; i < count && !s->broken; i++)
        put_results(s, &runners[i]);
}

int cnnc_measure(const struct cnnc_callee *networks, int count, const struct cnnc_limits *limits,
                 const struct cnnc_call *call, const int64_t *sizes, const void *const *inputs,
                 int answer_file) {
    struct session session = {call, sizes, inputs, answer_file, 0};
    struct runner *runners = calloc((size_t)count, sizeof *runners);
    int i;
    put(&session, cnnc_answer_magic, 8);
    for (i = 0; i < count; i++) {
        runners[i].callee = &networks[i];
        runners[i].index = i;
    }
    run_all(&session, runners, count, limits);
    // Contexts end before the answer does: what goes wrong there is told as well.
    for (i = 0; i < count; i++)
        tear_down(&session, &runners[i]);
    free(runners);
    if (!session.broken)
        put_record(&session, CNNC_RECORD_END, 0, NULL, 0);
    return session.broken;
}

// Nonzero unless all bytes were there.
static int get(int file, void *bytes, size_t size) {
    char *at = bytes;
    while (size > 0) {
        ssize_t n = read(file, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int cnnc_serve(const struct cnnc_callee *networks, int count, const struct cnnc_limits *limits,
               int call_file, int answer_file) {
    struct cnnc_call call;
    int missing = get(call_file, &call, sizeof call), result = 4;
    int64_t i, *sizes;
    void **inputs;
    if (missing || memcmp(call.magic, cnnc_call_magic, 8) != 0) {
        fprintf(stderr, "the call did not arrive on the program's standard input\n");
        return 4;
    }
    sizes = aligned_block((call.inputs + call.outputs) * (int64_t)sizeof *sizes);
    inputs = aligned_block(call.inputs * (int64_t)sizeof *inputs);
    missing = get(call_file, sizes, (size_t)(call.inputs + call.outputs) * sizeof *sizes);
    for (i = 0; i < call.inputs && !missing; i++) {
        inputs[i] = aligned_block(sizes[i]);
        missing = get(call_file, inputs[i], (size_t)sizes[i]);
    }
    if (missing)
        fprintf(stderr, "the call is cut off\n");
    else
        result = cnnc_measure(networks, count, limits, &call, sizes, (const void *const *)inputs,
                              answer_file);
    for (i = 0; i < call.inputs; i++)
        free(inputs[i]);
    free(inputs);
    free(sizes);
    return result;
}
