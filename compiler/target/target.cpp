// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading and printing targets, and the machine a target stands for.
#include "compiler/target/target.h"

#include "compiler/target/features.h"

#include <algorithm>
#include <array>
#include <sched.h>

namespace cnnc {
namespace {

using namespace std::string_literals;

constexpr std::array<std::string_view, 8> other_systems = {"osx",  "windows", "android", "ios",
                                                           "qurt", "noos",    "fuchsia", "wasmrt"};
constexpr std::array<std::string_view, 3> other_archs = {"mips", "powerpc", "hexagon"};
constexpr std::array<std::string_view, 8> gpu_features = {
    "metal",   "openglcompute", "d3d12compute", "cl_doubles",
    "cl_half", "cl_atomics64",  "egl",          "vulkan"};
constexpr std::string_view capability_prefix = "cuda_capability_";
// Features of Halide that say how code is generated or run, not what the machine has.
constexpr std::array<std::string_view, 37> settings = {"jit",
                                                       "debug",
                                                       "no_asserts",
                                                       "no_bounds_query",
                                                       "user_context",
                                                       "matlab",
                                                       "profile",
                                                       "profile_by_timer",
                                                       "no_runtime",
                                                       "c_plus_plus_name_mangling",
                                                       "large_buffers",
                                                       "fuzz_float_stores",
                                                       "soft_float_abi",
                                                       "msan",
                                                       "tsan",
                                                       "asan",
                                                       "trace_loads",
                                                       "trace_stores",
                                                       "trace_realizations",
                                                       "trace_pipeline",
                                                       "strict_float",
                                                       "check_unsafe_promises",
                                                       "hexagon_dma",
                                                       "embed_bitcode",
                                                       "enable_llvm_loop_opt",
                                                       "disable_llvm_loop_opt",
                                                       "sanitizer_coverage",
                                                       "wasm_simd128",
                                                       "wasm_signext",
                                                       "wasm_sat_float_to_int",
                                                       "wasm_threads",
                                                       "wasm_bulk_memory",
                                                       "hvx_128",
                                                       "hvx_v62",
                                                       "hvx_v65",
                                                       "hvx_v66",
                                                       "rvv"};

template <typename List>
bool contains(const List &list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

std::string quoted(std::string_view text) {
    return "`" + std::string(text.substr(0, 80)) + "`";
}

std::string feature_problem(std::string_view name, const Target &target) {
    if (contains(gpu_features, name))
        return quoted(name) + " is not supported; GPU targets are of `cuda` and `opencl`";
    if (name.substr(0, capability_prefix.size()) == capability_prefix)
        return "unknown capability " + quoted(name) +
               "; GPUs run code for older ones: the newest known is `cuda_capability_86`";
    if (name == "rvv")
        return "`rvv`: vectors of RISC-V are not supported yet";
    if (contains(settings, name))
        return quoted(name) +
               " is a setting of Halide's, not a feature of a machine; cnnc chooses " +
               "those itself";
    std::vector<std::string> names;
    for (const FeatureRow &row : feature_rows()) {
        if (row.name == name)
            return quoted(name) + " is not a feature of this architecture";
        if (row.arch == target.arch)
            names.emplace_back(row.name);
    }
    std::string near = nearest_word(name, names);
    return "unknown feature " + quoted(name) +
           (near.empty() ? "" : "; did you mean " + quoted(near) + "?");
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char &c : lower)
        c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    return lower;
}

// Our name for what others call otherwise; "" for other words.
std::string other_name(std::string_view name) {
    constexpr std::array<std::array<std::string_view, 2>, 9> names = {{{"aarch64", "arm64"},
                                                                       {"arm64-v8a", "arm64"},
                                                                       {"armhf", "arm32"},
                                                                       {"armv7", "arm32"},
                                                                       {"armv7l", "arm32"},
                                                                       {"amd64", "x86-64"},
                                                                       {"x86_64", "x86-64"},
                                                                       {"i386", "x86-32"},
                                                                       {"native", "host"}}};
    for (const auto &[theirs, ours] : names)
        if (theirs == name)
            return std::string(ours);
    return "";
}

std::string arch_problem(std::string_view name) {
    if (contains(other_archs, name))
        return "targets of architecture " + quoted(name) + " are not supported";
    for (const KnownCpu &cpu : known_cpus())
        if (cpu.name == name)
            return quoted(name) + " is a CPU, for --cpu; `cnnc targets` lists the targets";
    std::vector<std::string> names = {"x86-64-linux", "arm-64-linux", "arm-32-linux",
                                      "riscv-64-linux"};
    for (const KnownTarget &known : known_targets())
        names.emplace_back(known.name);
    std::string near = other_name(name);
    if (near.empty())
        near = nearest_word(lower_case(name), names);
    return "unknown target " + quoted(name) +
           (near.empty() ? "; `cnnc targets` lists them" : "; did you mean " + quoted(near) + "?");
}

// The words "arch-bits-os" at the start of a target, which are removed.
std::string parse_base(std::vector<std::string_view> *words, Target *target,
                       std::string_view text) {
    constexpr std::array<std::string_view, 4> archs = {"x86", "arm", "riscv", "wasm"};
    auto arch = std::find(archs.begin(), archs.end(), words->front());
    if (arch == archs.end())
        return arch_problem(contains(other_archs, words->front()) ? words->front() : text);
    target->arch = Arch(arch - archs.begin());
    if (words->size() < 3 || ((*words)[1] != "32" && (*words)[1] != "64"))
        return "a target reads arch-bits-os, as in `x86-64-linux-avx2`, not " + quoted(text);
    target->bits = (*words)[1] == "32" ? 32 : 64;
    std::string_view os = (*words)[2];
    if (contains(other_systems, os) || target->arch == Arch::wasm)
        return "targets on " + quoted(os) + " are not supported yet, only on `linux`";
    if (os != "linux")
        return "unknown operating system " + quoted(os) + "; only `linux` is supported yet";
    if (target->arch == Arch::riscv && target->bits == 32)
        return "RISC-V of 32 bits is not supported yet";
    words->erase(words->begin(), words->begin() + 3);
    return "";
}

int allowed_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1; // more CPUs than a cpu_set_t holds
    return std::max(1, CPU_COUNT(&set));
}

void set_x86_registers(const Target &target, Machine *machine) {
    bool avx512 = target.has("avx512");
    machine->vector_bytes = avx512 ? 64 : target.has("avx") ? 32 : 16;
    machine->vector_registers = target.bits == 32 ? 8 : avx512 ? 32 : 16;
    machine->fma = target.has("fma") || target.has("fma4");
    machine->memory_broadcast = machine->masked_stores = avx512;
}

void set_registers(const Target &target, Machine *machine) {
    if (target.arch == Arch::x86)
        return set_x86_registers(target, machine);
    machine->vector_registers = target.bits == 64 ? 32 : 16;
    machine->fma = true; // VMLA of ARMv7 accumulates in place too
    if (target.arch != Arch::arm || target.has("no_neon")) {
        // No vectors: a "vector" is two scalars, in two registers.
        machine->vector_bytes = 8;
        machine->vector_registers /= 2;
        machine->fma = target.bits == 64;
    }
    machine->fma_ports = machine->load_ports = 1;
    if (target.arch == Arch::arm) {
        machine->spare_registers = target.bits == 64 ? 1 : 2;
        // 32 bits have lanes of half the registers only, and too few registers.
        machine->multiply_by_lane = target.bits == 64 && !target.has("no_neon");
    }
}

// Of multiprocessors, by the CUDA C++ Programming Guide.
struct GpuRow {
    int capability;
    int64_t threads, shared_kib, blocks;
};
constexpr std::array<GpuRow, 9> gpu_rows = {{{30, 2048, 48, 16},
                                             {32, 2048, 48, 16},
                                             {35, 2048, 48, 16},
                                             {50, 2048, 64, 32},
                                             {61, 2048, 96, 32},
                                             {70, 2048, 96, 32},
                                             {75, 1024, 64, 16},
                                             {80, 2048, 164, 32},
                                             {86, 1536, 100, 16}}};

Gpu gpu_for(const Target &target) {
    Gpu gpu;
    if (gpu_api(target) == GpuApi::opencl) {
        // Many devices take no larger work-groups.
        gpu.threads_per_block = 256;
        gpu.most_threads = {256, 256, 256};
        gpu.argument_bytes = 1024; // what every device takes
        return gpu;
    }
    gpu.capability = cuda_capability(target);
    gpu.dp4a = gpu.capability >= 61;
    if (gpu.capability == 30)
        gpu.registers_per_thread = 63;
    if (gpu.capability == 32)
        gpu.registers_per_block = 32768;
    for (const GpuRow &row : gpu_rows)
        if (row.capability == gpu.capability) {
            gpu.threads_per_multiprocessor = row.threads;
            gpu.shared_per_multiprocessor = row.shared_kib << 10;
            gpu.blocks_per_multiprocessor = row.blocks;
        }
    return gpu;
}

} // namespace

