// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The run time as one translation unit, for its bitcode.
#include "runtime/context.c"
#include "runtime/cpu.c"
#include "runtime/cuda.c"
#include "runtime/gpu.c"
#include "runtime/opencl.c"
#include "runtime/parallel.c"
#include "runtime/weights.c"
