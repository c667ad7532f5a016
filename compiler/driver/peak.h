// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What this machine can do right now: the ceiling that `bench` holds a network against. Measured,
// since a shared or throttled machine is not what its data sheet says.
#pragma once

#include "compiler/target/target.h"

#include <cstdint>

namespace cnnc {

// Multiply-adds on registers with the widest vectors of `target`, in 1e9 floating-point operations
// a second (an FMA is two), on `threads` threads at once. Takes about `seconds`.
double measure_peak_gflops(const Target &target, int threads, double seconds);

// Bytes a second that one thread reads from a block of this size, again and again.
double measure_read_bandwidth(const Target &target, int64_t block_bytes, double seconds);

} // namespace cnnc
