// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// GPUs (and whatever else) by OpenCL. Kernels take addresses anywhere inside of one arena, which
// buffers of OpenCL cannot give: sub-buffers must be aligned as the device likes. So memory is
// shared virtual memory, of the coarse kind: plain addresses, never touched by the host itself.
#include "runtime/gpu.h"

// Results and constants (cl.h).
enum {
    cl_mem_object_allocation_failure = -4,
    cl_out_of_resources = -5,
    cl_out_of_host_memory = -6,
    cl_platform_not_found = -1001,
    cl_device_type_cpu = 1 << 1,
    cl_device_type_gpu = 1 << 2,
    cl_device_type_accelerator = 1 << 3,
    cl_device_svm_capabilities = 0x1053,
    cl_svm_coarse_grain_buffer = 1,
    cl_mem_read_write = 1,
    cl_kernel_num_args = 0x1191,
    most_platforms = 16,
    most_devices = 64
};

static int opencl_error(int result, int otherwise) {
    switch (result) {
    case 0:
        return CNNC_SUCCESS;
    case cl_mem_object_allocation_failure:
    case cl_out_of_resources:
    case cl_out_of_host_memory:
        return CNNC_ERROR_GPU_MEMORY;
    case cl_platform_not_found:
        return CNNC_ERROR_GPU_DRIVER;
    default:
        return otherwise;
    }
}

