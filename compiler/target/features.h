// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inside the target room: the tables of CPU features and CPUs, and how the running machine is read.
// Functions take the text of the system's files, so that tests can feed them other machines'.
#pragma once

#include "compiler/target/target.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// One feature of Halide's notation that describes a CPU.
struct FeatureRow {
    std::string_view name;
    Arch arch;
    std::string_view implies;   // names, separated by spaces; direct implications only
    std::string_view cpu_flags; // as /proc/cpuinfo spells them: all are needed to run it
};
const std::vector<FeatureRow> &feature_rows();
const std::vector<FeatureRow> &gpu_feature_rows();
const FeatureRow *find_feature(std::string_view name, Arch arch);

// One CPU by LLVM's name.
struct CpuRow {
    KnownCpu known;
    std::string_view features; // Halide's, direct ones; closed under implication by the reader
    // What else LLVM uses unasked once told this CPU, as /proc/cpuinfo spells it.
    std::string_view cpu_flags;
    int fma_ports, fma_latency, load_ports;
    int64_t l1, l2, l3_share; // KiB
    bool in_order = false;
};
const std::vector<CpuRow> &cpu_rows();
const CpuRow *find_cpu(std::string_view name, Arch arch);

std::vector<std::string_view> split_words(std::string_view text, char separator = ' ');
// Adds everything implied, sorts and removes duplicates.
void close_features(std::vector<std::string> &features, Arch arch);

// The sorted words of the first "flags" (x86) or "Features" (ARM) line of /proc/cpuinfo.
std::vector<std::string> cpuinfo_flags(std::string_view cpuinfo);
// The features whose flags, and whose implied features' flags, are all there.
std::vector<std::string> features_from_flags(const std::vector<std::string> &flags, Arch arch);
// The nearest of `candidates` by edit distance, or "" when none is near enough to suggest.
std::string nearest_word(std::string_view word, const std::vector<std::string> &candidates);

// Sets l1, l2 and l3 from a folder like /sys/devices/system/cpu/cpu0/cache; what is missing or
// makes no sense stays as it is.
void read_caches(const std::string &folder, Machine *machine);

} // namespace cnnc
