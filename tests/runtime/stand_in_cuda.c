// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The driver's functions. Device addresses are the host's with a bit set that no pointer has, so
// that whoever takes one for the other crashes; each allocation lies between two red zones.
#include "tests/runtime/stand_in_cuda.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    success = 0,
    invalid_value = 1,
    out_of_memory = 2,
    no_device = 100,
    invalid_device = 101,
    invalid_context = 201,
    invalid_ptx = 218,
    not_found = 500,
    most_allocations = 4096,
    most_entries = 4096,
    most_parameters = 64,
    most_kernels = 256,
    most_pushed = 16,
    red_zone = 256,
    red = 0xa5
};
static const uint64_t device_bit = (uint64_t)1 << 62;

struct allocation {
    char *block; // null: freed
    size_t bytes;
};
struct entry {
    void *module; // null: unloaded
    char name[128];
    int parameters;
    int sizes[most_parameters];
};
struct kernel {
    char entry[128];
    stand_in_kernel run;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stand_in state = {12000, 80, 1, (size_t)1 << 32, 0, 0, 0, 0, 0, 0, 0, ""};
static char *log_text;
static size_t log_bytes;
static struct allocation allocations[most_allocations];
static int allocation_count;
static struct entry entries[most_entries];
static int entry_count;
static struct kernel kernels[most_kernels];
static int kernel_count;
static char primary_context;
static _Thread_local void *pushed[most_pushed];
static _Thread_local int pushed_count;

// An address like no other.
static void *new_handle(void) {
    static char handles[1 << 20];
    static int count;
    return &handles[count++];
}

static void note(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    log_text = realloc(log_text, log_bytes + (size_t)length + 2);
    memcpy(log_text + log_bytes, line, (size_t)length);
    log_bytes += (size_t)length;
    log_text[log_bytes++] = '\n';
    log_text[log_bytes] = 0;
}

static void misused(const char *how, const char *where) {
    if (!state.problem[0])
        snprintf(state.problem, sizeof(state.problem), "%s in %s", how, where);
}

// Counts the call; true when it is to fail.
static bool fails(const char *function) {
    state.calls++;
    if (state.calls != state.fail_at)
        return false;
    note("%s fails", function);
    return true;
}

static void check_current(const char *function) {
    if (!pushed_count || pushed[pushed_count - 1] != &primary_context || !state.retains)
        misused("the device's context is not current", function);
}

// The allocation with these bytes in it, or -1.
static int find(uint64_t address, size_t bytes) {
    const char *at = (const char *)(uintptr_t)(address & ~device_bit);
    for (int i = 0; i < allocation_count && (address & device_bit); i++) {
        const char *begin = allocations[i].block + red_zone;
        if (allocations[i].block && at >= begin && at + bytes <= begin + allocations[i].bytes)
            return i;
    }
    return -1;
}

static const char *name_of(uint64_t address, char *text) {
    int i = find(address, 0);
    if (i < 0)
        sprintf(text, "%#llx", (unsigned long long)address);
    else
        sprintf(text, "#%d+%zu", i + 1,
                (size_t)((char *)(uintptr_t)(address & ~device_bit) - allocations[i].block) -
                    red_zone);
    return text;
}

struct stand_in *stand_in_state(void) {
    return &state;
}

void stand_in_clear_log(void) {
    free(log_text);
    log_text = NULL;
    log_bytes = 0;
}

void stand_in_reset(void) {
    state = (struct stand_in){12000, 80, 1, (size_t)1 << 32, 0, 0, 0, 0, 0, 0, 0, ""};
    stand_in_clear_log();
    for (int i = 0; i < allocation_count; i++)
        free(allocations[i].block);
    allocation_count = entry_count = kernel_count = 0;
}

const char *stand_in_log(void) {
    return log_text ? log_text : "";
}

void stand_in_set_kernel(const char *entry, stand_in_kernel kernel) {
    snprintf(kernels[kernel_count].entry, sizeof(kernels[0].entry), "%s", entry);
    kernels[kernel_count++].run = kernel;
}

void *stand_in_host(uint64_t address) {
    return find(address, 1) < 0 ? NULL : (void *)(uintptr_t)(address & ~device_bit);
}

// Every function of the driver: under the lock, counted, failing on demand.
#define BEGIN(function)                                                                            \
    pthread_mutex_lock(&lock);                                                                     \
    bool failing = fails(function);                                                                \
    int result = failing ? state.fail_code : success
#define END                                                                                        \
    pthread_mutex_unlock(&lock);                                                                   \
    return result

int cuInit(unsigned flags) {
    BEGIN("cuInit");
    if (flags)
        misused("flags", "cuInit");
    if (!failing && state.devices == 0)
        result = no_device;
    END;
}

int cuDriverGetVersion(int *version) {
    BEGIN("cuDriverGetVersion");
    *version = state.version;
    END;
}

int cuDeviceGetCount(int *count) {
    BEGIN("cuDeviceGetCount");
    *count = state.devices;
    END;
}

int cuDeviceGet(int *device, int ordinal) {
    BEGIN("cuDeviceGet");
    if (!failing && (ordinal < 0 || ordinal >= state.devices))
        result = invalid_device;
    *device = ordinal;
    END;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    BEGIN("cuDeviceGetAttribute");
    (void)device;
    if (attribute == 75)
        *value = state.capability / 10;
    else if (attribute == 76)
        *value = state.capability % 10;
    else
        misused("an unknown attribute", "cuDeviceGetAttribute");
    END;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    BEGIN("cuDevicePrimaryCtxRetain");
    if (!failing) {
        note("retain %d", device);
        state.retains++;
        *context = &primary_context;
    }
    END;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    BEGIN("cuDevicePrimaryCtxRelease");
    note("release %d", device);
    if (state.retains == 0)
        misused("not retained", "cuDevicePrimaryCtxRelease");
    else if (--state.retains == 0 && (state.allocations || state.modules || state.streams))
        misused("something is left in the context", "cuDevicePrimaryCtxRelease");
    END;
}

int cuCtxPushCurrent_v2(void *context) {
    BEGIN("cuCtxPushCurrent");
    if (pushed_count == most_pushed)
        misused("too deep", "cuCtxPushCurrent");
    else if (!failing)
        pushed[pushed_count++] = context;
    END;
}

int cuCtxPopCurrent_v2(void **context) {
    BEGIN("cuCtxPopCurrent");
    if (pushed_count == 0)
        misused("nothing is pushed", "cuCtxPopCurrent");
    else
        *context = pushed[--pushed_count];
    END;
}

int cuCtxGetCurrent(void **context) {
    *context = pushed_count ? pushed[pushed_count - 1] : NULL;
    return success;
}

// The size of a parameter whose type, as `.u64`, is at `text`.
static int parameter_size(const char *text) {
    while (*text && (*text < '0' || *text > '9'))
        text++;
    return atoi(text) / 8;
}

// `.entry NAME(.param .u64 a, .param .u32 b)`, as often as there are such.
static void read_entries(const char *ptx, void *module) {
    for (const char *at = ptx;
         (at = strstr(at, ".entry ")) != NULL && entry_count < most_entries;) {
        at += strlen(".entry ");
        struct entry *entry = &entries[entry_count++];
        memset(entry, 0, sizeof(*entry));
        entry->module = module;
        size_t length = strcspn(at, "( \t\n");
        snprintf(entry->name, sizeof(entry->name), "%.*s", (int)length, at);
        const char *end = strchr(at, ')');
        while ((at = strstr(at, ".param ")) != NULL && at < end) {
            at += strlen(".param ");
            entry->sizes[entry->parameters++] = parameter_size(at);
        }
        at = end;
    }
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options,
                       void **values) {
    BEGIN("cuModuleLoadDataEx");
    (void)options;
    (void)values;
    check_current("cuModuleLoadDataEx");
    if (count)
        misused("options", "cuModuleLoadDataEx");
    if (!failing && !strstr(image, ".version"))
        result = invalid_ptx;
    if (!result) {
        note("load a module");
        state.modules++;
        *module = new_handle();
        read_entries(image, *module);
    }
    END;
}

int cuModuleUnload(void *module) {
    BEGIN("cuModuleUnload");
    check_current("cuModuleUnload");
    note("unload a module");
    state.modules--;
    for (int i = 0; i < entry_count; i++)
        if (entries[i].module == module)
            entries[i].module = NULL;
    END;
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
    BEGIN("cuModuleGetFunction");
    check_current("cuModuleGetFunction");
    if (!failing)
        result = not_found;
    for (int i = 0; i < entry_count && !failing; i++)
        if (entries[i].module == module && strcmp(entries[i].name, name) == 0) {
            *function = &entries[i];
            result = success;
        }
    END;
}

static size_t used_bytes(void) {
    size_t bytes = 0;
    for (int i = 0; i < allocation_count; i++)
        bytes += allocations[i].block ? allocations[i].bytes : 0;
    return bytes;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    BEGIN("cuMemAlloc");
    check_current("cuMemAlloc");
    if (!failing && bytes == 0)
        result = invalid_value;
    else if (!failing &&
             (allocation_count == most_allocations || bytes > state.memory_bytes - used_bytes()))
        result = out_of_memory;
    if (!result) {
        void *block = NULL;
        if (posix_memalign(&block, 256, bytes + 2 * red_zone) != 0)
            abort();
        memset(block, red, bytes + 2 * red_zone);
        allocations[allocation_count] = (struct allocation){block, bytes};
        *address = (uint64_t)((uintptr_t)block + red_zone) | device_bit;
        note("allocate #%d, %zu bytes", ++allocation_count, bytes);
        state.allocations++;
    }
    END;
}

int cuMemFree_v2(uint64_t address) {
    BEGIN("cuMemFree");
    check_current("cuMemFree");
    char text[64];
    note("free %s", name_of(address, text));
    int i = find(address, 0);
    if (i < 0 || address != ((uint64_t)((uintptr_t)allocations[i].block + red_zone) | device_bit)) {
        misused("no allocation", "cuMemFree");
    } else {
        for (size_t k = 0; k < red_zone; k++)
            if ((unsigned char)allocations[i].block[k] != red ||
                (unsigned char)allocations[i].block[red_zone + allocations[i].bytes + k] != red)
                misused("bytes outside of the allocation were written", "cuMemFree");
        free(allocations[i].block);
        allocations[i].block = NULL;
        state.allocations--;
    }
    END;
}

int cuStreamCreate(void **stream, unsigned flags) {
    BEGIN("cuStreamCreate");
    check_current("cuStreamCreate");
    (void)flags;
    if (!failing) {
        state.streams++;
        *stream = new_handle();
    }
    END;
}

int cuStreamDestroy_v2(void *stream) {
    BEGIN("cuStreamDestroy");
    check_current("cuStreamDestroy");
    (void)stream;
    state.streams--;
    END;
}

int cuStreamSynchronize(void *stream) {
    BEGIN("cuStreamSynchronize");
    check_current("cuStreamSynchronize");
    (void)stream;
    note("wait");
    END;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    BEGIN("cuMemcpyHtoDAsync");
    check_current("cuMemcpyHtoDAsync");
    char text[64];
    if (!stream)
        misused("no stream", "cuMemcpyHtoDAsync");
    if (find(to, bytes) < 0)
        misused("no memory of the device", "cuMemcpyHtoDAsync");
    else if (!failing)
        memcpy((void *)(uintptr_t)(to & ~device_bit), from, bytes);
    if (!failing)
        note("copy %zu bytes to %s", bytes, name_of(to, text));
    END;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    BEGIN("cuMemcpyDtoHAsync");
    check_current("cuMemcpyDtoHAsync");
    char text[64];
    if (!stream)
        misused("no stream", "cuMemcpyDtoHAsync");
    if (find(from, bytes) < 0)
        misused("no memory of the device", "cuMemcpyDtoHAsync");
    else if (!failing)
        memcpy(to, (void *)(uintptr_t)(from & ~device_bit), bytes);
    if (!failing)
        note("copy %zu bytes from %s", bytes, name_of(from, text));
    END;
}

static bool legal_geometry(const unsigned *blocks, const unsigned *threads, unsigned shared) {
    return blocks[0] && blocks[1] && blocks[2] && threads[0] && threads[1] && threads[2] &&
           blocks[0] < (1u << 31) && blocks[1] <= 65535 && blocks[2] <= 65535 &&
           threads[0] <= 1024 && threads[1] <= 1024 && threads[2] <= 64 &&
           (uint64_t)threads[0] * threads[1] * threads[2] <= 1024 && shared <= 48 << 10;
}

// One line per launch: ` ADDRESS` or ` VALUE` per argument.
static void note_launch(const struct entry *entry, const unsigned *blocks, const unsigned *threads,
                        unsigned shared, void **parameters) {
    char line[900], text[64];
    int length = snprintf(
        line, sizeof(line), "launch %s, %ux%ux%u blocks of %ux%ux%u, shared %u:", entry->name,
        blocks[0], blocks[1], blocks[2], threads[0], threads[1], threads[2], shared);
    for (int i = 0; i < entry->parameters; i++) {
        uint64_t value = 0;
        memcpy(&value, parameters[i], (size_t)entry->sizes[i]);
        if (value & device_bit && find(value, 1) < 0)
            misused("an argument is no memory of the device", "cuLaunchKernel");
        if (length < 800)
            length += value & device_bit
                          ? snprintf(line + length, 80, " %s", name_of(value, text))
                          : snprintf(line + length, 80, " %llu", (unsigned long long)value);
    }
    note("%s", line);
}

static void run_kernel(const struct entry *entry, const unsigned *blocks, const unsigned *threads,
                       void **parameters) {
    uint64_t values[most_parameters] = {0};
    void *arguments[most_parameters];
    for (int i = 0; i < entry->parameters; i++) {
        memcpy(&values[i], parameters[i], (size_t)entry->sizes[i]);
        if (values[i] & device_bit)
            values[i] &= ~device_bit;
        arguments[i] = &values[i];
    }
    for (int i = 0; i < kernel_count; i++)
        if (strcmp(kernels[i].entry, entry->name) == 0)
            kernels[i].run(blocks, threads, arguments);
}

int cuLaunchKernel(void *function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
                   unsigned threads_x, unsigned threads_y, unsigned threads_z,
                   unsigned shared_bytes, void *stream, void **parameters, void **extra) {
    BEGIN("cuLaunchKernel");
    check_current("cuLaunchKernel");
    const unsigned blocks[] = {blocks_x, blocks_y, blocks_z};
    const unsigned threads[] = {threads_x, threads_y, threads_z};
    const struct entry *entry = function;
    if (!stream || extra)
        misused("no stream, or extra parameters", "cuLaunchKernel");
    if (!entry->module)
        misused("a function of an unloaded module", "cuLaunchKernel");
    if (!failing && !legal_geometry(blocks, threads, shared_bytes))
        result = invalid_value;
    if (!result) {
        note_launch(entry, blocks, threads, shared_bytes, parameters);
        run_kernel(entry, blocks, threads, parameters);
    }
    END;
}
