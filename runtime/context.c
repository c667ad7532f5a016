// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contexts: one block of memory holds everything a network needs to run; after create, run neither
// allocates nor locks.
#include "runtime/gpu.h"

static const cnnc_options defaults;

// Where things lie in the block, in bytes from its aligned start.
struct block_layout {
    size_t slots, threads, gpu, arena, scratch, end;
};

static size_t aligned(size_t bytes) {
    return (bytes + CNNC_ALIGNMENT - 1) / CNNC_ALIGNMENT * CNNC_ALIGNMENT;
}

static bool valid_threads(int threads) {
    return threads >= 0 && threads <= CNNC_MOST_THREADS;
}

static int thread_count(const cnnc_options *options) {
    return options->threads == 0 ? 1 : options->threads;
}

// A constant: without such variants nothing of what is only for them is linked.
static bool has_gpu_variants(void) {
    return cnnc_this_network.gpu_launches > 0;
}

static bool is_gpu(int variant) {
    return has_gpu_variants() && cnnc_this_network.variants[variant].gpu;
}

// False when the sum does not fit in memory (on 32 bits). `on_gpu`: with its arena there.
static bool lay_out(int threads, bool on_gpu, struct block_layout *layout) {
    size_t count = (size_t)threads, scratch;
    layout->slots = aligned(sizeof(struct cnnc_context));
    layout->threads = layout->slots + aligned(count * sizeof(struct cnnc_slot));
    layout->gpu = layout->threads + aligned(count * sizeof(cnnc_thread));
    layout->arena = layout->gpu;
    if (has_gpu_variants())
        layout->arena += aligned(cnnc_gpu_context_bytes());
    layout->scratch = layout->end = layout->arena;
    if (on_gpu)
        return true;
    return !__builtin_add_overflow(layout->arena, cnnc_this_network.arena_bytes,
                                   &layout->scratch) &&
           !__builtin_mul_overflow(count, cnnc_this_network.scratch_bytes, &scratch) &&
           !__builtin_add_overflow(layout->scratch, scratch, &layout->end) &&
           layout->end <= SIZE_MAX / 2;
}

size_t cnnc_memory_size_for(int threads) {
    struct block_layout layout;
    if (!valid_threads(threads) || !lay_out(threads == 0 ? 1 : threads, false, &layout))
        return SIZE_MAX;
    return layout.end + CNNC_ALIGNMENT - 1; // the block may start anywhere
}

size_t cnnc_memory_size(void) {
    return cnnc_memory_size_for(1);
}

static int check_options(const cnnc_options *options) {
    if (!valid_threads(options->threads) || !options->allocate != !options->release ||
        options->device < -1)
        return CNNC_ERROR_OPTIONS;
    if (options->memory && options->memory_bytes < cnnc_memory_size_for(options->threads))
        return CNNC_ERROR_MEMORY_TOO_SMALL;
    return CNNC_SUCCESS;
}

static void *allocate(const cnnc_options *options, size_t bytes) {
    void *memory = (void *)0;
    if (options->allocate)
        return options->allocate(options->allocator_user, bytes, CNNC_ALIGNMENT);
    return posix_memalign(&memory, CNNC_ALIGNMENT, bytes) == 0 ? memory : (void *)0;
}

static void release(const cnnc_options *options, void *memory) {
    if (options->release)
        options->release(options->allocator_user, memory);
    else
        free(memory);
}

// Whether the variant can run here, as an error code.
static int check_variant(const struct cnnc_variant *variant, const cnnc_options *options) {
    if (has_gpu_variants() && variant->gpu)
        return cnnc_gpu_check(variant->gpu, options->device);
    uint64_t needed = variant->cpu_features;
    bool runs = !needed || (cnnc_cpu_features() & needed) == needed;
    return runs ? CNNC_SUCCESS : CNNC_ERROR_CPU;
}

static bool takes_options(const struct cnnc_variant *variant, const cnnc_options *options) {
    if (!has_gpu_variants() || !variant->gpu)
        return !options->device_pointers;
    return options->device >= 0 &&
           (!options->device_pointers || variant->gpu->api->takes_device_pointers);
}

