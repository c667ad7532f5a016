// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network made by hand in place of generated code: what its steps do is set by each test.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// The run time is C with C11 atomics; what a test needs of it is declared here again.
#include "runtime/cnnc_options.h"
#include "runtime/cnnc_worker.h"

struct cnnc_context;
extern "C" {
size_t cnnc_memory_size_for(int threads);
size_t cnnc_memory_size(void);
int cnnc_create(const cnnc_options *options, cnnc_context **out);
int cnnc_run(cnnc_context *context, const void *const *inputs, void *const *outputs);
void cnnc_destroy(cnnc_context *context);
const char *cnnc_error_message(int code);
const char *cnnc_version(void);
const char *cnnc_variant(void);
int cnnc_step_count(void);
const char *cnnc_step_name(int step);
uint64_t cnnc_cpu_features(void);
}

namespace cnnc {

struct StepArguments {
    int variant, step;
    cnnc_worker *worker;
    char *arena;
    const char *weights;
    const void *const *inputs;
    void *const *outputs;
};

// As struct cnnc_variant of runtime/network.h.
struct ToyVariant {
    const char *name;
    uint64_t cpu_features;
    const void *gpu = nullptr; // a cnnc_gpu_program
};

// Sets the network to one input, one output, `steps` steps and these sizes.
struct Toy {
    int steps = 1;
    size_t arena_bytes = 1024, scratch_bytes = 256;
    const char *linked_weights = nullptr;
    uint64_t weights_bytes = 0, weights_identity = 0;
    std::vector<ToyVariant> variants = {{"only", 0}};
    int gpu_launches = 0, gpu_arguments = 0;
    std::function<int(const StepArguments &)> step;
};
void set_toy(Toy toy);

// Runs `body(worker, i)` for i in [0, extent) as a kernel's parallel loop does.
int parallel_loop(cnnc_worker *worker, int extent,
                  const std::function<int(cnnc_worker *, int)> &body);

} // namespace cnnc
