// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Networks on a GPU. Modules and weights are loaded once per device and shared by the contexts
// there; a context has an arena on the device, a queue, and its launches with their arguments
// prepared, so that a run only copies inputs, launches, copies outputs, and waits once.
#include "runtime/gpu.h"

// What the contexts of one variant on one device share.
struct cnnc_gpu_shared {
    struct cnnc_gpu_shared *next;
    const struct cnnc_gpu_program *program;
    int ordinal, users;
    struct cnnc_gpu gpu;
    bool is_open;
    uint64_t weights;
    void *modules[];
};

struct cnnc_gpu_context {
    struct cnnc_gpu_shared *shared;
    const struct cnnc_gpu_program *program;
    void *queue;
    uint64_t arena;
    void **kernels;   // per launch
    uint64_t *values; // per argument
    void **pointers;  // per argument: to its value
};

// The only thing outside of contexts that is written, by create and destroy.
static struct {
    cnnc_mutex lock;
    struct cnnc_gpu_shared *first;
} all_shared;

static uint64_t device_aligned(uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

size_t cnnc_gpu_context_bytes(void) {
    size_t launches = (size_t)cnnc_this_network.gpu_launches;
    size_t arguments = (size_t)cnnc_this_network.gpu_arguments;
    return sizeof(struct cnnc_gpu_context) + sizeof(uint64_t) + launches * sizeof(void *) +
           arguments * (sizeof(uint64_t) + sizeof(void *));
}

int cnnc_gpu_check(const struct cnnc_gpu_program *program, int ordinal) {
    struct cnnc_gpu gpu;
    return program->api->find(&gpu, program, ordinal);
}

static void free_shared(struct cnnc_gpu_shared *shared) {
    struct cnnc_gpu *gpu = &shared->gpu;
    const struct cnnc_gpu_api *api = shared->program->api;
    if (shared->is_open) {
        if (!api->enter(gpu)) {
            for (int i = 0; i < shared->program->module_count; i++)
                if (shared->modules[i])
                    api->unload_module(gpu, shared->modules[i]);
            if (shared->weights)
                api->release(gpu, shared->weights);
            api->leave(gpu);
        }
        api->close(gpu);
    }
    free(shared);
}

static int upload_weights(struct cnnc_gpu_shared *shared, const char *weights) {
    struct cnnc_gpu *gpu = &shared->gpu;
    const struct cnnc_gpu_api *api = shared->program->api;
    size_t bytes = (size_t)shared->program->weights_bytes;
    void *queue = (void *)0;
    if (!bytes)
        return CNNC_SUCCESS;
    int error = api->allocate(gpu, bytes, &shared->weights);
    if (!error)
        error = api->create_queue(gpu, &queue);
    if (!error)
        error = api->upload(gpu, queue, shared->weights, weights, bytes);
    if (!error)
        error = api->wait(gpu, queue);
    if (queue)
        api->destroy_queue(gpu, queue);
    return error;
}

static int load_modules(struct cnnc_gpu_shared *shared) {
    const struct cnnc_gpu_program *program = shared->program;
    int error = CNNC_SUCCESS;
    for (int i = 0; i < program->module_count && !error; i++)
        error = program->api->load_module(&shared->gpu, program->modules[i], &shared->modules[i]);
    return error;
}

static int fill_shared(struct cnnc_gpu_shared *shared, const char *weights) {
    const struct cnnc_gpu_api *api = shared->program->api;
    int error = api->find(&shared->gpu, shared->program, shared->ordinal);
    if (!error)
        error = api->open(&shared->gpu);
    if (error)
        return error;
    shared->is_open = true;
    error = api->enter(&shared->gpu);
    if (error)
        return error;
    error = load_modules(shared);
    if (!error)
        error = upload_weights(shared, weights);
    api->leave(&shared->gpu);
    return error;
}

static int make_shared(const struct cnnc_gpu_program *program, int ordinal, const char *weights,
                       struct cnnc_gpu_shared **out) {
    size_t modules = (size_t)program->module_count;
    void *memory = (void *)0;
    if (posix_memalign(&memory, CNNC_ALIGNMENT,
                       sizeof(struct cnnc_gpu_shared) + modules * sizeof(void *)))
        return CNNC_ERROR_OUT_OF_MEMORY;
    struct cnnc_gpu_shared *shared = memory;
    *shared = (struct cnnc_gpu_shared){.program = program, .ordinal = ordinal};
    shared->gpu.api = program->api;
    for (size_t i = 0; i < modules; i++)
        shared->modules[i] = (void *)0;
    int error = fill_shared(shared, weights);
    if (error)
        free_shared(shared);
    else
        *out = shared;
    return error;
}

// What the program's contexts on the device share, made if this is the first of them.
static int join_shared(const struct cnnc_gpu_program *program, int ordinal, const char *weights,
                       struct cnnc_gpu_shared **out) {
    pthread_mutex_lock(&all_shared.lock);
    struct cnnc_gpu_shared *shared = all_shared.first;
    while (shared && (shared->program != program || shared->ordinal != ordinal))
        shared = shared->next;
    int error = CNNC_SUCCESS;
    if (!shared) {
        error = make_shared(program, ordinal, weights, &shared);
        if (!error) {
            shared->next = all_shared.first;
            all_shared.first = shared;
        }
    }
    if (!error) {
        shared->users++;
        *out = shared;
    }
    pthread_mutex_unlock(&all_shared.lock);
    return error;
}

static void leave_shared(struct cnnc_gpu_shared *shared) {
    pthread_mutex_lock(&all_shared.lock);
    if (--shared->users == 0) {
        struct cnnc_gpu_shared **link = &all_shared.first;
        while (*link != shared)
            link = &(*link)->next;
        *link = shared->next;
        free_shared(shared);
    }
    pthread_mutex_unlock(&all_shared.lock);
}

// Where the port (an input, or behind them an output) lies behind the arena; for the one behind the
// last port, where memory ends.
static uint64_t port_offset(const struct cnnc_gpu_program *program, int port) {
    uint64_t offset = device_aligned(program->arena_bytes);
    for (int i = 0; i < port; i++)
        offset += device_aligned(program->port_bytes[i]);
    return offset;
}

static int port_count(void) {
    return cnnc_this_network.inputs + cnnc_this_network.outputs;
}

static bool owns_ports(const struct cnnc_context *context) {
    return !context->options.device_pointers;
}

// The value of an argument whose ports lie in the context's own memory.
static uint64_t value_of(const struct cnnc_gpu_context *self,
                         const struct cnnc_gpu_argument *argument) {
    switch (argument->base) {
    case CNNC_GPU_ARENA:
        return self->arena + argument->offset;
    case CNNC_GPU_WEIGHTS:
        return self->shared->weights + argument->offset;
    case CNNC_GPU_INPUT:
        return self->arena + port_offset(self->program, argument->index) + argument->offset;
    case CNNC_GPU_OUTPUT:
        return self->arena +
               port_offset(self->program, cnnc_this_network.inputs + argument->index) +
               argument->offset;
    default:
        return argument->offset;
    }
}

static int create_kernels(struct cnnc_gpu_context *self) {
    const struct cnnc_gpu_program *program = self->program;
    for (int i = 0; i < program->argument_count; i++)
        self->values[i] = value_of(self, &program->arguments[i]);
    int error = CNNC_SUCCESS, first = 0;
    for (int i = 0; i < program->launch_count && !error; i++) {
        const struct cnnc_gpu_launch *launch = &program->launches[i];
        error = program->api->create_kernel(
            &self->shared->gpu, self->shared->modules[launch->module], launch,
            &program->arguments[first], &self->values[first], &self->kernels[i]);
        first += launch->arguments;
    }
    return error;
}

static int fill_context(const struct cnnc_context *context) {
    struct cnnc_gpu_context *self = context->gpu;
    struct cnnc_gpu *gpu = &self->shared->gpu;
    const struct cnnc_gpu_program *program = self->program;
    uint64_t bytes = port_offset(program, owns_ports(context) ? port_count() : 0);
    int error = program->api->enter(gpu);
    if (error)
        return error;
    if (bytes > SIZE_MAX / 2)
        error = CNNC_ERROR_GPU_MEMORY;
    if (!error && bytes)
        error = program->api->allocate(gpu, (size_t)bytes, &self->arena);
    if (!error)
        error = program->api->create_queue(gpu, &self->queue);
    if (!error)
        error = create_kernels(self);
    program->api->leave(gpu);
    return error;
}

int cnnc_gpu_create(struct cnnc_context *context, void *memory) {
    const struct cnnc_gpu_program *program = cnnc_this_network.variants[context->variant].gpu;
    struct cnnc_gpu_context *self = memory;
    *self = (struct cnnc_gpu_context){.program = program};
    self->values = (uint64_t *)(((uintptr_t)(self + 1) + 7) / 8 * 8);
    self->kernels = (void **)(void *)(self->values + program->argument_count);
    self->pointers = self->kernels + program->launch_count;
    for (int i = 0; i < program->launch_count; i++)
        self->kernels[i] = (void *)0;
    for (int i = 0; i < program->argument_count; i++)
        self->pointers[i] = &self->values[i];
    context->gpu = self;
    int error = join_shared(program, context->options.device, context->weights, &self->shared);
    return error ? error : fill_context(context);
}

void cnnc_gpu_destroy(struct cnnc_context *context) {
    struct cnnc_gpu_context *self = context->gpu;
    if (!self->shared)
        return;
    struct cnnc_gpu *gpu = &self->shared->gpu;
    const struct cnnc_gpu_api *api = self->program->api;
    if (!api->enter(gpu)) {
        for (int i = 0; i < self->program->launch_count; i++)
            if (self->kernels[i])
                api->destroy_kernel(gpu, self->kernels[i]);
        if (self->queue)
            api->destroy_queue(gpu, self->queue);
        if (self->arena)
            api->release(gpu, self->arena);
        api->leave(gpu);
    }
    leave_shared(self->shared);
}

// Kernels read their operands in vectors of so many bytes.
enum { vector_bytes = 16 };

static bool aligned_ports(const void *const *inputs, void *const *outputs) {
    uintptr_t bits = 0;
    for (int i = 0; i < cnnc_this_network.inputs; i++)
        bits |= (uintptr_t)inputs[i];
    for (int i = 0; i < cnnc_this_network.outputs; i++)
        bits |= (uintptr_t)outputs[i];
    return bits % vector_bytes == 0;
}

// The caller's addresses become the arguments.
static void take_ports(struct cnnc_gpu_context *self, const void *const *inputs,
                       void *const *outputs) {
    for (int i = 0; i < self->program->argument_count; i++) {
        const struct cnnc_gpu_argument *argument = &self->program->arguments[i];
        if (argument->base == CNNC_GPU_INPUT)
            self->values[i] = (uintptr_t)inputs[argument->index] + argument->offset;
        else if (argument->base == CNNC_GPU_OUTPUT)
            self->values[i] = (uintptr_t)outputs[argument->index] + argument->offset;
    }
}

static int upload_inputs(struct cnnc_gpu_context *self, const void *const *inputs) {
    int error = CNNC_SUCCESS;
    for (int i = 0; i < cnnc_this_network.inputs && !error; i++)
        error = self->program->api->upload(&self->shared->gpu, self->queue,
                                           self->arena + port_offset(self->program, i), inputs[i],
                                           (size_t)self->program->port_bytes[i]);
    return error;
}

static int download_outputs(struct cnnc_gpu_context *self, void *const *outputs) {
    int error = CNNC_SUCCESS;
    for (int i = 0; i < cnnc_this_network.outputs && !error; i++) {
        int port = cnnc_this_network.inputs + i;
        error = self->program->api->download(&self->shared->gpu, self->queue, outputs[i],
                                             self->arena + port_offset(self->program, port),
                                             (size_t)self->program->port_bytes[port]);
    }
    return error;
}

static int launch_all(struct cnnc_gpu_context *self) {
    const struct cnnc_gpu_program *program = self->program;
    int error = CNNC_SUCCESS, first = 0;
    for (int i = 0; i < program->launch_count && !error; i++) {
        error = program->api->launch(&self->shared->gpu, self->queue, self->kernels[i],
                                     &program->launches[i], &self->pointers[first]);
        first += program->launches[i].arguments;
    }
    return error;
}

// Step by step, waiting for each.
static int launch_profiled(struct cnnc_context *context) {
    struct cnnc_gpu_context *self = context->gpu;
    const struct cnnc_gpu_program *program = self->program;
    const struct cnnc_gpu_api *api = program->api;
    struct cnnc_gpu *gpu = &self->shared->gpu;
    int error = api->wait(gpu, self->queue), next = 0, first = 0;
    for (int step = 0; step < cnnc_this_network.steps && !error; step++) {
        double begin = cnnc_seconds_now();
        for (; next < program->launch_count && program->launches[next].step == step && !error;
             next++) {
            error = api->launch(gpu, self->queue, self->kernels[next], &program->launches[next],
                                &self->pointers[first]);
            first += program->launches[next].arguments;
        }
        if (!error)
            error = api->wait(gpu, self->queue);
        if (!error)
            context->options.profile(context->options.profile_user, step, cnnc_step_name(step),
                                     cnnc_seconds_now() - begin);
    }
    return error;
}

int cnnc_gpu_run(struct cnnc_context *context, const void *const *inputs, void *const *outputs) {
    struct cnnc_gpu_context *self = context->gpu;
    struct cnnc_gpu *gpu = &self->shared->gpu;
    const struct cnnc_gpu_api *api = self->program->api;
    if (!owns_ports(context) && !aligned_ports(inputs, outputs))
        return CNNC_ERROR_GPU_ALIGNMENT;
    int error = api->enter(gpu);
    if (error)
        return error;
    if (owns_ports(context))
        error = upload_inputs(self, inputs);
    else
        take_ports(self, inputs, outputs);
    if (!error)
        error = context->options.profile ? launch_profiled(context) : launch_all(self);
    if (!error && owns_ports(context))
        error = download_outputs(self, outputs);
    // After a failure too: what was started still uses the caller's memory.
    int waited = api->wait(gpu, self->queue);
    api->leave(gpu);
    return error ? error : waited;
}