// The first variant that can be run; an error code for why the last cannot. What goes wrong later,
// with the variant's driver and device at hand (too little memory, say), is the caller's to know
// of: a CPU that stepped in unasked would hide it. In one place, so that of all the detection only
// what the variants ask for is left.
__attribute__((noinline)) static int choose_variant(const cnnc_options *options, int *variant) {
    int error = CNNC_ERROR_OPTIONS;
    for (int i = 0; i < cnnc_this_network.variant_count && error; i++) {
        if (!takes_options(&cnnc_this_network.variants[i], options))
            continue;
        error = check_variant(&cnnc_this_network.variants[i], options);
        *variant = i;
    }
    return error;
}

// Memory for a context, its fields zero but for those of memory.
static int make_context(const cnnc_options *options, int variant, struct cnnc_context **out) {
    struct block_layout layout;
    int threads = thread_count(options);
    if (!lay_out(threads, is_gpu(variant), &layout))
        return CNNC_ERROR_OUT_OF_MEMORY;
    void *block = options->memory ? (void *)0 : allocate(options, layout.end + CNNC_ALIGNMENT - 1);
    char *base = options->memory ? options->memory : block;
    if (!base)
        return CNNC_ERROR_OUT_OF_MEMORY;
    base += (CNNC_ALIGNMENT - (uintptr_t)base % CNNC_ALIGNMENT) % CNNC_ALIGNMENT;
    struct cnnc_context *context = (struct cnnc_context *)(void *)base;
    *context = (struct cnnc_context){
        .threads = threads, .variant = variant, .block = block, .options = *options};
    context->slots = (struct cnnc_slot *)(void *)(base + layout.slots);
    context->pool.threads = (cnnc_thread *)(void *)(base + layout.threads);
    context->arena = base + layout.arena;
    cnnc_set_up_workers(context, base + layout.scratch);
    *out = context;
    return CNNC_SUCCESS;
}

static int start(struct cnnc_context *context) {
    int error = cnnc_map_weights(context);
    if (error || !is_gpu(context->variant))
        return error ? error : cnnc_start_threads(context);
    struct block_layout layout;
    lay_out(context->threads, true, &layout);
    error = cnnc_gpu_create(context, (char *)context + layout.gpu);
    cnnc_unmap_weights(context); // they are on the device now
    return error;
}

int cnnc_create(const cnnc_options *options, struct cnnc_context **out) {
    if (!out)
        return CNNC_ERROR_NULL_ARGUMENT;
    *out = (void *)0;
    if (!options)
        options = &defaults;
    int variant = 0;
    struct cnnc_context *context = (void *)0;
    int error = check_options(options);
    if (!error)
        error = choose_variant(options, &variant);
    if (!error)
        error = make_context(options, variant, &context);
    if (!error)
        error = start(context);
    if (error)
        cnnc_destroy(context);
    else
        *out = context;
    return error;
}

double cnnc_seconds_now(void) {
    struct cnnc_timespec now;
    clock_gettime(CNNC_CLOCK_MONOTONIC, &now);
    return (double)now.seconds + 1e-9 * (double)now.nanoseconds;
}

// Loops note their own failures: what a kernel makes of a loop's error is not relied upon.
static int run_step(struct cnnc_context *context, int step, const void *const *inputs,
                    void *const *outputs) {
    context->loop_error = CNNC_SUCCESS;
    int error = cnnc_step(context->variant, step, &context->top, context->arena, context->weights,
                          inputs, outputs);
    if (context->loop_error)
        return context->loop_error;
    return error ? CNNC_ERROR_KERNEL : CNNC_SUCCESS;
}

static int run_profiled(struct cnnc_context *context, const void *const *inputs,
                        void *const *outputs) {
    for (int i = 0; i < cnnc_this_network.steps; i++) {
        double begin = cnnc_seconds_now();
        int error = run_step(context, i, inputs, outputs);
        if (error)
            return error;
        context->options.profile(context->options.profile_user, i, cnnc_step_name(i),
                                 cnnc_seconds_now() - begin);
    }
    return CNNC_SUCCESS;
}

