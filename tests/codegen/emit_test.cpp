// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Machine code for targets: instructions follow features, bytes follow the module alone.
#include "compiler/codegen/driver_codegen.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/hash.h"
#include "compiler/codegen/llvm_versions.h"
#include "compiler/target/features.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <gtest/gtest.h>

#include <set>

namespace cnnc {
namespace {

Target target(std::string_view text) {
    return parse_target(text, nullptr).value();
}

// float f(float a, float b, float c) { return a * b + c; }, as clang would have marked it for
// another CPU.
std::unique_ptr<llvm::Module> multiply_add(llvm::LLVMContext &context) {
    auto module = std::make_unique<llvm::Module>("test", context);
    llvm::Type *f32 = llvm::Type::getFloatTy(context);
    auto *type = llvm::FunctionType::get(f32, {f32, f32, f32}, false);
    auto *function =
        llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, "f", module.get());
    function->addFnAttr("target-cpu", "pentium");
    function->addFnAttr("target-features", "-sse");
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", function));
    llvm::Value *product = b.CreateFMul(function->getArg(0), function->getArg(1));
    b.CreateRet(b.CreateFAdd(product, function->getArg(2)));
    return module;
}

std::string assembly(const Target &target) {
    llvm::LLVMContext context;
    return emit_assembly(*multiply_add(context), target);
}

TEST(Emit, InstructionsFollowFeatures) {
    EXPECT_NE(assembly(target("avx2")).find("vfmadd"), std::string::npos);
    EXPECT_NE(assembly(target("avx")).find("vmulss"), std::string::npos);
    EXPECT_EQ(assembly(target("avx")).find("vfmadd"), std::string::npos);
    EXPECT_NE(assembly(target("sse41")).find("\tmulss"), std::string::npos);
    EXPECT_NE(assembly(target("arm64")).find("fmadd"), std::string::npos);
    EXPECT_NE(assembly(target("arm32")).find("vmla.f32"), std::string::npos);
    EXPECT_NE(assembly(target("riscv64")).find("fmadd.s"), std::string::npos);
}

TEST(Emit, ACpuBringsItsFeatures) {
    Target base = target("x86-64");
    EXPECT_EQ(assembly(base).find("vfmadd"), std::string::npos);
    base.cpu = "haswell";
    EXPECT_NE(assembly(base).find("vfmadd"), std::string::npos);
}

TEST(Emit, EveryKnownTargetGivesTheSameObjectTwice) {
    for (const KnownTarget &known : known_targets()) {
        std::string objects[2];
        for (std::string &object : objects) {
            llvm::LLVMContext context;
            object = emit_object(*multiply_add(context), target(known.name));
        }
        EXPECT_EQ(objects[0].substr(1, 3), "ELF") << known.name;
        EXPECT_EQ(objects[0], objects[1]) << known.name;
    }
}

TEST(Emit, KnowsLlvmsCpus) {
    EXPECT_TRUE(is_llvm_cpu(target("avx2"), ""));
    EXPECT_TRUE(is_llvm_cpu(target("avx2"), "znver3"));
    EXPECT_FALSE(is_llvm_cpu(target("avx2"), "cortex-a72"));
    EXPECT_FALSE(is_llvm_cpu(target("arm64"), "znver3"));
    EXPECT_FALSE(is_llvm_cpu(target("avx2"), "no-such-cpu"));
    // LLVM ends the process, or crashes, over code that the CPU has no mode for.
    EXPECT_FALSE(is_llvm_cpu(target("avx2"), "pentium"));
    EXPECT_TRUE(is_llvm_cpu(target("x86-32"), "pentium"));
    EXPECT_FALSE(is_llvm_cpu(target("arm32"), "cortex-m0"));
    EXPECT_FALSE(is_llvm_cpu(target("riscv64"), "generic-rv32"));
    for (const CpuRow &row : cpu_rows()) {
        Target t = target(row.known.arch == Arch::arm ? "arm64" : "x86-64");
        if (row.known.name == "cortex-a7")
            t = target("arm32");
        EXPECT_TRUE(is_llvm_cpu(t, row.known.name)) << row.known.name;
    }
}

TEST(Emit, TheHostsCpuRunsHere) {
    Target host = host_target();
    host.cpu = host_cpu_name();
    EXPECT_TRUE(is_llvm_cpu(host, host.cpu)) << host.cpu;
    EXPECT_TRUE(runs_here(host)) << host.cpu;
}

int bits(uint64_t mask) {
    return __builtin_popcountll(mask);
}

TEST(RequiredCpuFeatures, GrowWithTheTarget) {
    EXPECT_EQ(required_cpu_features(target("x86-64")), 0u);
    uint64_t sse41 = required_cpu_features(target("sse41"));
    uint64_t avx2 = required_cpu_features(target("avx2"));
    uint64_t avx512 = required_cpu_features(target("avx512"));
    EXPECT_EQ(bits(sse41), 2); // and SSSE3
    EXPECT_EQ(sse41 & avx2, sse41);
    EXPECT_EQ(avx2 & avx512, avx2);
    EXPECT_EQ(bits(avx512) - bits(avx2), 5); // F, CD, VL, BW, DQ
    Target vnni = target("avx512");
    vnni.cpu = "cascadelake";
    EXPECT_EQ(bits(required_cpu_features(vnni)) - bits(avx512), 1);
    EXPECT_EQ(bits(required_cpu_features(target("arm64"))), 1);
    EXPECT_EQ(bits(required_cpu_features(target("arm64-dot"))), 2);
    EXPECT_EQ(required_cpu_features(target("riscv64")), 0u);
}

// The three lists of features (the target room's, LLVM's attributes, the run time's) agree.
TEST(RequiredCpuFeatures, EveryFeatureOfATargetIsChecked) {
    for (const FeatureRow &row : feature_rows()) {
        if (row.name == "no_neon" || row.name == "armv7s")
            continue;
        if (row.name == "avx512_knl" && !feature_is_known("avx512er"))
            continue;
        std::string base = row.arch == Arch::arm ? "arm-64-linux" : "x86-64-linux";
        std::string without = base, with = base + "-" + std::string(row.name);
        for (std::string_view implied : split_words(row.implies))
            without += "-" + std::string(implied);
        EXPECT_GT(bits(required_cpu_features(target(with))),
                  bits(required_cpu_features(target(without))))
            << row.name;
    }
}

TEST(ReleaseProblem, OnlyOfTargetsThatNewerReleasesGaveUp) {
    for (const char *fine : {"x86-64", "sse41", "avx2", "avx512", "arm64", "arm64-dot", "arm32"})
        EXPECT_EQ(release_problem(target(fine)), "") << fine;
    EXPECT_EQ(release_problem(target("riscv64")).empty(), riscv_compiles);
    EXPECT_EQ(release_problem(target("x86-64-linux-avx-avx2-avx512-f16c-fma-sse41")).empty(),
              early_avx512_compiles);
}

TEST(Hash, OfTextIsSha1) {
    EXPECT_EQ(hash128_hex("abc"), "a9993e364706816aba3e25717850c26c");
    EXPECT_EQ(hash128_hex(""), "da39a3ee5e6b4b0d3255bfef95601890");
}

TEST(Hash, OfDataSeesEveryByteAndTheLength) {
    std::set<uint64_t> seen;
    std::string data(100, '\0');
    for (size_t size = 0; size <= data.size(); size++)
        EXPECT_TRUE(seen.insert(hash64(data.data(), size)).second) << size;
    for (char &byte : data) {
        byte = 1;
        EXPECT_TRUE(seen.insert(hash64(data.data(), data.size())).second);
        byte = 0;
    }
    EXPECT_EQ(hash64(data.data(), 100), hash64(std::string(100, '\0').data(), 100));
    EXPECT_NE(hash64(data.data(), 100), hash64(data.data(), 100, 1));
}

} // namespace
} // namespace cnnc
