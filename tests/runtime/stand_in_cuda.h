// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A stand-in for CUDA's driver, for tests on machines without a GPU: a libcuda.so.1 that notes
// every call, keeps the device's memory in the host's, watches how it is used, and fails when told
// to. Kernels compute nothing but what a test gives as a function.
#ifndef CNNC_STAND_IN_CUDA_H
#define CNNC_STAND_IN_CUDA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// In place of a kernel, called once per launch. Arguments as cuLaunchKernel takes them, but
// addresses of device memory are the host's.
typedef void (*stand_in_kernel)(const unsigned *blocks, const unsigned *threads, void **arguments);

struct stand_in {
    // What the driver claims to be.
    int version, capability, devices;
    size_t memory_bytes; // of the device, for all allocations
    // The call, counted from 1, that fails with this code; 0: none. What frees does so all the
    // same.
    int fail_at, fail_code;
    // What it has seen.
    int calls;
    int allocations, modules, streams, retains; // that live
    char problem[200];                          // the first misuse; "" without
};
struct stand_in *stand_in_state(void);
void stand_in_reset(void); // all of it, the log and the kernels too; live memory is forgotten
// A line per call since the last reset. Device addresses read #ALLOCATION+OFFSET.
const char *stand_in_log(void);
void stand_in_clear_log(void);
void stand_in_set_kernel(const char *entry, stand_in_kernel kernel);
// Of an address of device memory, where it lies on the host; null when it is none.
void *stand_in_host(uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
