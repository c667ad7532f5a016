// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the run time uses of the C library, declared here so that it compiles for every target on a
// machine without that target's headers. The values are Linux's and the same on all our targets.
#ifndef CNNC_SYSTEM_H
#define CNNC_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

// Threads. pthread_t is as wide as a pointer in glibc and musl; a signal set has 1024 bits.
typedef unsigned long cnnc_thread;
typedef struct {
    unsigned long bits[1024 / (8 * sizeof(unsigned long))];
} cnnc_signal_set;
enum { CNNC_SIG_SETMASK = 2 };
int pthread_create(cnnc_thread *thread, const void *attributes, void *(*start)(void *), void *data);
int pthread_join(cnnc_thread thread, void **result);
int pthread_sigmask(int how, const cnnc_signal_set *set, cnnc_signal_set *old);

// Memory.
int posix_memalign(void **memory, size_t alignment, size_t bytes);
void free(void *memory);

// A lock that sleeps. All zeros is an unlocked one, and it is at most 64 bytes, in glibc and musl.
typedef struct {
    _Alignas(16) char bytes[64];
} cnnc_mutex;
int pthread_mutex_lock(cnnc_mutex *mutex);
int pthread_mutex_unlock(cnnc_mutex *mutex);

// Shared libraries.
enum { CNNC_RTLD_NOW = 2 };
void *dlopen(const char *name, int mode);
void *dlsym(void *library, const char *name);

// Files.
enum { CNNC_O_RDONLY_CLOEXEC = 02000000, CNNC_SEEK_END = 2 };
enum { CNNC_PROT_READ = 1, CNNC_MAP_PRIVATE = 2 };
int open(const char *path, int flags, ...);
int close(int file);
long lseek(int file, long offset, int whence);
void *mmap(void *address, size_t bytes, int protection, int flags, int file, long offset);
int munmap(void *address, size_t bytes);

// Time.
struct cnnc_timespec {
    long seconds, nanoseconds;
};
enum { CNNC_CLOCK_MONOTONIC = 1 };
int clock_gettime(int clock, struct cnnc_timespec *time);

// The kernel's own services.
enum { CNNC_FUTEX_WAIT_PRIVATE = 128, CNNC_FUTEX_WAKE_PRIVATE = 129 };
#if defined(__x86_64__)
enum { CNNC_SYS_FUTEX = 202 };
#elif defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
enum { CNNC_SYS_FUTEX = 98 };
#elif defined(__i386__) || defined(__arm__)
enum { CNNC_SYS_FUTEX = 240 };
#else
#error "no futex number for this architecture"
#endif
long syscall(long number, ...);
unsigned long getauxval(unsigned long type);

#endif
