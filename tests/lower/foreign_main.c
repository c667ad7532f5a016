// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The program that runs kernels on a machine that is not the compiler's: reads for each kernel what
// it is called with, calls it, and writes what comes out. Everything lies between pages that no one
// may touch. Linked with a table of the kernels.
//
//     foreign DATA FIRST > RESULTS
//
// DATA: per kernel, in numbers of 64 bits: arguments, scratch bytes, output bytes, output
// alignment; per argument its bytes, alignment, and contents. RESULTS: two runs per kernel, each in
// numbers of 32 bits: error, parallel loops, whether what lies beside the output and beside scratch
// memory is as it was, the output's address modulo 4; then the output.
#include "runtime/cnnc_worker.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern int (*const cnnc_test_calls[])(void **);
extern const int cnnc_test_count;

enum { max_arguments = 16 };
static const unsigned char canary[4] = {0xad, 0xde, 0xc0, 0x7f};

struct memory {
    char *base, *data;
    size_t page, inside, bytes;
};

static void fill_canaries(char *first, char *last) {
    for (char *p = first; p < last; ++p)
        *p = (char)canary[(uintptr_t)p % 4];
}

static int are_canaries(const char *first, const char *last) {
    for (const char *p = first; p < last; ++p)
        if (*p != (char)canary[(uintptr_t)p % 4])
            return 0;
    return 1;
}

static struct memory fenced(size_t bytes, size_t alignment, int at_front) {
    struct memory m = {0};
    m.page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t whole = (bytes + alignment - 1) / alignment * alignment;
    m.inside = (whole + m.page - 1) / m.page * m.page;
    m.bytes = bytes;
    m.base = mmap(NULL, m.inside + 2 * m.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (m.base == MAP_FAILED)
        exit(3);
    fill_canaries(m.base, m.base + m.inside + 2 * m.page);
    mprotect(m.base, m.page, PROT_NONE);
    mprotect(m.base + m.page + m.inside, m.page, PROT_NONE);
    m.data = m.base + m.page + (at_front ? 0 : m.inside - whole);
    return m;
}

static int untouched_beside(const struct memory *m) {
    return are_canaries(m->base + m->page, m->data) &&
           are_canaries(m->data + m->bytes, m->base + m->page + m->inside);
}

static void release(struct memory *m) {
    munmap(m->base, m->inside + 2 * m->page);
}

struct worker {
    cnnc_worker base; // first: kernels hand us its address
    struct worker *other;
    struct memory scratch;
    int backwards, loops;
};

static int run_loop(cnnc_worker *caller, cnnc_task task, int min, int extent, uint8_t *closure) {
    struct worker *worker = (struct worker *)caller;
    worker->loops++;
    for (int i = 0; i < extent; ++i) {
        cnnc_worker *on = caller;
        if (worker->backwards) { // nothing may be left from the task before
            struct worker *other = worker->other;
            fill_canaries(other->scratch.data, other->scratch.data + other->scratch.bytes);
            on = &other->base;
        }
        const int error = task(on, worker->backwards ? min + extent - 1 - i : min + i, closure);
        if (error)
            return error;
    }
    return 0;
}

static void read_bytes(FILE *file, void *to, size_t bytes) {
    if (fread(to, 1, bytes, file) != bytes)
        exit(4);
}

struct kernel {
    int64_t arguments, scratch, output, output_alignment;
    int64_t bytes[max_arguments], alignment[max_arguments];
    char *data[max_arguments];
};

static struct kernel read_kernel(FILE *file) {
    struct kernel k;
    read_bytes(file, &k, 4 * sizeof(int64_t));
    if (k.arguments > max_arguments)
        exit(4);
    for (int i = 0; i < k.arguments; ++i) {
        read_bytes(file, &k.bytes[i], sizeof(int64_t));
        read_bytes(file, &k.alignment[i], sizeof(int64_t));
        k.data[i] = malloc((size_t)k.bytes[i] + 1);
        read_bytes(file, k.data[i], (size_t)k.bytes[i]);
    }
    return k;
}

static void run_kernel(const struct kernel *k, int index, int second) {
    struct memory memory[max_arguments], output;
    void *pointers[max_arguments + 2];
    struct worker workers[2];
    memset(workers, 0, sizeof workers);
    for (int i = 0; i < 2; ++i) {
        workers[i].scratch = fenced((size_t)k->scratch, 64, 0);
        workers[i].base.scratch = workers[i].scratch.data;
        workers[i].base.parallel_for = run_loop;
        workers[i].other = &workers[1 - i];
        workers[i].backwards = second;
    }
    pointers[0] = workers;
    for (int i = 0; i < k->arguments; ++i) {
        // Packed weights are aligned, and padded to that: they always lie flush with the back.
        const int at_front = second && k->alignment[i] < 64;
        memory[i] = fenced((size_t)k->bytes[i], (size_t)k->alignment[i], at_front);
        memcpy(memory[i].data, k->data[i], (size_t)k->bytes[i]);
        mprotect(memory[i].base + memory[i].page, memory[i].inside, PROT_READ);
        pointers[1 + i] = memory[i].data;
    }
    output = fenced((size_t)k->output, (size_t)k->output_alignment, second);
    pointers[1 + k->arguments] = output.data;
    int32_t result[5];
    result[0] = cnnc_test_calls[index](pointers);
    result[1] = workers[0].loops + workers[1].loops;
    result[2] = untouched_beside(&output);
    result[3] = untouched_beside(&workers[0].scratch) && untouched_beside(&workers[1].scratch);
    result[4] = (int32_t)((uintptr_t)output.data % 4);
    fwrite(result, sizeof result, 1, stdout);
    fwrite(output.data, 1, output.bytes, stdout);
    for (int i = 0; i < k->arguments; ++i)
        release(&memory[i]);
    release(&output);
    release(&workers[0].scratch);
    release(&workers[1].scratch);
}

int main(int argc, char **argv) {
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    const int first = atoi(argv[2]);
    for (int index = 0; index < cnnc_test_count; ++index) {
        struct kernel k = read_kernel(file);
        for (int second = 0; index >= first && second < 2; ++second)
            run_kernel(&k, index, second);
        fflush(stdout);
        for (int i = 0; i < k.arguments; ++i)
            free(k.data[i]);
    }
    return 0;
}
