// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// GPUs by CUDA's driver. Work is done in the device's primary context, which programs share with
// CUDA's own run time; whatever context the caller's thread has is put back.
#include "runtime/gpu.h"

// Results of the driver, and what is asked of devices (cuda.h).
enum {
    cuda_success = 0,
    cuda_out_of_memory = 2,
    cuda_stub_library = 34,
    cuda_no_device = 100,
    cuda_invalid_device = 101,
    cuda_invalid_image = 200,
    cuda_no_binary_for_gpu = 209,
    cuda_invalid_ptx = 218,
    cuda_unsupported_ptx_version = 222,
    cuda_not_found = 500,
    cuda_system_driver_mismatch = 803,
    cuda_capability_major = 75,
    cuda_capability_minor = 76
};

static int cuda_error(int result) {
    switch (result) {
    case cuda_success:
        return CNNC_SUCCESS;
    case cuda_out_of_memory:
        return CNNC_ERROR_GPU_MEMORY;
    case cuda_stub_library:
        return CNNC_ERROR_GPU_DRIVER;
    case cuda_no_device:
    case cuda_invalid_device:
        return CNNC_ERROR_GPU_DEVICE;
    case cuda_unsupported_ptx_version:
    case cuda_system_driver_mismatch:
        return CNNC_ERROR_GPU_DRIVER_OLD;
    case cuda_invalid_image:
    case cuda_no_binary_for_gpu:
    case cuda_invalid_ptx:
    case cuda_not_found:
        return CNNC_ERROR_GPU_CODE;
    default:
        return CNNC_ERROR_GPU_LAUNCH;
    }
}

static int device_of(const struct cnnc_gpu *gpu) {
    return (int)(intptr_t)gpu->device;
}

