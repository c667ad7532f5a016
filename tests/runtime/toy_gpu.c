// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network for CUDA made by hand, in place of generated data: one input of 12 bytes, one output of
// 8, two steps of which the first makes two launches, and 64 bytes of weights.
#include "runtime/gpu.h"

static const char first_module[] = ".version 7.1\n.target sm_80\n.address_size 64\n"
                                   ".visible .entry sums(\n\t.param .u32 n,\n\t.param .u64 x,\n"
                                   "\t.param .u64 w,\n\t.param .u64 s\n)\n{ret;}\n"
                                   ".visible .entry biased(.param .u64 s, .param .u64 b, "
                                   ".param .u64 y) {ret;}\n";
static const char second_module[] = ".version 7.1\n.target sm_80\n.address_size 64\n"
                                    ".visible .entry twice(.param .u64 x, .param .u64 y) {ret;}\n";
static const char *const modules[] = {first_module, second_module};

static const struct cnnc_gpu_launch launches[] = {
    {"sums", 0, 0, 4, {3, 2, 1}, {32, 4, 1}, 512},
    {"biased", 0, 0, 3, {2, 1, 1}, {1, 1, 1}, 0},
    {"twice", 1, 1, 2, {1, 1, 1}, {2, 1, 1}, 0},
};
static const struct cnnc_gpu_argument arguments[] = {
    {3, CNNC_GPU_VALUE, 4},   {0, CNNC_GPU_INPUT, 0},   {0, CNNC_GPU_WEIGHTS, 0},
    {512, CNNC_GPU_ARENA, 0}, {512, CNNC_GPU_ARENA, 0}, {32, CNNC_GPU_WEIGHTS, 0},
    {64, CNNC_GPU_ARENA, 0},  {64, CNNC_GPU_ARENA, 0},  {0, CNNC_GPU_OUTPUT, 0},
};
static const uint64_t port_bytes[] = {12, 8};

const struct cnnc_gpu_program cnnc_toy_cuda = {
    .api = &cnnc_cuda_api,
    .modules = modules,
    .launches = launches,
    .arguments = arguments,
    .port_bytes = port_bytes,
    .arena_bytes = 1024,
    .weights_bytes = 64,
    .module_count = 2,
    .launch_count = 3,
    .argument_count = 9,
    .capability = 80,
    .driver_version = 11010,
};

const struct cnnc_gpu_program cnnc_toy_broken = {
    .api = &cnnc_cuda_api,
    .modules = (const char *const[]){"no PTX"},
    .port_bytes = port_bytes,
    .module_count = 1,
};
