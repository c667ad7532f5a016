// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs kernels by OpenCL: reads for each its device code, what it is called with and its launches,
// and writes what comes out. All of a kernel's memory lies between margins that nobody may touch.
//
//     opencl_kernels DATA FIRST > RESULTS
//
// DATA: per kernel the text of its device code, scratch bytes, and a number of operands, the output
// last: how far each lies behind a multiple of 256, and its bytes; then its launches. Numbers have
// 64 bits, texts have their size in front. RESULTS: per kernel an error code, whether the margins
// are as they were, and the output. Without a device for OpenCL it ends with exit code 77.
#include "runtime/gpu.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { margin = 256, most_operands = 16, most_arguments = 24, no_device = 77 };
static const unsigned char canary[4] = {0xad, 0xde, 0xc0, 0x7f};

static uint64_t number(FILE *in) {
    uint64_t value = 0;
    if (fread(&value, sizeof value, 1, in) != 1)
        exit(feof(in) ? 0 : 1);
    return value;
}

// With a zero behind.
static char *text(FILE *in, uint64_t *size) {
    *size = number(in);
    char *bytes = calloc(*size + 1, 1);
    if (!bytes || fread(bytes, 1, *size, in) != *size)
        exit(1);
    return bytes;
}

struct block {
    uint64_t address, front, bytes; // of the margin in front, its size, and between the margins
};

struct machine {
    struct cnnc_gpu gpu;
    void *queue;
    int error;
};

static void check(struct machine *m, int error) {
    if (!m->error)
        m->error = error;
}

// `bytes` of `contents` (null: canaries) between margins of canaries, the one in front larger by
// `shift`.
static struct block place(struct machine *m, const char *contents, uint64_t shift, uint64_t bytes) {
    struct block b = {0, margin + shift, bytes};
    const size_t all = b.front + bytes + margin;
    char *copy = malloc(all);
    if (!copy)
        exit(1);
    for (size_t i = 0; i < all; i++)
        copy[i] = (char)canary[i % 4];
    if (contents)
        memcpy(copy + b.front, contents, bytes);
    check(m, m->gpu.api->allocate(&m->gpu, all, &b.address));
    if (!m->error)
        check(m, m->gpu.api->upload(&m->gpu, m->queue, b.address, copy, all));
    check(m, m->gpu.api->wait(&m->gpu, m->queue));
    free(copy);
    return b;
}

// Whether the margins are as they were; `contents` becomes what is between them.
static int take(struct machine *m, struct block b, char *contents) {
    const size_t all = b.front + b.bytes + margin;
    int same = 1;
    char *copy = calloc(all, 1);
    if (!copy)
        exit(1);
    if (!m->error)
        check(m, m->gpu.api->download(&m->gpu, m->queue, copy, b.address, all));
    check(m, m->gpu.api->wait(&m->gpu, m->queue));
    for (size_t i = 0; i < all; i++)
        if ((i < b.front || i >= b.front + b.bytes) && copy[i] != (char)canary[i % 4])
            same = 0;
    if (contents)
        memcpy(contents, copy + b.front, b.bytes);
    free(copy);
    m->gpu.api->release(&m->gpu, b.address);
    return same;
}

// One launch, as it stands in `in`.
static void launch(struct machine *m, FILE *in, void *module, const struct block *operands,
                   struct block scratch) {
    struct cnnc_gpu_launch l = {0};
    struct cnnc_gpu_argument arguments[most_arguments];
    uint64_t values[most_arguments], size;
    char *entry = text(in, &size);
    l.entry = entry;
    for (int i = 0; i < 3; i++) {
        l.blocks[i] = (uint32_t)number(in);
        l.threads[i] = (uint32_t)number(in);
    }
    l.shared_bytes = (uint32_t)number(in);
    l.arguments = (int)number(in);
    for (int i = 0; i < l.arguments; i++) {
        const uint64_t kind = number(in), operand = number(in), offset = number(in);
        char *value = text(in, &size);
        arguments[i] = (struct cnnc_gpu_argument){0, CNNC_GPU_ARENA, 0};
        if (kind == 0)
            values[i] = operands[operand].address + operands[operand].front;
        if (kind == 1)
            values[i] = scratch.address + scratch.front + offset;
        if (kind == 2) {
            arguments[i].base = CNNC_GPU_VALUE;
            arguments[i].index = (int)size;
            memcpy(&values[i], value, size);
        }
        free(value);
    }
    void *kernel = NULL;
    if (!m->error)
        check(m, m->gpu.api->create_kernel(&m->gpu, module, &l, arguments, values, &kernel));
    if (!m->error)
        check(m, m->gpu.api->launch(&m->gpu, m->queue, kernel, &l, NULL));
    check(m, m->gpu.api->wait(&m->gpu, m->queue));
    if (kernel)
        m->gpu.api->destroy_kernel(&m->gpu, kernel);
    free(entry);
}

// Reads a kernel, and runs it unless it is to be skipped.
static void run_kernel(struct machine *m, FILE *in, int skip) {
    struct block operands[most_operands];
    uint64_t size, margins = 1;
    void *module = NULL;
    m->error = skip; // nothing is done after an error
    char *code = text(in, &size);
    if (!m->error)
        check(m, m->gpu.api->load_module(&m->gpu, code, &module));
    free(code);
    const struct block scratch = place(m, NULL, 0, number(in));
    const uint64_t count = number(in);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t shift = number(in);
        char *contents = text(in, &size);
        operands[i] = place(m, contents, shift, size);
        free(contents);
    }
    for (uint64_t launches = number(in); launches > 0; launches--)
        launch(m, in, module, operands, scratch);
    char *output = calloc(operands[count - 1].bytes + 1, 1);
    if (!output)
        exit(1);
    for (uint64_t i = 0; i < count; i++)
        margins &= (uint64_t)take(m, operands[i], i + 1 == count ? output : NULL);
    margins &= (uint64_t)take(m, scratch, NULL);
    if (module)
        m->gpu.api->unload_module(&m->gpu, module);
    if (!skip) {
        const uint64_t head[2] = {(uint64_t)m->error, margins};
        fwrite(head, sizeof head, 1, stdout);
        fwrite(output, 1, operands[count - 1].bytes, stdout);
        fflush(stdout);
    }
    free(output);
}

int main(int argc, char **argv) {
    struct machine m = {.gpu.api = &cnnc_opencl_api};
    const struct cnnc_gpu_program program = {0};
    if (m.gpu.api->find(&m.gpu, &program, 0) || m.gpu.api->open(&m.gpu) ||
        m.gpu.api->create_queue(&m.gpu, &m.queue))
        return no_device;
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!in)
        return 1;
    const int first = atoi(argv[2]);
    for (int i = 0;; i++) // until the data ends
        run_kernel(&m, in, i < first);
}