static int cuda_load(struct cnnc_cuda *cuda) {
    // It stays loaded: a driver does not like to be taken out of a process.
    void *library = dlopen("libcuda.so.1", CNNC_RTLD_NOW);
    if (!library)
        return CNNC_ERROR_GPU_DRIVER;
#define CNNC_FIND(type, name, parameters)                                                          \
    cuda->name = (type(*) parameters)dlsym(library, #name);                                        \
    if (!cuda->name)                                                                               \
        return CNNC_ERROR_GPU_DRIVER_OLD;
    CNNC_CUDA_FUNCTIONS(CNNC_FIND)
#undef CNNC_FIND
    return CNNC_SUCCESS;
}

static int cuda_find(struct cnnc_gpu *gpu, const struct cnnc_gpu_program *program, int ordinal) {
    struct cnnc_cuda *cuda = &gpu->driver.cuda;
    int version = 0, count = 0, device = 0, major = 0, minor = 0;
    int error = cuda_load(cuda);
    if (!error)
        error = cuda_error(cuda->cuInit(0));
    if (error == CNNC_ERROR_GPU_LAUNCH) // what else keeps a driver from starting
        error = CNNC_ERROR_GPU_DRIVER;
    if (!error)
        error = cuda_error(cuda->cuDriverGetVersion(&version));
    if (!error && version < program->driver_version)
        error = CNNC_ERROR_GPU_DRIVER_OLD;
    if (!error)
        error = cuda_error(cuda->cuDeviceGetCount(&count));
    if (!error && ordinal >= count)
        error = CNNC_ERROR_GPU_DEVICE;
    if (!error)
        error = cuda_error(cuda->cuDeviceGet(&device, ordinal));
    if (!error)
        error = cuda_error(cuda->cuDeviceGetAttribute(&major, cuda_capability_major, device));
    if (!error)
        error = cuda_error(cuda->cuDeviceGetAttribute(&minor, cuda_capability_minor, device));
    if (!error && 10 * major + minor < program->capability)
        error = CNNC_ERROR_GPU_DEVICE;
    gpu->device = (void *)(intptr_t)device;
    return error;
}

static int cuda_open(struct cnnc_gpu *gpu) {
    return cuda_error(gpu->driver.cuda.cuDevicePrimaryCtxRetain(&gpu->context, device_of(gpu)));
}

static void cuda_close(struct cnnc_gpu *gpu) {
    gpu->driver.cuda.cuDevicePrimaryCtxRelease_v2(device_of(gpu));
}

static int cuda_enter(struct cnnc_gpu *gpu) {
    return cuda_error(gpu->driver.cuda.cuCtxPushCurrent_v2(gpu->context));
}

static void cuda_leave(struct cnnc_gpu *gpu) {
    void *context;
    gpu->driver.cuda.cuCtxPopCurrent_v2(&context);
}

static int cuda_load_module(struct cnnc_gpu *gpu, const char *text, void **module) {
    int error =
        cuda_error(gpu->driver.cuda.cuModuleLoadDataEx(module, text, 0, (void *)0, (void *)0));
    if (error)
        *module = (void *)0;
    return error;
}

static void cuda_unload_module(struct cnnc_gpu *gpu, void *module) {
    gpu->driver.cuda.cuModuleUnload(module);
}

static int cuda_allocate(struct cnnc_gpu *gpu, size_t bytes, uint64_t *address) {
    int error = cuda_error(gpu->driver.cuda.cuMemAlloc_v2(address, bytes));
    if (error)
        *address = 0;
    return error;
}

static void cuda_release(struct cnnc_gpu *gpu, uint64_t address) {
    gpu->driver.cuda.cuMemFree_v2(address);
}

static int cuda_create_queue(struct cnnc_gpu *gpu, void **queue) {
    // In step with the default stream, where callers may have made the inputs of device_pointers.
    int error = cuda_error(gpu->driver.cuda.cuStreamCreate(queue, 0));
    if (error)
        *queue = (void *)0;
    return error;
}

static void cuda_destroy_queue(struct cnnc_gpu *gpu, void *queue) {
    gpu->driver.cuda.cuStreamDestroy_v2(queue);
}

static int cuda_create_kernel(struct cnnc_gpu *gpu, void *module,
                              const struct cnnc_gpu_launch *launch,
                              const struct cnnc_gpu_argument *arguments, uint64_t *values,
                              void **kernel) {
    (void)arguments;
    (void)values;
    return cuda_error(gpu->driver.cuda.cuModuleGetFunction(kernel, module, launch->entry));
}

static void cuda_destroy_kernel(struct cnnc_gpu *gpu, void *kernel) {
    (void)gpu; // a part of its module
    (void)kernel;
}

static int cuda_launch(struct cnnc_gpu *gpu, void *queue, void *kernel,
                       const struct cnnc_gpu_launch *launch, void **pointers) {
    const uint32_t *blocks = launch->blocks, *threads = launch->threads;
    return cuda_error(gpu->driver.cuda.cuLaunchKernel(
        kernel, blocks[0], blocks[1], blocks[2], threads[0], threads[1], threads[2],
        launch->shared_bytes, queue, pointers, (void *)0));
}

static int cuda_upload(struct cnnc_gpu *gpu, void *queue, uint64_t to, const void *from,
                       size_t bytes) {
    return cuda_error(gpu->driver.cuda.cuMemcpyHtoDAsync_v2(to, from, bytes, queue));
}

static int cuda_download(struct cnnc_gpu *gpu, void *queue, void *to, uint64_t from, size_t bytes) {
    return cuda_error(gpu->driver.cuda.cuMemcpyDtoHAsync_v2(to, from, bytes, queue));
}

static int cuda_wait(struct cnnc_gpu *gpu, void *queue) {
    return cuda_error(gpu->driver.cuda.cuStreamSynchronize(queue));
}

const struct cnnc_gpu_api cnnc_cuda_api = {
    .find = cuda_find,
    .open = cuda_open,
    .close = cuda_close,
    .enter = cuda_enter,
    .leave = cuda_leave,
    .load_module = cuda_load_module,
    .unload_module = cuda_unload_module,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .create_queue = cuda_create_queue,
    .destroy_queue = cuda_destroy_queue,
    .create_kernel = cuda_create_kernel,
    .destroy_kernel = cuda_destroy_kernel,
    .launch = cuda_launch,
    .upload = cuda_upload,
    .download = cuda_download,
    .wait = cuda_wait,
    .takes_device_pointers = true,
};
