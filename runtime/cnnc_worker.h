// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a compiled kernel sees of the context that runs it. Generated code relies on the order and
// types of the fields: kernels reach scratch memory and the parallel loop through this struct only.
#ifndef CNNC_WORKER_H
#define CNNC_WORKER_H

#include <stdint.h>

struct cnnc_worker;

// One iteration of a parallel loop; nonzero is an error and ends the loop.
typedef int (*cnnc_task)(struct cnnc_worker *worker, int index, uint8_t *closure);

typedef struct cnnc_worker {
    // This worker's own scratch memory, 64-byte aligned, as large as the hungriest kernel's.
    char *scratch;
    // Runs task(w, min .. min + extent - 1, closure) on all workers and waits; `worker` is the
    // caller's own. Every concurrent task gets a worker (and so a scratch) of its own.
    int (*parallel_for)(struct cnnc_worker *worker, cnnc_task task, int min, int extent,
                        uint8_t *closure);
} cnnc_worker;

#endif
