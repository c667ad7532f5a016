// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What becomes of PTX on real GPUs, where NVIDIA's assembler is installed: registers, spills and
// stack of every kernel, and how many of its blocks a multiprocessor holds.
#pragma once

#include "compiler/codegen/kernel.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// In PATH, in CUDA_HOME, else in /usr/local/cuda; "" where there is none.
std::string find_ptxas();
// The architectures it makes code for, ascending: 75, 80, ... Empty when it cannot tell.
std::vector<int> ptxas_architectures(const std::string &ptxas);

struct PtxEntry {
    std::string name;
    int registers = 0; // of a thread
    int spill_stores = 0, spill_loads = 0, stack_bytes = 0;
};
struct PtxReport {
    std::vector<PtxEntry> entries;
    int architecture = 0;
    std::string problem; // "" = assembled; else why not
};
PtxReport assemble_ptx(const std::string &ptxas, std::string_view ptx, int architecture);
// For the least architecture the assembler knows that runs code for the capability: newer
// assemblers do not know the oldest GPUs.
PtxReport assemble_for(std::string_view ptx, int capability);
// Reads what ptxas -v says.
std::vector<PtxEntry> read_ptxas_output(std::string_view text);

// Registers that each thread of the launch can have.
int64_t most_registers(const Gpu &gpu, const GpuLaunch &launch);

// Blocks of the launch that a multiprocessor holds at a time; 0: not one.
int64_t resident_blocks(const Gpu &gpu, const GpuLaunch &launch, int registers);

// A launch in words, for explain.
std::string launch_text(const GpuLaunch &launch, const Gpu &gpu, const PtxEntry *entry);

} // namespace cnnc
