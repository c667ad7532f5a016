// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The loops that run and time networks, in C: cnnc calls them in a child process, with functions
// that ORC has loaded, and links them, compiled by the target's compiler, into the programs that
// runners start (program.h). Both get the same call and give the same answer: a stream of records.
#ifndef CNNC_MEASURE_H
#define CNNC_MEASURE_H

#include "runtime/cnnc_options.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The C functions of a network, by the types that all networks have in common.
struct cnnc_callee {
    const char *name; // what its functions' names begin with
    int (*create)(const cnnc_options *options, void **network);
    int (*run)(void *network, const void *const *inputs, void *const *outputs);
    void (*destroy)(void *network);
    const char *(*error_message)(int code);
    int (*step_count)(void);
    const char *weights; // in memory, or null
    size_t weights_bytes;
};

// Generated code that shows what the machine can do (compiler/codegen/limits.h); may be null.
struct cnnc_limits {
    double (*multiply_add)(int64_t rounds);
    int (*read)(const char *block, int64_t bytes, int64_t passes);
};

// What is asked for. Every field has the same size and place on all targets.
struct cnnc_call {
    char magic[8]; // cnnc_call_magic
    int64_t threads;
    int64_t rounds;                               // 0: each network runs once, untimed
    double seconds;                               // of measuring each network, over all rounds
    int64_t steps, peak, bandwidth, cold_weights; // 0 or 1, as in TimingPlan
    int64_t block_bytes, blocks; // read bandwidth is measured on blocks of block_bytes << i
    int64_t inputs, outputs;     // how many
};
#define cnnc_call_magic "cnnccal1"
#define cnnc_answer_magic "cnncans1" // opens an answer

// An answer is made of these, each with so many bytes behind it.
struct cnnc_record {
    int32_t kind;    // cnnc_record_kind
    int32_t network; // index
    int64_t bytes;
};
enum cnnc_record_kind {
    CNNC_RECORD_TURN,      // the network's code runs from here on
    CNNC_RECORD_REFUSED,   // words: one of its functions returned an error
    CNNC_RECORD_ROUND,     // double: its fastest run of a round
    CNNC_RECORD_TIMES,     // struct cnnc_times
    CNNC_RECORD_STEPS,     // doubles: per step its fastest
    CNNC_RECORD_OUTPUT,    // the next of its outputs
    CNNC_RECORD_PEAK,      // double: operations a second, per round
    CNNC_RECORD_BANDWIDTH, // doubles: bytes a second, per block size
    CNNC_RECORD_END        // nothing is missing
};
struct cnnc_times {
    int64_t runs;
    double min_seconds, median_seconds;
};

// Does what `call` asks for and writes the answer to a file. `inputs` holds the tensors, and
// `sizes` the bytes of each input and each output. Returns 0 when the answer is whole.
int cnnc_measure(const struct cnnc_callee *networks, int count, const struct cnnc_limits *limits,
                 const struct cnnc_call *call, const int64_t *sizes, const void *const *inputs,
                 int answer_file);

// The same for a call that is read from a file: the struct, the sizes, the inputs.
int cnnc_serve(const struct cnnc_callee *networks, int count, const struct cnnc_limits *limits,
               int call_file, int answer_file);

#ifdef __cplusplus
}
#endif

#endif
