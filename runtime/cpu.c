// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which features this machine has, so that a library refuses a CPU it cannot run on instead of
// dying of an illegal instruction.
#include "runtime/cpu_features.h"
#include "runtime/network.h"

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

// The kinds of registers the operating system saves, as cpu_features.h counts them.
static int saved_state(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6) != 0x6)
        return 0;
    return (low & 0xe6) == 0xe6 ? 2 : 1;
}

uint64_t cnnc_cpu_features(void) {
    unsigned registers[6] = {0}, eax, unused[4];
    __get_cpuid(1, &unused[0], &unused[1], &registers[0], &unused[2]);
    __get_cpuid_count(7, 0, &eax, &registers[1], &registers[2], &registers[3]);
    __get_cpuid_count(7, 1, &registers[4], &unused[0], &unused[1], &unused[2]);
    __get_cpuid(0x80000001u, &unused[0], &unused[1], &registers[5], &unused[2]);
    int state = saved_state();
    uint64_t mask = 0, next = 1;
#define CNNC_TEST(name, index, bit, needed_state)                                                  \
    if ((registers[index] >> (bit)&1) && state >= (needed_state))                                  \
        mask |= next;                                                                              \
    next <<= 1;
    CNNC_X86_FEATURES(CNNC_TEST)
#undef CNNC_TEST
    return mask;
}

#elif defined(__aarch64__) || defined(__arm__)

#if defined(__aarch64__)
#define CNNC_FEATURES CNNC_AARCH64_FEATURES
#else
#define CNNC_FEATURES CNNC_ARM_FEATURES
#endif

uint64_t cnnc_cpu_features(void) {
    enum { at_hwcap = 16, at_hwcap2 = 26 };
    unsigned long words[2] = {getauxval(at_hwcap), getauxval(at_hwcap2)};
    uint64_t mask = 0, next = 1;
#define CNNC_TEST(name, index, bit, state)                                                         \
    if (words[index] >> (bit)&1)                                                                   \
        mask |= next;                                                                              \
    next <<= 1;
    CNNC_FEATURES(CNNC_TEST)
#undef CNNC_TEST
    return mask;
}

#else

uint64_t cnnc_cpu_features(void) {
    return 0;
}

#endif
