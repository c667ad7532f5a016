// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C interface that every generated header repeats under its network's name: NAME_options has
// this layout and NAME_create & co. these meanings and codes. Callers that load networks they do
// not know, as cnnc itself does, can use it through these types.
#ifndef CNNC_OPTIONS_H
#define CNNC_OPTIONS_H

#include <stddef.h>

// All zero means: the calling thread only, memory from the C library.
typedef struct cnnc_options {
    // Threads that work on one run, the caller's included; 0 means 1. At most 256.
    int threads;
    // A parallel loop to use instead of own threads: calls task(data, i) for every i from 0 to
    // count - 1, in any order and on any threads, and returns when all have returned. `count` is
    // never more than `threads`; with one thread it is not called.
    void (*parallel_for)(void *user, int count, void (*task)(void *data, int index), void *data);
    void *parallel_user;
    // An allocator to use instead of the C library's; both or neither. Called by create and destroy
    // only; `alignment` is a power of two.
    void *(*allocate)(void *user, size_t bytes, size_t alignment);
    void (*release)(void *user, void *memory);
    void *allocator_user;
    // A block to use instead of allocating, of at least NAME_memory_size_for(threads) bytes and any
    // alignment. It stays the caller's and must live as long as the network.
    void *memory;
    size_t memory_bytes;
    // The weights file; only for networks built with one.
    const char *weights_path;
    // Called after each step of a run, on the calling thread.
    void (*profile)(void *user, int step, const char *name, double seconds);
    void *profile_user;
    // GPUs only: which of them, counted from 0; -1: none, variants for them are passed over.
    int device;
    // CUDA only, nonzero: inputs and outputs are addresses in the memory of the device, of its
    // primary context and multiples of 16. Variants that cannot take them are passed over.
    int device_pointers;
} cnnc_options;

enum cnnc_error {
    CNNC_SUCCESS = 0,
    CNNC_ERROR_NULL_ARGUMENT = 1,
    CNNC_ERROR_OPTIONS = 2,
    CNNC_ERROR_OUT_OF_MEMORY = 3,
    CNNC_ERROR_MEMORY_TOO_SMALL = 4,
    CNNC_ERROR_CPU = 5,
    CNNC_ERROR_THREADS = 6,
    CNNC_ERROR_WEIGHTS_OPEN = 7,
    CNNC_ERROR_WEIGHTS_MISMATCH = 8,
    CNNC_ERROR_PARALLEL_FOR = 9,
    CNNC_ERROR_KERNEL = 10,
    CNNC_ERROR_GPU_DRIVER = 11,
    CNNC_ERROR_GPU_DRIVER_OLD = 12,
    CNNC_ERROR_GPU_DEVICE = 13,
    CNNC_ERROR_GPU_MEMORY = 14,
    CNNC_ERROR_GPU_CODE = 15,
    CNNC_ERROR_GPU_LAUNCH = 16,
    CNNC_ERROR_GPU_ALIGNMENT = 17
};

enum { CNNC_MOST_THREADS = 256 };

#endif
