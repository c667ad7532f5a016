// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one place that includes Halide.h, and the shim over the versions we build against (14 to 21).
#pragma once

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include <Halide.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

// Defined by CMake: releases before 17 do not define HALIDE_VERSION_MAJOR.
#ifndef CNNC_HALIDE_MAJOR
#define CNNC_HALIDE_MAJOR 14
#endif

namespace cnnc {

// Predicated loads and stores at a split's tail, whatever they are called.
constexpr Halide::TailStrategy predicate_tail = Halide::TailStrategy::Predicate;

// 19 and 21 want to be told how long SVE's vectors are, and then the code runs on no other length.
// A library is for every machine with the feature, so that vectors are NEON's.
inline void keep_vectors_fixed(Halide::Target &target) {
#if CNNC_HALIDE_MAJOR >= 15
    target.set_features({Halide::Target::SVE, Halide::Target::SVE2}, false);
#else
    (void)target;
#endif
}

// Turns off LLVM's vectorizing, unrolling and interleaving of loops, which is off from 15 on.
inline void leave_loops_alone(Halide::Target &target) {
#if CNNC_HALIDE_MAJOR < 15
    target.set_feature(Halide::Target::DisableLLVMLoopOpt);
#else
    (void)target;
#endif
}

} // namespace cnnc
