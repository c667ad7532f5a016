// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C interface of the network `busy`, built with a weights file: memory of the caller's, an
// allocator of the caller's, and every mistake's code.
#define _GNU_SOURCE
#include "../codegen/programs/common.h"

#include <stdint.h>

static int blocks;

static void *allocate(void *user, size_t bytes, size_t alignment) {
    void *memory = NULL;
    expect(user == &blocks, "the allocator's user data");
    if (posix_memalign(&memory, alignment, bytes) == 0)
        ++blocks;
    return memory;
}

static void *allocate_nothing(void *user, size_t bytes, size_t alignment) {
    (void)user, (void)bytes, (void)alignment;
    return NULL;
}

static void release(void *user, void *memory) {
    (void)user;
    free(memory);
    --blocks;
}

static void run_nothing(void *user, int count, void (*task)(void *, int), void *data) {
    (void)user, (void)count, (void)task, (void)data;
}

static busy_options with_weights(void) {
    busy_options options = {0};
    options.weights_path = "busy.weights";
    return options;
}

static void fails(const busy_options *options, int expected, const char *what) {
    busy *net = NULL;
    int error = busy_create(options, &net);
    if (error != expected)
        fprintf(stderr, "error %d instead of %d\n", error, expected);
    expect(error == expected, what);
    expect(strlen(busy_error_message(error)) > 5, "words for the error");
}

static void check_mistakes(void) {
    busy_options options = with_weights();
    options.weights_path = NULL;
    fails(&options, BUSY_ERROR_WEIGHTS_OPEN, "no weights file");
    options.weights_path = "/nowhere/busy.weights";
    fails(&options, BUSY_ERROR_WEIGHTS_OPEN, "a file that is not there");
    options.weights_path = "busy.h";
    fails(&options, BUSY_ERROR_WEIGHTS_MISMATCH, "another file");
    options = with_weights();
    options.threads = 257;
    fails(&options, BUSY_ERROR_OPTIONS, "too many threads");
    options = with_weights();
    options.allocate = allocate;
    fails(&options, BUSY_ERROR_OPTIONS, "allocate without release");
    options.allocate = allocate_nothing;
    options.release = release;
    fails(&options, BUSY_ERROR_OUT_OF_MEMORY, "no memory");
    expect(busy_create(&options, NULL) == BUSY_ERROR_NULL_ARGUMENT, "no place for the context");
    busy_destroy(NULL);
}

static void check_run_mistakes(const float *expected) {
    busy_options options = with_weights();
    float output[BUSY_OUTPUT_Y_ELEMENTS];
    busy *net;
    check(busy_create(&options, &net));
    expect(busy_run(net, NULL, output) == BUSY_ERROR_NULL_ARGUMENT, "no input");
    expect(busy_run(NULL, input, output) == BUSY_ERROR_NULL_ARGUMENT, "no context");
    check(busy_run(net, input, output));
    expect(memcmp(output, expected, sizeof output) == 0, "a run after mistakes");
    busy_destroy(net);
    options.threads = 3;
    options.parallel_for = run_nothing;
    check(busy_create(&options, &net));
    expect(busy_run(net, input, output) == BUSY_ERROR_PARALLEL_FOR, "a loop that does nothing");
    busy_destroy(net);
}

// In a block of the caller's, at an odd address, between canaries.
static void check_block(int threads, const float *expected) {
    busy_options options = with_weights();
    size_t bytes = busy_memory_size_for(threads);
    uint8_t *block = malloc(bytes + 128);
    float output[BUSY_OUTPUT_Y_ELEMENTS];
    busy *net;
    memset(block, 0xaa, bytes + 128);
    options.threads = threads;
    options.memory = block + 61;
    options.memory_bytes = bytes - 1;
    fails(&options, BUSY_ERROR_MEMORY_TOO_SMALL, "a block that is too small");
    options.memory_bytes = bytes;
    check(busy_create(&options, &net));
    check(busy_run(net, input, output));
    busy_destroy(net);
    expect(memcmp(output, expected, sizeof output) == 0, "the same bits in a block");
    for (int i = 0; i < 61; i++)
        expect(block[i] == 0xaa && block[bytes + 61 + (size_t)i] == 0xaa, "nothing outside of it");
    free(block);
}

int main(void) {
    busy_options options = with_weights();
    float expected[BUSY_OUTPUT_Y_ELEMENTS];
    busy *net;
    fill_input();
    options.allocate = allocate;
    options.release = release;
    options.allocator_user = &blocks;
    check(busy_create(&options, &net));
    check(busy_run(net, input, expected));
    expect(blocks > 0, "the allocator was used");
    busy_destroy(net);
    expect(blocks == 0, "all was released");
    check_block(1, expected);
    check_block(3, expected);
    check_run_mistakes(expected);
    check_mistakes();
    for (int i = 0; i < BUSY_OUTPUT_Y_ELEMENTS; i++)
        printf("%.4f\n", expected[i]);
    return 0;
}
