// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a kernel's object holds: one weak, hidden function that needs nothing but the C library, and
// the same bytes each time.
#include "compiler/codegen/kernel.h"

#include "compiler/codegen/service.h"
#include "schedules/family.h"
#include "tests/schedules/machines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace cnnc {
namespace {

const char *const avx512 = "x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41";
const char *const avx2 = "x86-64-linux-avx-avx2-f16c-fma-sse41";

const char *const conv =
    "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 56, 56] -> relu -> f32[1, 64, 56, 56]";

KernelRequest request(const std::string &workload, const char *target) {
    KernelRequest r;
    r.workload = parse_workload(workload).value();
    r.target = parse_target(target, nullptr).value();
    r.schedule = default_schedule(r.workload, server_with(r.target, 4));
    return r;
}

// Every family, with what needs help from outside: exponentials, large scratch memory, threads.
std::vector<KernelRequest> every_family() {
    std::vector<KernelRequest> requests;
    for (const char *target : {avx512, avx2, "x86-64-linux", "arm-64-linux", "arm-32-linux"})
        for (const char *workload : {
                 conv,
                 "conv2d(24, kernel=[7, 7], stride=[2, 2], padding=[[3, 3], [3, 3]], "
                 "dilation=[1, 1], groups=1, bias=true) f32[1, 3, 40, 40]@nchw -> "
                 "silu -> f32[1, 24, 20, 20]",
                 "conv2d(6, kernel=[5, 5], stride=[1, 1], padding=[[2, 2], [2, 2]], "
                 "dilation=[1, 1], groups=1, bias=true) f32[1, 1, 28, 28]@nchw -> "
                 "tanh -> f32[1, 6, 28, 28]@nchw",
                 "conv2d(40, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
                 "dilation=[1, 1], groups=40, bias=true) f32[1, 40, 30, 30] -> "
                 "relu6 -> f32[1, 40, 30, 30]",
                 "linear(100, bias=true) f32[3, 200] -> sigmoid -> f32[3, 100]",
                 "max_pool2d(kernel=[3, 3], stride=[2, 2], padding=[[1, 1], [1, 1]], "
                 "dilation=[1, 1], ceil_mode=false) f32[1, 20, 31, 31] -> "
                 "f32[1, 20, 16, 16]",
                 "softmax(dim=1) f32[4, 3000] -> f32[4, 3000]",
                 "identity f32[1, 64, 60, 60]@nchw -> tanh -> f32[1, 64, 60, 60]",
                 "identity f32[500] -> erf -> sin -> pow(2.5) -> log -> cast(i64) -> i64[500]",
                 "matmul f32[2, 30, 40], f32[2, 40, 64] -> gelu -> f32[2, 30, 64]",
                 "sample(kind=weighted_sum, dims=[2, 3], fill=0.0) u8[1, 3, 20, 20], i32[40, 2], "
                 "f32[40, 2], i32[40, 2], f32[40, 2] -> softplus -> f32[1, 3, 40, 40]",
             })
            requests.push_back(request(workload, target));
    return requests;
}

std::vector<KernelResult> compiled(const std::vector<KernelRequest> &requests) {
    ServiceOptions options;
    options.use_cache = false;
    return compile_kernels(requests, options);
}

// ---- objects ----

struct Symbols {
    std::vector<std::string> defined; // for others: global or weak
    std::vector<unsigned char> visibility, binding;
    std::set<std::string> missing;
    std::set<std::string> functions; // of any binding
};

template <typename Header, typename Section, typename Symbol>
Symbols read_symbols(const std::string &object) {
    Symbols found;
    Header header;
    std::memcpy(&header, object.data(), sizeof header);
    auto section = [&](size_t i) {
        Section s;
        std::memcpy(&s, object.data() + header.e_shoff + i * sizeof s, sizeof s);
        return s;
    };
    for (size_t i = 0; i < header.e_shnum; ++i) {
        const Section table = section(i);
        if (table.sh_type != SHT_SYMTAB)
            continue;
        const Section names = section(table.sh_link);
        for (size_t at = sizeof(Symbol); at < table.sh_size; at += sizeof(Symbol)) {
            Symbol s;
            std::memcpy(&s, object.data() + table.sh_offset + at, sizeof s);
            const std::string name = object.data() + names.sh_offset + s.st_name;
            const unsigned char binding = s.st_info >> 4;
            if ((s.st_info & 15) == STT_FUNC)
                found.functions.insert(name);
            if (s.st_shndx == SHN_UNDEF) {
                found.missing.insert(name);
            } else if (binding != STB_LOCAL) {
                found.defined.push_back(name);
                found.binding.push_back(binding);
                found.visibility.push_back(s.st_other & 3);
            }
        }
    }
    return found;
}

Symbols symbols_of(const std::string &object) {
    return object.at(EI_CLASS) == ELFCLASS64
               ? read_symbols<Elf64_Ehdr, Elf64_Shdr, Elf64_Sym>(object)
               : read_symbols<Elf32_Ehdr, Elf32_Shdr, Elf32_Sym>(object);
}

TEST(KernelObject, HasOneWeakHiddenFunctionAndNeedsOnlyTheCLibrary) {
    const std::set<std::string> allowed = {
        "memset", "memcpy", "_GLOBAL_OFFSET_TABLE_",
        // The EABI's names of memset and memcpy.
        "__aeabi_memset", "__aeabi_memset4", "__aeabi_memset8", "__aeabi_memclr", "__aeabi_memclr4",
        "__aeabi_memclr8", "__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memcpy8",
        // Float to 64-bit integer, of the compiler's own library, which every linker adds.
        "__aeabi_f2lz"};
    const auto requests = every_family();
    const auto results = compiled(requests);
    std::set<std::string> families_met;
    bool parallel = false, scratch = false;
    for (size_t i = 0; i < results.size(); ++i) {
        SCOPED_TRACE(workload_text(requests[i].workload) + "\n" + target_text(requests[i].target));
        ASSERT_EQ(results[i].failure, "");
        const CompiledKernel &kernel = results[i].kernel;
        families_met.insert(requests[i].schedule.family);
        parallel |= kernel.parallel;
        scratch |= kernel.scratch_bytes > 0;
        const Symbols symbols = symbols_of(kernel.object);
        ASSERT_EQ(symbols.defined.size(), 1u) << fmt::format("{}", fmt::join(symbols.defined, " "));
        EXPECT_EQ(symbols.defined[0], kernel_symbol(requests[i]));
        EXPECT_EQ(symbols.binding[0], STB_WEAK);
        EXPECT_EQ(symbols.visibility[0], STV_HIDDEN);
        for (const std::string &name : symbols.missing)
            EXPECT_TRUE(allowed.count(name)) << name;
        for (const std::string &name : symbols.functions)
            EXPECT_EQ(name.find("halide_"), std::string::npos) << name;
        EXPECT_EQ(kernel.scratch_bytes % 64, 0);
    }
    const auto for_cpus = std::count_if(families().begin(), families().end(),
                                        [](const Family &family) { return !family.gpu; });
    EXPECT_EQ(families_met.size(), size_t(for_cpus));
    EXPECT_TRUE(parallel && scratch);
}

TEST(KernelObject, IsTheSameEachTime) {
    std::vector<KernelRequest> requests = every_family();
    requests.resize(requests.size() / 5); // one target's
    const auto first = compiled(requests);
    const auto second = compiled(requests);
    for (size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(first[i].failure, "");
        EXPECT_TRUE(first[i].kernel.object == second[i].kernel.object) << i;
    }
}

TEST(KernelKey, DependsOnAllOfTheRequest) {
    const KernelRequest base = request(conv, avx2);
    std::set<std::string> symbols = {kernel_symbol(base)};
    KernelRequest other = base;
    other.target.cpu = "haswell";
    EXPECT_TRUE(symbols.insert(kernel_symbol(other)).second);
    other = base;
    other.target = parse_target(avx512, nullptr).value();
    EXPECT_TRUE(symbols.insert(kernel_symbol(other)).second);
    other = base;
    other.schedule.set("rows", base.schedule.integer("rows") + 1);
    EXPECT_TRUE(symbols.insert(kernel_symbol(other)).second);
    other = base;
    other.aligned = true;
    EXPECT_TRUE(symbols.insert(kernel_symbol(other)).second);
    other = base;
    other.workload.epilogue.clear();
    EXPECT_TRUE(symbols.insert(kernel_symbol(other)).second);
    EXPECT_EQ(kernel_symbol(request(conv, avx2)), kernel_symbol(base));
}

} // namespace
} // namespace cnnc