static int opencl_load(struct cnnc_opencl *cl) {
    void *library = dlopen("libOpenCL.so.1", CNNC_RTLD_NOW);
    if (!library)
        return CNNC_ERROR_GPU_DRIVER;
#define CNNC_FIND(type, name, parameters)                                                          \
    cl->name = (type(*) parameters)dlsym(library, #name);                                          \
    if (!cl->name)                                                                                 \
        return CNNC_ERROR_GPU_DRIVER_OLD;
    CNNC_OPENCL_FUNCTIONS(CNNC_FIND)
#undef CNNC_FIND
    return CNNC_SUCCESS;
}

// The device of this number: GPUs come first, then the others, platform by platform.
static void *nth_device(const struct cnnc_opencl *cl, void *const *platforms, unsigned count,
                        unsigned ordinal) {
    static const uint64_t types[] = {cl_device_type_gpu,
                                     cl_device_type_accelerator | cl_device_type_cpu};
    for (int t = 0; t < 2; t++)
        for (unsigned p = 0; p < count && p < most_platforms; p++) {
            void *devices[most_devices];
            unsigned found = 0;
            if (cl->clGetDeviceIDs(platforms[p], types[t], most_devices, devices, &found))
                continue;
            found = found < most_devices ? found : most_devices;
            if (ordinal < found)
                return devices[ordinal];
            ordinal -= found;
        }
    return (void *)0;
}

static int opencl_find(struct cnnc_gpu *gpu, const struct cnnc_gpu_program *program, int ordinal) {
    (void)program;
    struct cnnc_opencl *cl = &gpu->driver.opencl;
    void *platforms[most_platforms];
    unsigned count = 0;
    uint64_t svm = 0;
    int error = opencl_load(cl);
    if (!error)
        error = opencl_error(cl->clGetPlatformIDs(most_platforms, platforms, &count),
                             CNNC_ERROR_GPU_DRIVER);
    if (error)
        return error;
    gpu->device = nth_device(cl, platforms, count, (unsigned)ordinal);
    if (!gpu->device ||
        cl->clGetDeviceInfo(gpu->device, cl_device_svm_capabilities, sizeof(svm), &svm, (void *)0))
        return CNNC_ERROR_GPU_DEVICE;
    return svm & cl_svm_coarse_grain_buffer ? CNNC_SUCCESS : CNNC_ERROR_GPU_DEVICE;
}

static int opencl_open(struct cnnc_gpu *gpu) {
    int result = 0;
    gpu->context = gpu->driver.opencl.clCreateContext((void *)0, 1, &gpu->device, (void *)0,
                                                      (void *)0, &result);
    return opencl_error(result, CNNC_ERROR_GPU_DEVICE);
}

static void opencl_close(struct cnnc_gpu *gpu) {
    gpu->driver.opencl.clReleaseContext(gpu->context);
}

static int opencl_enter(struct cnnc_gpu *gpu) {
    (void)gpu;
    return CNNC_SUCCESS;
}

static void opencl_leave(struct cnnc_gpu *gpu) {
    (void)gpu;
}

static int opencl_load_module(struct cnnc_gpu *gpu, const char *text, void **module) {
    const struct cnnc_opencl *cl = &gpu->driver.opencl;
    int result = 0;
    *module = cl->clCreateProgramWithSource(gpu->context, 1, &text, (void *)0, &result);
    if (!result)
        // All operands are in global memory.
        result = cl->clBuildProgram(*module, 1, &gpu->device,
                                    "-D MAX_CONSTANT_BUFFER_SIZE=0 -D MAX_CONSTANT_ARGS=0",
                                    (void *)0, (void *)0);
    return opencl_error(result, CNNC_ERROR_GPU_CODE);
}

static void opencl_unload_module(struct cnnc_gpu *gpu, void *module) {
    gpu->driver.opencl.clReleaseProgram(module);
}

static int opencl_allocate(struct cnnc_gpu *gpu, size_t bytes, uint64_t *address) {
    void *memory = gpu->driver.opencl.clSVMAlloc(gpu->context, cl_mem_read_write, bytes, 0);
    *address = (uintptr_t)memory;
    return memory ? CNNC_SUCCESS : CNNC_ERROR_GPU_MEMORY;
}

static void opencl_release(struct cnnc_gpu *gpu, uint64_t address) {
    gpu->driver.opencl.clSVMFree(gpu->context, (void *)(uintptr_t)address);
}

static int opencl_create_queue(struct cnnc_gpu *gpu, void **queue) {
    int result = 0;
    *queue = gpu->driver.opencl.clCreateCommandQueueWithProperties(gpu->context, gpu->device,
                                                                   (void *)0, &result);
    return opencl_error(result, CNNC_ERROR_GPU_DEVICE);
}

static void opencl_destroy_queue(struct cnnc_gpu *gpu, void *queue) {
    gpu->driver.opencl.clReleaseCommandQueue(queue);
}

// Arguments belong to the kernel here; local memory is the last one, if the kernel takes it.
static int opencl_set_arguments(const struct cnnc_opencl *cl, void *kernel,
                                const struct cnnc_gpu_launch *launch,
                                const struct cnnc_gpu_argument *arguments, const uint64_t *values) {
    unsigned count = (unsigned)launch->arguments, taken = 0;
    int result = cl->clGetKernelInfo(kernel, cl_kernel_num_args, sizeof(taken), &taken, (void *)0);
    for (unsigned i = 0; i < count && !result; i++)
        result = arguments[i].base == CNNC_GPU_VALUE
                     ? cl->clSetKernelArg(kernel, i, (size_t)arguments[i].index, &values[i])
                     : cl->clSetKernelArgSVMPointer(kernel, i, (void *)(uintptr_t)values[i]);
    if (!result && taken > count)
        result = cl->clSetKernelArg(kernel, count, launch->shared_bytes ? launch->shared_bytes : 1,
                                    (void *)0);
    return opencl_error(result, CNNC_ERROR_GPU_CODE);
}

static int opencl_create_kernel(struct cnnc_gpu *gpu, void *module,
                                const struct cnnc_gpu_launch *launch,
                                const struct cnnc_gpu_argument *arguments, uint64_t *values,
                                void **kernel) {
    const struct cnnc_opencl *cl = &gpu->driver.opencl;
    int result = 0;
    *kernel = cl->clCreateKernel(module, launch->entry, &result);
    if (result)
        return opencl_error(result, CNNC_ERROR_GPU_CODE);
    return opencl_set_arguments(cl, *kernel, launch, arguments, values);
}

static void opencl_destroy_kernel(struct cnnc_gpu *gpu, void *kernel) {
    gpu->driver.opencl.clReleaseKernel(kernel);
}

static int opencl_launch(struct cnnc_gpu *gpu, void *queue, void *kernel,
                         const struct cnnc_gpu_launch *launch, void **pointers) {
    (void)pointers;
    size_t local[3], global[3];
    for (int d = 0; d < 3; d++) {
        local[d] = launch->threads[d];
        global[d] = local[d] * launch->blocks[d];
    }
    return opencl_error(gpu->driver.opencl.clEnqueueNDRangeKernel(
                            queue, kernel, 3, (void *)0, global, local, 0, (void *)0, (void *)0),
                        CNNC_ERROR_GPU_LAUNCH);
}

static int opencl_copy(struct cnnc_gpu *gpu, void *queue, void *to, const void *from,
                       size_t bytes) {
    return opencl_error(
        gpu->driver.opencl.clEnqueueSVMMemcpy(queue, 0, to, from, bytes, 0, (void *)0, (void *)0),
        CNNC_ERROR_GPU_LAUNCH);
}

static int opencl_upload(struct cnnc_gpu *gpu, void *queue, uint64_t to, const void *from,
                         size_t bytes) {
    return opencl_copy(gpu, queue, (void *)(uintptr_t)to, from, bytes);
}

static int opencl_download(struct cnnc_gpu *gpu, void *queue, void *to, uint64_t from,
                           size_t bytes) {
    return opencl_copy(gpu, queue, to, (const void *)(uintptr_t)from, bytes);
}

static int opencl_wait(struct cnnc_gpu *gpu, void *queue) {
    return opencl_error(gpu->driver.opencl.clFinish(queue), CNNC_ERROR_GPU_LAUNCH);
}

const struct cnnc_gpu_api cnnc_opencl_api = {
    .find = opencl_find,
    .open = opencl_open,
    .close = opencl_close,
    .enter = opencl_enter,
    .leave = opencl_leave,
    .load_module = opencl_load_module,
    .unload_module = opencl_unload_module,
    .allocate = opencl_allocate,
    .release = opencl_release,
    .create_queue = opencl_create_queue,
    .destroy_queue = opencl_destroy_queue,
    .create_kernel = opencl_create_kernel,
    .destroy_kernel = opencl_destroy_kernel,
    .launch = opencl_launch,
    .upload = opencl_upload,
    .download = opencl_download,
    .wait = opencl_wait,
    .takes_device_pointers = false,
};
