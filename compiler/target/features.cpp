// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The tables: which features there are, what they imply, and what is known of common CPUs.
#include "compiler/target/features.h"

#include <algorithm>

namespace cnnc {

const std::vector<FeatureRow> &feature_rows() {
    // Vectors of 512 bits come with AVX2, FMA and F16C on every CPU that has them; AVX2 comes with
    // the scalar instructions of Haswell, which LLVM then uses too.
    static const std::vector<FeatureRow> rows = {
        {"sse41", Arch::x86, "", "sse4_1 ssse3"},
        {"avx", Arch::x86, "sse41", "avx"},
        {"avx2", Arch::x86, "avx", "avx2 abm bmi1 bmi2 movbe popcnt"},
        {"fma", Arch::x86, "avx", "fma"},
        {"fma4", Arch::x86, "avx", "fma4"},
        {"f16c", Arch::x86, "avx", "f16c"},
        {"avx512", Arch::x86, "avx2 fma f16c", "avx512f avx512cd"},
        {"avx512_knl", Arch::x86, "avx512", "avx512er avx512pf"},
        {"avx512_skylake", Arch::x86, "avx512", "avx512vl avx512bw avx512dq"},
        {"avx512_cannonlake", Arch::x86, "avx512_skylake", "avx512ifma avx512vbmi"},
        {"avx512_sapphirerapids", Arch::x86, "avx512_cannonlake", "avx512_vnni avx512_bf16"},
        {"armv7s", Arch::arm, "", "vfpv4"},
        {"armv81a", Arch::arm, "", "atomics asimdrdm"},
        {"arm_dot_prod", Arch::arm, "", "asimddp"},
        {"arm_fp16", Arch::arm, "", "fphp asimdhp"},
        {"no_neon", Arch::arm, "", ""},
        {"sve", Arch::arm, "", "sve"},
        {"sve2", Arch::arm, "sve", "sve2"},
    };
    return rows;
}

const std::vector<FeatureRow> &gpu_feature_rows() {
    // The capabilities are those that Halide 14 knows; newer GPUs run code for older ones.
    static const std::vector<FeatureRow> rows = [] {
        std::vector<FeatureRow> all;
        for (Arch arch : {Arch::x86, Arch::arm}) {
            for (std::string_view name : {"cuda", "opencl"})
                all.push_back({name, arch, "", ""});
            for (std::string_view name :
                 {"cuda_capability_30", "cuda_capability_32", "cuda_capability_35",
                  "cuda_capability_50", "cuda_capability_61", "cuda_capability_70",
                  "cuda_capability_75", "cuda_capability_80", "cuda_capability_86"})
                all.push_back({name, arch, "cuda", ""});
        }
        return all;
    }();
    return rows;
}

const FeatureRow *find_feature(std::string_view name, Arch arch) {
    for (const auto *rows : {&feature_rows(), &gpu_feature_rows()})
        for (const FeatureRow &row : *rows)
            if (row.name == name && row.arch == arch)
                return &row;
    return nullptr;
}

namespace {

constexpr std::string_view avx2 = "avx2 fma f16c";
constexpr std::string_view armv82 = "arm_dot_prod arm_fp16 armv81a";
constexpr std::string_view haswell_flags = "popcnt abm bmi1 bmi2 movbe";
constexpr std::string_view cascadelake_flags = "popcnt abm bmi1 bmi2 movbe avx512_vnni";
constexpr std::string_view icelake_flags =
    "popcnt abm bmi1 bmi2 movbe avx512_vnni avx512_vbmi2 avx512_bitalg avx512_vpopcntdq gfni vaes "
    "vpclmulqdq";
constexpr std::string_view sapphirerapids_flags =
    "popcnt abm bmi1 bmi2 movbe avx512_vbmi2 avx512_bitalg avx512_vpopcntdq gfni vaes vpclmulqdq "
    "avx_vnni avx512_fp16";
constexpr std::string_view alderlake_flags =
    "popcnt abm bmi1 bmi2 movbe gfni vaes vpclmulqdq avx_vnni";
constexpr std::string_view zen_flags = "popcnt abm bmi1 bmi2 movbe sse4a";
constexpr std::string_view zen3_flags = "popcnt abm bmi1 bmi2 movbe sse4a vaes vpclmulqdq";

} // namespace

const std::vector<CpuRow> &cpu_rows() {
    // Ports and latencies: of FMAs of the widest vectors the features allow (vendors' optimization
    // guides and uops.info); loads per cycle of such vectors. The L3 share is the CPU's slice per
    // core in its usual server or desktop form; where a last-level cache is shared by a cluster, a
    // core's part of it.
    // clang-format off
    static const std::vector<CpuRow> rows = {
        {{"nehalem", Arch::x86, "Intel Core i7 of 2008, SSE4.1"}, "sse41", "popcnt",
         1, 5, 1, 32, 256, 2048},
        {{"sandybridge", Arch::x86, "Intel Core of 2011, AVX"}, "avx", "popcnt",
         1, 5, 2, 32, 256, 2048},
        {{"haswell", Arch::x86, "Intel Core and Xeon of 2013, AVX2"}, avx2, haswell_flags,
         2, 5, 2, 32, 256, 2048},
        {{"skylake", Arch::x86, "Intel Core of 2015, AVX2"}, avx2, haswell_flags,
         2, 4, 2, 32, 256, 2048},
        {{"skylake-avx512", Arch::x86, "Intel Xeon of 2017, AVX-512"},
         "avx512_skylake", haswell_flags,
         2, 4, 2, 32, 1024, 1408},
        {{"cascadelake", Arch::x86, "Intel Xeon of 2019, AVX-512 VNNI"},
         "avx512_skylake", cascadelake_flags,
         2, 4, 2, 32, 1024, 1408},
        {{"icelake-server", Arch::x86, "Intel Xeon of 2021, AVX-512 VNNI"},
         "avx512_cannonlake", icelake_flags,
         2, 4, 2, 48, 1280, 1536},
        {{"rocketlake", Arch::x86, "Intel Core of 2021, AVX-512 VNNI"},
         "avx512_cannonlake", icelake_flags,
         1, 4, 2, 48, 512, 2048},
        {{"sapphirerapids", Arch::x86, "Intel Xeon of 2023, AVX-512 BF16"},
         "avx512_sapphirerapids", sapphirerapids_flags,
         2, 4, 2, 48, 2048, 1920},
        {{"alderlake", Arch::x86, "Intel Core of 2021, AVX2"}, avx2, alderlake_flags,
         2, 4, 2, 32, 1280, 2048},
        {{"znver1", Arch::x86, "AMD Zen, AVX2 in halves"}, avx2, zen_flags, 1, 5, 2, 32, 512, 2048},
        {{"znver2", Arch::x86, "AMD Zen 2, AVX2"}, avx2, zen_flags, 2, 5, 2, 32, 512, 4096},
        {{"znver3", Arch::x86, "AMD Zen 3, AVX2"}, avx2, zen3_flags, 2, 4, 2, 32, 512, 4096},
        {{"cortex-a7", Arch::arm, "Cortex-A7, 32 bits"}, "", "neon vfpv4", 1, 8, 1, 32, 128, 0, true},
        {{"cortex-a53", Arch::arm, "Cortex-A53 (Raspberry Pi 3)"}, "", "asimd", 1, 8, 1, 32, 128, 0, true},
        {{"cortex-a55", Arch::arm, "Cortex-A55"}, armv82, "asimd", 1, 4, 1, 32, 128, 256, true},
        {{"cortex-a72", Arch::arm, "Cortex-A72 (Raspberry Pi 4, Graviton)"}, "", "asimd",
         1, 7, 1, 32, 256, 0},
        {{"cortex-a76", Arch::arm, "Cortex-A76 (Raspberry Pi 5)"}, armv82, "asimd",
         2, 4, 2, 64, 512, 512},
        {{"neoverse-n1", Arch::arm, "Neoverse N1 (Graviton 2, Altra)"}, armv82, "asimd",
         2, 4, 2, 64, 1024, 512},
        {{"neoverse-v1", Arch::arm, "Neoverse V1 (Graviton 3)"},
         "arm_dot_prod arm_fp16 armv81a sve", "asimd i8mm bf16",
         4, 4, 2, 64, 1024, 512},
        {{"apple-m1", Arch::arm, "Apple M1's big cores, under Linux"}, armv82, "asimd",
         4, 4, 3, 128, 3072, 0},
    };
    // clang-format on
    return rows;
}

const CpuRow *find_cpu(std::string_view name, Arch arch) {
    for (const CpuRow &row : cpu_rows())
        if (row.known.name == name && row.known.arch == arch)
            return &row;
    return nullptr;
}

std::vector<std::string_view> split_words(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        size_t end = std::min(text.find(separator), text.size());
        if (end > 0)
            words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

void close_features(std::vector<std::string> &features, Arch arch) {
    // The vector grows while it is walked: what is implied may imply more.
    for (size_t i = 0; i < features.size(); i++) {
        const FeatureRow *row = find_feature(features[i], arch);
        for (std::string_view implied : split_words(row ? row->implies : ""))
            if (std::find(features.begin(), features.end(), implied) == features.end())
                features.emplace_back(implied);
    }
    std::sort(features.begin(), features.end());
    features.erase(std::unique(features.begin(), features.end()), features.end());
}

std::vector<std::string> features_from_flags(const std::vector<std::string> &flags, Arch arch) {
    std::vector<std::string> found;
    auto has_flag = [&](std::string_view flag) {
        return std::find(flags.begin(), flags.end(), flag) != flags.end();
    };
    // Rows stand behind what they imply, so one walk is enough.
    for (const FeatureRow &row : feature_rows()) {
        auto flag_names = split_words(row.cpu_flags), implied = split_words(row.implies);
        bool has_flags = std::all_of(flag_names.begin(), flag_names.end(), has_flag);
        bool has_implied = std::all_of(implied.begin(), implied.end(), [&](std::string_view f) {
            return std::find(found.begin(), found.end(), f) != found.end();
        });
        if (row.arch == arch && !flag_names.empty() && has_flags && has_implied)
            found.emplace_back(row.name);
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string nearest_word(std::string_view word, const std::vector<std::string> &candidates) {
    std::string best;
    size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
    for (const std::string &candidate : candidates) {
        std::vector<size_t> row(candidate.size() + 1);
        for (size_t j = 0; j < row.size(); j++)
            row[j] = j;
        for (size_t i = 1; i <= word.size(); i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j < row.size(); j++) {
                size_t changed = diagonal + (word[i - 1] != candidate[j - 1]);
                diagonal = row[j];
                row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

} // namespace cnnc
