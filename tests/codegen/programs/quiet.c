// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// After create, run neither allocates nor locks: this program's own malloc & co. and
// pthread_mutex_lock & co. count their calls. Arguments: threads, and "own" for a block of memory
// of its own, with which not even create allocates.
#define _GNU_SOURCE
#include "common.h"

#include <dlfcn.h>
#include <pthread.h>

static int counting;
static long allocations, locks;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static void count(long *counter) {
    if (__atomic_load_n(&counting, __ATOMIC_SEQ_CST))
        __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

void *malloc(size_t bytes) {
    count(&allocations);
    return __libc_malloc(bytes);
}
void *calloc(size_t number, size_t bytes) {
    count(&allocations);
    return __libc_calloc(number, bytes);
}
void *realloc(void *memory, size_t bytes) {
    count(&allocations);
    return __libc_realloc(memory, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
    count(&allocations);
    return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    return memalign(alignment, bytes);
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    *memory = memalign(alignment, bytes);
    return *memory == NULL;
}
void free(void *memory) {
    count(&allocations);
    __libc_free(memory);
}

#define COUNTED(name, type)                                                                        \
    int name(type *object) {                                                                       \
        static int (*real)(type *);                                                                \
        if (!real)                                                                                 \
            real = (int (*)(type *))dlsym(RTLD_NEXT, #name);                                       \
        count(&locks);                                                                             \
        return real(object);                                                                       \
    }
COUNTED(pthread_mutex_lock, pthread_mutex_t)
COUNTED(pthread_mutex_trylock, pthread_mutex_t)
COUNTED(pthread_rwlock_rdlock, pthread_rwlock_t)
COUNTED(pthread_rwlock_wrlock, pthread_rwlock_t)
COUNTED(pthread_spin_lock, pthread_spinlock_t)
COUNTED(pthread_cond_signal, pthread_cond_t)
COUNTED(pthread_cond_broadcast, pthread_cond_t)

static long counted(long *counter) {
    long value = *counter;
    *counter = 0;
    return value;
}

// The counters would see a call.
static void check_counters(void) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    void *volatile memory = malloc(10);
    free(memory);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    expect(counted(&allocations) == 2 && counted(&locks) == 1, "the counters work");
}

int main(int argc, char **argv) {
    busy_options options = {0};
    options.threads = argc > 1 ? atoi(argv[1]) : 1;
    int own = argc > 2 && strcmp(argv[2], "own") == 0;
    if (own) {
        options.memory_bytes = busy_memory_size_for(options.threads);
        options.memory = malloc(options.memory_bytes);
    }
    fill_input();
    counting = 1;
    check_counters();
    busy *net;
    check(busy_create(&options, &net));
    long in_create = counted(&allocations);
    if (own && options.threads == 1)
        expect(in_create == 0, "create allocates nothing");
    else
        expect(in_create >= 1, "create was seen to allocate");
    counted(&locks); // pthread_create's
    for (int i = 0; i < 50; i++) {
        float output[BUSY_OUTPUT_Y_ELEMENTS];
        check(busy_run(net, input, output));
    }
    long in_run = counted(&allocations), locks_in_run = counted(&locks);
    counting = 0;
    expect(in_run == 0, "run allocates nothing");
    expect(locks_in_run == 0, "run takes no lock");
    busy_destroy(net);
    puts("quiet");
    return 0;
}