bool Target::has(std::string_view feature) const {
    return std::binary_search(features.begin(), features.end(), feature);
}

bool Target::operator==(const Target &o) const {
    return arch == o.arch && bits == o.bits && os == o.os && features == o.features && cpu == o.cpu;
}

std::optional<Target> parse_target(std::string_view text, std::string *problem) {
    auto fail = [&](std::string why) {
        if (problem)
            *problem = std::move(why);
        return std::nullopt;
    };
    if (text.find(',') != std::string_view::npos)
        return fail("this is a list; one target is meant here");
    if (text.size() > 1000)
        return fail("the target's text is too long");
    for (const KnownTarget &known : known_targets())
        if (text == known.name && text != "host")
            return parse_target(known.text, problem);

    auto words = split_words(text, '-');
    if (words.empty())
        return fail("the target is empty");
    Target target;
    if (words.front() == "host") {
        target = host_target();
        words.erase(words.begin());
    } else if (std::string why = parse_base(&words, &target, text); !why.empty()) {
        return fail(why);
    }
    for (std::string_view word : words) {
        if (!find_feature(word, target.arch))
            return fail(feature_problem(word, target));
        target.features.emplace_back(word);
    }
    close_features(target.features, target.arch);
    if (target.arch == Arch::arm && target.bits == 64 && target.has("no_neon"))
        return fail("`no_neon` is for ARM of 32 bits only");
    if (target.has("cuda") && target.has("opencl"))
        return fail("`cuda` and `opencl` make two targets, not one");
    if (gpu_api(target) != GpuApi::none && target.bits != 64)
        return fail("GPUs take a CPU of 64 bits");
    return target;
}

