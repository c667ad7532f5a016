// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is compiled for: a target (in Halide's notation, with an LLVM CPU name) and the machine it
// stands for: vectors, registers, caches. Schedules are argued from the machine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

enum class Arch : uint8_t { x86, arm, riscv, wasm };

// What runs a target's kernels beside the CPU that calls them.
enum class GpuApi : uint8_t { none, cuda, opencl };

// Halide's notation: arch-bits-os[-feature]*, always with the full chain of features
// (avx512_skylake carries avx512, avx2, avx, fma, f16c and sse41), sorted, so that equal targets
// have equal text.
struct Target {
    Arch arch = Arch::x86;
    int bits = 64;
    std::string os = "linux";
    std::vector<std::string> features; // Halide's names, sorted, closed under implication
    std::string cpu;                   // LLVM CPU name; "" = the least CPU with the features

    bool has(std::string_view feature) const;
    bool operator==(const Target &o) const;
};

// Reads a Halide target string, `host`, or a short name of known_targets(). On failure returns
// nothing and says why in `problem`, with a suggestion for a misspelt feature.
std::optional<Target> parse_target(std::string_view text, std::string *problem);
std::string target_text(const Target &target); // without the CPU

// GPU targets carry `cuda` and `cuda_capability_NN`, or `opencl`, among their features.
GpuApi gpu_api(const Target &target);
// 80 for cuda_capability_80; 0 without `cuda`.
int cuda_capability(const Target &target);
// What `cuda` without a capability stands for: Maxwell, and every GPU since.
constexpr int plain_cuda_capability = 50;
// The target without its GPU: what the code on the CPU is compiled for.
Target cpu_part(const Target &target);

// This machine, from /proc/cpuinfo; its cpu stays "" (LLVM names it, in codegen).
Target host_target();
// True when this machine can run code for `target`.
bool runs_here(const Target &target);

struct KnownTarget {
    std::string_view name;  // short name: "avx512", "avx2", "sse41", "arm64", ...
    std::string_view text;  // Halide's
    std::string_view about; // for `cnnc targets`
};
const std::vector<KnownTarget> &known_targets();

// The widest vector that a GPU's thread reads at once, and what its address is a multiple of.
constexpr int64_t gpu_vector_bytes = 16;

// What a GPU gives to a kernel: the limits that CUDA reports at launch at the earliest (CUDA C++
// Programming Guide, "Technical Specifications per Compute Capability").
struct Gpu {
    int capability = 0;              // 80; 0 for OpenCL
    int warp = 32;                   // threads that run in step
    int64_t shared_bytes = 48 << 10; // of a block, without asking the driver for more
    int64_t threads_per_block = 1024;
    int64_t registers_per_block = 65536; // of 32 bits
    int64_t registers_per_thread = 255;
    // Of a thread, in memory. More would be allowed, but the driver sets it aside for as many
    // threads as a GPU holds, some 200,000, and fails a launch when it cannot.
    int64_t local_bytes = 1024;
    int64_t argument_bytes = 4096; // of a launch
    // Of any tensor, and results that a launch computes, ragged tiles whole: Halide 14 crashes when
    // 32 bits cannot count their bytes.
    int64_t most_elements = int64_t(1) << 29;
    std::array<int64_t, 3> most_threads = {1024, 1024, 64};
    std::array<int64_t, 3> most_blocks = {(int64_t(1) << 31) - 1, 65535, 65535};
    int64_t threads_per_multiprocessor = 2048;
    int64_t shared_per_multiprocessor = 64 << 10;
    int64_t blocks_per_multiprocessor = 16;
    int multiprocessors = 40; // of a usual card: how many blocks make the machine busy
    bool dp4a = false;
};

struct Machine {
    int vector_bytes = 16; // of one register
    int vector_registers = 16;
    bool fma = false;
    bool memory_broadcast = false; // FMA can broadcast one element from memory (AVX-512)
    bool masked_stores = false;    // cheap stores under a mask (AVX-512)
    bool multiply_by_lane = false; // FMA can take one lane of a vector (ARM)
    bool in_order = false;         // loads take cycles that FMAs do not hide
    int fma_ports = 2;             // FMAs started per cycle
    int fma_latency = 4;           // cycles
    int load_ports = 2;            // vector loads started per cycle
    // Registers that LLVM's scheduling takes beyond those that a register tile needs by count: it
    // loads early.
    int spare_registers = 0;
    int64_t l1_bytes = 32 << 10;  // data cache, per core
    int64_t l2_bytes = 256 << 10; // per core
    int64_t l3_bytes = 0;         // share of one core; 0: none
    int cores = 1;
    std::optional<Gpu> gpu; // set for GPU targets: kernels run there

    int lanes(int element_bytes) const { return vector_bytes / element_bytes; }
};

// From a table of CPUs; for the host's own target the caches and cores come from the system.
Machine machine_for(const Target &target);

struct KnownCpu {
    std::string_view name; // LLVM's: "cascadelake"
    Arch arch;
    std::string_view about;
};
const std::vector<KnownCpu> &known_cpus();

} // namespace cnnc
