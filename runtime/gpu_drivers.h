// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The functions of the GPUs' drivers that the run time calls, found by name when it runs: a library
// links without any of them, and builds without their headers. Handles are pointers, CUDA's device
// addresses 64 bits.
#ifndef CNNC_GPU_DRIVERS_H
#define CNNC_GPU_DRIVERS_H

#include <stddef.h>
#include <stdint.h>

// F(type, name, parameters): as they are since CUDA 11.0.
#define CNNC_CUDA_FUNCTIONS(F)                                                                     \
    F(int, cuInit, (unsigned flags))                                                               \
    F(int, cuDriverGetVersion, (int *version))                                                     \
    F(int, cuDeviceGetCount, (int *count))                                                         \
    F(int, cuDeviceGet, (int *device, int ordinal))                                                \
    F(int, cuDeviceGetAttribute, (int *value, int attribute, int device))                          \
    F(int, cuDevicePrimaryCtxRetain, (void **context, int device))                                 \
    F(int, cuDevicePrimaryCtxRelease_v2, (int device))                                             \
    F(int, cuCtxPushCurrent_v2, (void *context))                                                   \
    F(int, cuCtxPopCurrent_v2, (void **context))                                                   \
    F(int, cuModuleLoadDataEx,                                                                     \
      (void **module, const void *image, unsigned count, int *options, void **values))             \
    F(int, cuModuleUnload, (void *module))                                                         \
    F(int, cuModuleGetFunction, (void **function, void *module, const char *name))                 \
    F(int, cuMemAlloc_v2, (uint64_t * address, size_t bytes))                                      \
    F(int, cuMemFree_v2, (uint64_t address))                                                       \
    F(int, cuMemcpyHtoDAsync_v2, (uint64_t to, const void *from, size_t bytes, void *stream))      \
    F(int, cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, void *stream))            \
    F(int, cuStreamCreate, (void **stream, unsigned flags))                                        \
    F(int, cuStreamDestroy_v2, (void *stream))                                                     \
    F(int, cuStreamSynchronize, (void *stream))                                                    \
    F(int, cuLaunchKernel,                                                                         \
      (void *function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,                    \
       unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared_bytes,          \
       void *stream, void **parameters, void **extra))

// As they are since OpenCL 2.0.
#define CNNC_OPENCL_FUNCTIONS(F)                                                                   \
    F(int, clGetPlatformIDs, (unsigned most, void **platforms, unsigned *count))                   \
    F(int, clGetDeviceIDs,                                                                         \
      (void *platform, uint64_t type, unsigned most, void **devices, unsigned *count))             \
    F(int, clGetDeviceInfo, (void *device, unsigned what, size_t most, void *value, size_t *size)) \
    F(void *, clCreateContext,                                                                     \
      (const intptr_t *properties, unsigned count, void *const *devices,                           \
       void (*notify)(const char *, const void *, size_t, void *), void *user, int *error))        \
    F(int, clReleaseContext, (void *context))                                                      \
    F(void *, clCreateCommandQueueWithProperties,                                                  \
      (void *context, void *device, const uint64_t *properties, int *error))                       \
    F(int, clReleaseCommandQueue, (void *queue))                                                   \
    F(void *, clCreateProgramWithSource,                                                           \
      (void *context, unsigned count, const char **strings, const size_t *lengths, int *error))    \
    F(int, clBuildProgram,                                                                         \
      (void *program, unsigned count, void *const *devices, const char *options,                   \
       void (*notify)(void *, void *), void *user))                                                \
    F(int, clReleaseProgram, (void *program))                                                      \
    F(void *, clCreateKernel, (void *program, const char *name, int *error))                       \
    F(int, clReleaseKernel, (void *kernel))                                                        \
    F(int, clGetKernelInfo, (void *kernel, unsigned what, size_t most, void *value, size_t *size)) \
    F(int, clSetKernelArg, (void *kernel, unsigned index, size_t bytes, const void *value))        \
    F(int, clSetKernelArgSVMPointer, (void *kernel, unsigned index, const void *value))            \
    F(void *, clSVMAlloc, (void *context, uint64_t flags, size_t bytes, unsigned alignment))       \
    F(void, clSVMFree, (void *context, void *memory))                                              \
    F(int, clEnqueueSVMMemcpy,                                                                     \
      (void *queue, unsigned blocking, void *to, const void *from, size_t bytes,                   \
       unsigned event_count, const void *const *events, void **event))                             \
    F(int, clEnqueueNDRangeKernel,                                                                 \
      (void *queue, void *kernel, unsigned dimensions, const size_t *offset,                       \
       const size_t *global_size, const size_t *local_size, unsigned event_count,                  \
       const void *const *events, void **event))                                                   \
    F(int, clFinish, (void *queue))

#define CNNC_MEMBER(type, name, parameters) type(*name) parameters;
struct cnnc_cuda {
    CNNC_CUDA_FUNCTIONS(CNNC_MEMBER)
};
struct cnnc_opencl {
    CNNC_OPENCL_FUNCTIONS(CNNC_MEMBER)
};
#undef CNNC_MEMBER

#endif