std::string target_text(const Target &target) {
    constexpr std::array<const char *, 4> archs = {"x86", "arm", "riscv", "wasm"};
    std::string text =
        archs[size_t(target.arch)] + "-"s + std::to_string(target.bits) + "-" + target.os;
    for (const std::string &feature : target.features)
        text += "-" + feature;
    return text;
}

GpuApi gpu_api(const Target &target) {
    if (target.has("cuda"))
        return GpuApi::cuda;
    return target.has("opencl") ? GpuApi::opencl : GpuApi::none;
}

int cuda_capability(const Target &target) {
    int capability = 0;
    for (const std::string &feature : target.features)
        if (feature.compare(0, capability_prefix.size(), capability_prefix) == 0)
            capability = std::max(capability, std::stoi(feature.substr(capability_prefix.size())));
    return capability == 0 && target.has("cuda") ? plain_cuda_capability : capability;
}

Target cpu_part(const Target &target) {
    Target part = target;
    auto is_gpu = [](const std::string &name) {
        return name == "opencl" || name.compare(0, 4, "cuda") == 0;
    };
    part.features.erase(std::remove_if(part.features.begin(), part.features.end(), is_gpu),
                        part.features.end());
    return part;
}

const std::vector<KnownTarget> &known_targets() {
    static const std::vector<KnownTarget> targets = {
        {"host", "host", "this machine, with every feature it has"},
        {"avx512-spr",
         "x86-64-linux-avx-avx2-avx512-avx512_cannonlake-avx512_sapphirerapids-avx512_skylake-f16c-"
         "fma-sse41",
         "Intel Xeon since Sapphire Rapids"},
        {"avx512", "x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41",
         "Intel Xeon since Skylake, AMD since Zen 4"},
        {"avx2", "x86-64-linux-avx-avx2-f16c-fma-sse41", "Intel since Haswell, AMD since Zen"},
        {"avx", "x86-64-linux-avx-sse41", "Intel since Sandy Bridge, AMD since Bulldozer"},
        {"sse41", "x86-64-linux-sse41", "every x86-64 since about 2008"},
        {"x86-64", "x86-64-linux", "every x86-64 (SSE2)"},
        {"x86-32", "x86-32-linux-sse41", "x86 of 32 bits with SSE4.1"},
        {"arm64", "arm-64-linux", "every 64-bit ARM (NEON)"},
        {"arm64-dot", "arm-64-linux-arm_dot_prod",
         "64-bit ARM since about 2018, with dot products"},
        {"arm32", "arm-32-linux", "ARMv7 with NEON, hard-float"},
        {"riscv64", "riscv-64-linux", "RV64GC, no vectors"},
        {"cuda", "x86-64-linux-cuda-cuda_capability_75", "NVIDIA GPUs since Turing (2018)"},
        {"arm64-cuda", "arm-64-linux-cuda-cuda_capability_70", "NVIDIA's Jetsons since Xavier"},
        {"opencl", "x86-64-linux-opencl", "OpenCL 2.0 with shared virtual memory"},
    };
    return targets;
}

const std::vector<KnownCpu> &known_cpus() {
    static const std::vector<KnownCpu> cpus = [] {
        std::vector<KnownCpu> known;
        for (const CpuRow &row : cpu_rows())
            known.push_back(row.known);
        return known;
    }();
    return cpus;
}

Machine machine_for(const Target &target) {
    Machine machine;
    machine.cores = 4; // where nothing is known: enough to make parallel loops worth having
    set_registers(target, &machine);
    Target host = host_target();
    bool is_host = target.arch == host.arch && target.bits == host.bits && target.os == host.os &&
                   target.features == host.features;
    if (is_host)
        machine.cores = allowed_cores();
    if (const CpuRow *cpu = find_cpu(target.cpu, target.arch)) {
        machine.fma_ports = cpu->fma_ports;
        machine.fma_latency = cpu->fma_latency;
        machine.load_ports = cpu->load_ports;
        machine.l1_bytes = cpu->l1 << 10;
        machine.l2_bytes = cpu->l2 << 10;
        machine.l3_bytes = cpu->l3_share << 10;
        machine.in_order = cpu->in_order;
    }
    // This machine's own word counts for more than a name's: virtual machines borrow names.
    if (is_host)
        read_caches("/sys/devices/system/cpu/cpu0/cache", &machine);
    // Only server cores have these features; they start two wide FMAs per cycle.
    if (target.has("avx512_sapphirerapids"))
        machine.fma_ports = 2;
    if (gpu_api(target) != GpuApi::none)
        machine.gpu = gpu_for(target);
    return machine;
}

} // namespace cnnc
