// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The machine cnnc runs on: its features from /proc/cpuinfo, its caches from /sys.
#include "compiler/target/features.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace cnnc {
namespace {

std::string read_text(const std::string &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "480K", "32M", in bytes; 0 when it is neither.
int64_t parse_size(const std::string &text) {
    char *end = nullptr;
    int64_t value = std::strtoll(text.c_str(), &end, 10);
    if (value <= 0 || value > (int64_t(1) << 40))
        return 0;
    if (*end == 'K')
        return value << 10;
    return *end == 'M' ? value << 20 : value;
}

// Members of a list like "0-3,8,10-11".
int count_cpus(const std::string &list) {
    int count = 0;
    for (std::string_view part : split_words(list, ',')) {
        std::string range(part);
        size_t dash = range.find('-');
        int first = std::atoi(range.c_str());
        int last = dash == std::string::npos ? first : std::atoi(range.c_str() + dash + 1);
        count += std::clamp(last - first + 1, 0, 1 << 16);
    }
    return std::clamp(count, 1, 1 << 16);
}

Arch built_for() {
#if defined(__aarch64__) || defined(__arm__)
    return Arch::arm;
#elif defined(__riscv)
    return Arch::riscv;
#else
    return Arch::x86;
#endif
}

const std::vector<std::string> &host_flags() {
    static const std::vector<std::string> flags = cpuinfo_flags(read_text("/proc/cpuinfo"));
    return flags;
}

} // namespace

std::vector<std::string> cpuinfo_flags(std::string_view cpuinfo) {
    for (std::string_view line : split_words(cpuinfo, '\n')) {
        if (line.substr(0, 5) != "flags" && line.substr(0, 8) != "Features")
            continue;
        size_t colon = line.find(':');
        std::vector<std::string> flags;
        for (std::string_view word : split_words(line.substr(std::min(colon, line.size() - 1) + 1)))
            flags.emplace_back(word);
        std::sort(flags.begin(), flags.end());
        return flags;
    }
    return {};
}

Target host_target() {
    Target target;
    target.arch = built_for();
    target.bits = int(sizeof(void *)) * 8;
    target.features = features_from_flags(host_flags(), target.arch);
    return target;
}

bool runs_here(const Target &target) {
    Target host = host_target();
    if (target.arch != host.arch || target.bits != host.bits || target.os != host.os)
        return false;
    auto lacks = [&](std::string_view flag) {
        return !std::binary_search(host_flags().begin(), host_flags().end(), flag);
    };
    auto feature_missing = [&](std::string_view name) {
        const FeatureRow *row = find_feature(name, target.arch);
        return row && !row->cpu_flags.empty() && !host.has(name);
    };
    if (std::any_of(target.features.begin(), target.features.end(), feature_missing))
        return false;
    // Naming a CPU lets LLVM use everything that CPU has.
    const CpuRow *cpu = find_cpu(target.cpu, target.arch);
    if (!cpu)
        return true;
    std::vector<std::string> needs;
    for (std::string_view feature : split_words(cpu->features))
        needs.emplace_back(feature);
    close_features(needs, target.arch);
    auto flags = split_words(cpu->cpu_flags);
    return std::none_of(needs.begin(), needs.end(), feature_missing) &&
           std::none_of(flags.begin(), flags.end(), lacks);
}

void read_caches(const std::string &folder, Machine *machine) {
    // A virtual machine often sees the L3 of the whole host as its own, which it shares with
    // strangers; and a core that counts on more than its slice counts on idle neighbours.
    constexpr int64_t most_l3_share = 2 << 20;
    for (int index = 0; index < 16; index++) {
        std::string cache = folder + "/index" + std::to_string(index) + "/";
        std::string type = read_text(cache + "type");
        int64_t bytes = parse_size(read_text(cache + "size"));
        int level = std::atoi(read_text(cache + "level").c_str());
        if (bytes <= 0 || type.substr(0, 11) == "Instruction")
            continue;
        int sharers = count_cpus(read_text(cache + "shared_cpu_list"));
        if (level == 1)
            machine->l1_bytes = std::clamp<int64_t>(bytes, 4 << 10, 1 << 20);
        else if (level == 2) // two sharers are most often two threads of one core
            machine->l2_bytes =
                std::clamp<int64_t>(bytes / ((sharers + 1) / 2), 32 << 10, 16 << 20);
        else if (level == 3)
            machine->l3_bytes = std::min(bytes / sharers, most_l3_share);
    }
}

} // namespace cnnc
