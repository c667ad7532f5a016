// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inside the run time: what the compiler generates for one network, and a context that runs it. The
// run time is linked into every network's driver as LLVM bitcode and gets internal linkage there,
// so that several networks live in one program.
#ifndef CNNC_NETWORK_H
#define CNNC_NETWORK_H

#include "runtime/cnnc_options.h"
#include "runtime/cnnc_worker.h"
#include "runtime/system.h"

#include <stdbool.h>

enum { CNNC_ALIGNMENT = 64 };

// Generated: the network as it was compiled for one target.
struct cnnc_variant {
    const char *name;
    uint64_t cpu_features;              // a mask over cpu_features.h: all are needed
    const struct cnnc_gpu_program *gpu; // null: it runs on the CPU
};

// Generated: the network's constants. Sizes are multiples of CNNC_ALIGNMENT and suffice for every
// variant.
struct cnnc_network {
    const char *version;
    const char *const *step_names;
    const char *linked_weights; // null: they come from a file, or there are none
    const struct cnnc_variant *variants;
    uint64_t weights_bytes;
    uint64_t weights_identity; // of the build; the weights file repeats it
    size_t arena_bytes, scratch_bytes;
    int variant_count, steps, inputs, outputs;
    int gpu_launches, gpu_arguments; // the most of any variant; 0: none is for a GPU
};
extern const struct cnnc_network cnnc_this_network;

// Generated: runs one kernel. Nonzero is an error.
int cnnc_step(int variant, int step, cnnc_worker *worker, char *arena, const char *weights,
              const void *const *inputs, void *const *outputs);

// The head of a weights file, which the weights follow.
struct cnnc_weights_header {
    char magic[8]; // "cnncwts1"
    uint64_t identity, bytes;
    char zeros[40];
};

// Own threads. They wait for `round` to change, do their share of the loop and count `pending`
// down; both words are futexes. The job's fields are written between rounds only.
struct cnnc_pool {
    _Alignas(CNNC_ALIGNMENT) _Atomic uint32_t round, sleepers;
    _Alignas(CNNC_ALIGNMENT) _Atomic uint32_t pending, caller_sleeps;
    bool stop;
    int started;
    cnnc_thread *threads;
};

// A loop's iterations, cut into one consecutive share per worker.
struct cnnc_job {
    struct cnnc_context *context;
    cnnc_task task;
    uint8_t *closure;
    int min, extent, shares;
    _Atomic int error, done;
};

// One of the concurrent tasks of a loop. Loops inside a task run serially.
struct cnnc_slot {
    cnnc_worker worker;
    struct cnnc_context *context;
    int index;
};

struct cnnc_context {
    // Whom kernels get to know. Its scratch is also task 0's: a kernel gives each of its buffers a
    // place of its own, whether inside or outside of its parallel loop.
    cnnc_worker top;
    struct cnnc_slot *slots; // `threads` of them
    int threads;
    int variant;                  // which one it runs
    struct cnnc_gpu_context *gpu; // null: it runs on the CPU
    char *arena;
    const char *weights;
    void *mapping; // of the weights file, or null
    size_t mapping_bytes;
    void *block;    // of all memory, to be released; null when it is the caller's
    int loop_error; // of the step's parallel loops
    struct cnnc_job job;
    struct cnnc_pool pool;
    cnnc_options options;
};

// cpu.c: the features of this machine, a mask over cpu_features.h.
uint64_t cnnc_cpu_features(void);

// parallel.c
void cnnc_set_up_workers(struct cnnc_context *context, char *scratch);
int cnnc_start_threads(struct cnnc_context *context); // an error code
void cnnc_stop_threads(struct cnnc_context *context);

// weights.c: maps the file of options.weights_path and sets `weights`; an error code.
int cnnc_map_weights(struct cnnc_context *context);
void cnnc_unmap_weights(struct cnnc_context *context);

// gpu.c
size_t cnnc_gpu_context_bytes(void); // in the context's block
// Whether the program can run here, as an error code.
int cnnc_gpu_check(const struct cnnc_gpu_program *program, int ordinal);
// Sets `gpu` and loads what it needs; what it leaves after a failure cnnc_gpu_destroy frees.
int cnnc_gpu_create(struct cnnc_context *context, void *memory);
int cnnc_gpu_run(struct cnnc_context *context, const void *const *inputs, void *const *outputs);
void cnnc_gpu_destroy(struct cnnc_context *context);

// context.c: what NAME_create, NAME_run_arrays, ... are.
size_t cnnc_memory_size_for(int threads);
size_t cnnc_memory_size(void);
int cnnc_create(const cnnc_options *options, struct cnnc_context **out);
int cnnc_run(struct cnnc_context *context, const void *const *inputs, void *const *outputs);
void cnnc_destroy(struct cnnc_context *context);
const char *cnnc_error_message(int code);
const char *cnnc_version(void);
const char *cnnc_variant(void);
int cnnc_step_count(void);
const char *cnnc_step_name(int step);
// And for gpu.c.
double cnnc_seconds_now(void);

#endif
