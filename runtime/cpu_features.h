// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The CPU features that generated code may use, and where a machine shows them: one list for the
// compiler, which notes what a library needs, and for the library, which looks before it runs.
// A feature's bit in the masks is its place in its architecture's list.
#ifndef CNNC_CPU_FEATURES_H
#define CNNC_CPU_FEATURES_H

// F(LLVM's name, register, bit, state): register is an index into what cpu.c reads with CPUID (0:
// leaf 1 ecx, 1-3: leaf 7 ebx ecx edx, 4: leaf 7.1 eax, 5: leaf 80000001 ecx); state is what the
// operating system must save on a switch of threads (0: nothing more, 1: ymm, 2: zmm).
#define CNNC_X86_FEATURES(F)                                                                       \
    F("ssse3", 0, 9, 0)                                                                            \
    F("fma", 0, 12, 1)                                                                             \
    F("sse4.1", 0, 19, 0)                                                                          \
    F("sse4.2", 0, 20, 0)                                                                          \
    F("movbe", 0, 22, 0)                                                                           \
    F("popcnt", 0, 23, 0)                                                                          \
    F("avx", 0, 28, 1)                                                                             \
    F("f16c", 0, 29, 1)                                                                            \
    F("bmi", 1, 3, 0)                                                                              \
    F("avx2", 1, 5, 1)                                                                             \
    F("bmi2", 1, 8, 0)                                                                             \
    F("avx512f", 1, 16, 2)                                                                         \
    F("avx512dq", 1, 17, 2)                                                                        \
    F("avx512ifma", 1, 21, 2)                                                                      \
    F("avx512pf", 1, 26, 2)                                                                        \
    F("avx512er", 1, 27, 2)                                                                        \
    F("avx512cd", 1, 28, 2)                                                                        \
    F("avx512bw", 1, 30, 2)                                                                        \
    F("avx512vl", 1, 31, 2)                                                                        \
    F("avx512vbmi", 2, 1, 2)                                                                       \
    F("avx512vbmi2", 2, 6, 2)                                                                      \
    F("gfni", 2, 8, 0)                                                                             \
    F("avx512vnni", 2, 11, 2)                                                                      \
    F("avx512bitalg", 2, 12, 2)                                                                    \
    F("avx512vpopcntdq", 2, 14, 2)                                                                 \
    F("avx512fp16", 3, 23, 2)                                                                      \
    F("avxvnni", 4, 4, 1)                                                                          \
    F("avx512bf16", 4, 5, 2)                                                                       \
    F("lzcnt", 5, 5, 0)                                                                            \
    F("sse4a", 5, 6, 0)                                                                            \
    F("xop", 5, 11, 1)                                                                             \
    F("fma4", 5, 16, 1)                                                                            \
    F("tbm", 5, 21, 0)

// F(LLVM's name, word, bit, 0): word 0 is AT_HWCAP, word 1 AT_HWCAP2.
#define CNNC_AARCH64_FEATURES(F)                                                                   \
    F("neon", 0, 1, 0)                                                                             \
    F("lse", 0, 8, 0)                                                                              \
    F("fullfp16", 0, 10, 0)                                                                        \
    F("rdm", 0, 12, 0)                                                                             \
    F("dotprod", 0, 20, 0)                                                                         \
    F("sve", 0, 22, 0)                                                                             \
    F("sve2", 1, 1, 0)                                                                             \
    F("i8mm", 1, 13, 0)                                                                            \
    F("bf16", 1, 14, 0)

#define CNNC_ARM_FEATURES(F)                                                                       \
    F("neon", 0, 12, 0)                                                                            \
    F("vfp4", 0, 16, 0)                                                                            \
    F("hwdiv-arm", 0, 17, 0)                                                                       \
    F("hwdiv", 0, 18, 0)

#endif