static bool all_given(const void *const *pointers, int count) {
    for (int i = 0; i < count; i++)
        if (!pointers || !pointers[i])
            return false;
    return true;
}

int cnnc_run(struct cnnc_context *context, const void *const *inputs, void *const *outputs) {
    if (!context || !all_given(inputs, cnnc_this_network.inputs) ||
        !all_given((const void *const *)outputs, cnnc_this_network.outputs))
        return CNNC_ERROR_NULL_ARGUMENT;
    if (has_gpu_variants() && context->gpu)
        return cnnc_gpu_run(context, inputs, outputs);
    if (context->options.profile)
        return run_profiled(context, inputs, outputs);
    int error = CNNC_SUCCESS;
    for (int i = 0; i < cnnc_this_network.steps && !error; i++)
        error = run_step(context, i, inputs, outputs);
    return error;
}

void cnnc_destroy(struct cnnc_context *context) {
    if (!context)
        return;
    if (has_gpu_variants() && context->gpu)
        cnnc_gpu_destroy(context);
    cnnc_stop_threads(context);
    cnnc_unmap_weights(context);
    cnnc_options options = context->options;
    if (context->block)
        release(&options, context->block);
}

static const char unknown_code[] = "unknown error code";

static const char *gpu_error_message(int code) {
    switch (code) {
    case CNNC_ERROR_GPU_DRIVER:
        return "the GPU's driver (libcuda.so.1 or libOpenCL.so.1) is not installed or does not "
               "start";
    case CNNC_ERROR_GPU_DRIVER_OLD:
        return "the GPU's driver is too old for the network: install a newer one";
    case CNNC_ERROR_GPU_DEVICE:
        return "there is no such GPU (see the option device), or it is too old for the network";
    case CNNC_ERROR_GPU_MEMORY:
        return "the GPU has not enough free memory";
    case CNNC_ERROR_GPU_CODE:
        return "the GPU's driver does not accept the network's code: install a newer one, or build "
               "the network for another target";
    case CNNC_ERROR_GPU_LAUNCH:
        return "the GPU failed while it loaded or ran the network";
    case CNNC_ERROR_GPU_ALIGNMENT:
        return "an address in the GPU's memory is not a multiple of 16 bytes";
    default:
        return unknown_code;
    }
}

const char *cnnc_error_message(int code) {
    switch (code) {
    case CNNC_SUCCESS:
        return "success";
    case CNNC_ERROR_NULL_ARGUMENT:
        return "an argument is NULL that must not be";
    case CNNC_ERROR_OPTIONS:
        return "an option is out of range or not for this network, or only one of allocate and "
               "release is given";
    case CNNC_ERROR_OUT_OF_MEMORY:
        return "out of memory";
    case CNNC_ERROR_MEMORY_TOO_SMALL:
        return "the block of memory is smaller than the network needs";
    case CNNC_ERROR_CPU:
        return "this CPU lacks instructions the network was compiled for";
    case CNNC_ERROR_THREADS:
        return "a thread could not be started";
    case CNNC_ERROR_WEIGHTS_OPEN:
        return "the weights file cannot be opened (is weights_path set?)";
    case CNNC_ERROR_WEIGHTS_MISMATCH:
        return "the weights file does not belong to this build of the network";
    case CNNC_ERROR_PARALLEL_FOR:
        return "the caller's parallel_for did not run every task";
    case CNNC_ERROR_KERNEL:
        return "a kernel failed";
    default:
        return has_gpu_variants() ? gpu_error_message(code) : unknown_code;
    }
}

const char *cnnc_version(void) {
    return cnnc_this_network.version;
}

const char *cnnc_variant(void) {
    int variant = 0;
    return choose_variant(&defaults, &variant) ? (void *)0
                                               : cnnc_this_network.variants[variant].name;
}

int cnnc_step_count(void) {
    return cnnc_this_network.steps;
}

const char *cnnc_step_name(int step) {
    if (step < 0 || step >= cnnc_this_network.steps)
        return (void *)0;
    return cnnc_this_network.step_names[step];
}
