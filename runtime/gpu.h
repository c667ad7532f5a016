// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inside the run time: a network on a GPU. What is generated is data (device code, and launches in
// the order they run); what differs between CUDA and OpenCL is behind one table of functions.
#ifndef CNNC_GPU_H
#define CNNC_GPU_H

#include "runtime/gpu_drivers.h"
#include "runtime/network.h"

// Where an argument of a launch comes from.
enum cnnc_gpu_base {
    CNNC_GPU_ARENA, // on the device, scratch memory included
    CNNC_GPU_WEIGHTS,
    CNNC_GPU_INPUT,
    CNNC_GPU_OUTPUT,
    CNNC_GPU_VALUE,
};
struct cnnc_gpu_argument {
    uint64_t offset; // in bytes; of a value: the value itself, in its first bytes
    int base;        // enum cnnc_gpu_base
    int index;       // of the input or output; of a value: its size in bytes
};

struct cnnc_gpu_launch {
    const char *entry; // a function of the module
    int module, step;
    int arguments;
    uint32_t blocks[3], threads[3], shared_bytes;
};

// Generated: a network's variant for GPUs.
struct cnnc_gpu_program {
    const struct cnnc_gpu_api *api;
    const char *const *modules;                // PTX or OpenCL C
    const struct cnnc_gpu_launch *launches;    // ordered by step
    const struct cnnc_gpu_argument *arguments; // of the first launch, of the second, ...
    const uint64_t *port_bytes;                // of the inputs, then of the outputs
    uint64_t arena_bytes;
    uint64_t weights_bytes; // of the network's, from the first on: what the launches read
    int module_count, launch_count, argument_count;
    int capability;     // of CUDA: 80
    int driver_version; // of CUDA: 11010
};

// A device and the driver that runs it.
struct cnnc_gpu {
    const struct cnnc_gpu_api *api;
    union {
        struct cnnc_cuda cuda;
        struct cnnc_opencl opencl;
    } driver;
    void *device, *context;
};

// A driver. Functions that return int return an error code of cnnc_options.h. Between enter and
// leave the device is this thread's; all but find, open and close are called there. What a failing
// function makes is null, or is to be freed.
struct cnnc_gpu_api {
    // Loads the driver and finds the device; holds nothing afterwards. Fails where the program
    // would not run.
    int (*find)(struct cnnc_gpu *gpu, const struct cnnc_gpu_program *program, int ordinal);
    int (*open)(struct cnnc_gpu *gpu);
    void (*close)(struct cnnc_gpu *gpu);
    int (*enter)(struct cnnc_gpu *gpu);
    void (*leave)(struct cnnc_gpu *gpu);
    int (*load_module)(struct cnnc_gpu *gpu, const char *text, void **module);
    void (*unload_module)(struct cnnc_gpu *gpu, void *module);
    int (*allocate)(struct cnnc_gpu *gpu, size_t bytes, uint64_t *address);
    void (*release)(struct cnnc_gpu *gpu, uint64_t address);
    int (*create_queue)(struct cnnc_gpu *gpu, void **queue);
    void (*destroy_queue)(struct cnnc_gpu *gpu, void *queue);
    // A launch that is made again and again. `values` are its arguments': one uint64_t each.
    int (*create_kernel)(struct cnnc_gpu *gpu, void *module, const struct cnnc_gpu_launch *launch,
                         const struct cnnc_gpu_argument *arguments, uint64_t *values,
                         void **kernel);
    void (*destroy_kernel)(struct cnnc_gpu *gpu, void *kernel);
    // These are done in order; only `wait` waits for them. `pointers` are to the values.
    int (*launch)(struct cnnc_gpu *gpu, void *queue, void *kernel,
                  const struct cnnc_gpu_launch *launch, void **pointers);
    int (*upload)(struct cnnc_gpu *gpu, void *queue, uint64_t to, const void *from, size_t bytes);
    int (*download)(struct cnnc_gpu *gpu, void *queue, void *to, uint64_t from, size_t bytes);
    int (*wait)(struct cnnc_gpu *gpu, void *queue);
    bool takes_device_pointers;
};

extern const struct cnnc_gpu_api cnnc_cuda_api, cnnc_opencl_api;

#endif
