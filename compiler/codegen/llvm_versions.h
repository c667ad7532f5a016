// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The shim over the versions of LLVM we build against (14 to 21): what is spelt differently, and
// what some cannot do.
#pragma once

#include <llvm/ADT/StringMap.h>
#include <llvm/ADT/StringRef.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/Target/TargetMachine.h>
#if LLVM_VERSION_MAJOR >= 17
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/Triple.h>
#else
#include <llvm/ADT/Triple.h>
#include <llvm/Support/Host.h>
#endif

#include <string>
#include <string_view>

namespace cnnc {

#if LLVM_VERSION_MAJOR >= 18
using FileType = llvm::CodeGenFileType;
constexpr FileType object_file = llvm::CodeGenFileType::ObjectFile;
constexpr FileType assembly_file = llvm::CodeGenFileType::AssemblyFile;
constexpr auto aggressive = llvm::CodeGenOptLevel::Aggressive;
#else
using FileType = llvm::CodeGenFileType;
constexpr FileType object_file = llvm::CGFT_ObjectFile;
constexpr FileType assembly_file = llvm::CGFT_AssemblyFile;
constexpr auto aggressive = llvm::CodeGenOpt::Aggressive;
#endif

// Triples were passed as strings until 20.
#if LLVM_VERSION_MAJOR >= 21
inline llvm::Triple triple_argument(const std::string &triple) {
    return llvm::Triple(triple);
}
#else
inline const std::string &triple_argument(const std::string &triple) {
    return triple;
}
#endif

// Pointers had the type of what they point at until 15.
inline llvm::PointerType *pointer_to(llvm::Type *type) {
#if LLVM_VERSION_MAJOR >= 15
    return llvm::PointerType::get(type->getContext(), 0);
#else
    return llvm::PointerType::get(type, 0);
#endif
}

// Where ORC has put what its lookup found, spelt otherwise until 16.
template <typename Found>
uintptr_t symbol_address(const Found &found) {
#if LLVM_VERSION_MAJOR >= 17
    return uintptr_t(found.getAddress().getValue());
#else
    return uintptr_t(found.getAddress());
#endif
}

// The function at what LLJIT's lookup found, which was a symbol until 15.
template <typename Function, typename Found>
Function function_at(Found found) {
#if LLVM_VERSION_MAJOR >= 15
    return found.template toPtr<Function>();
#else
    return reinterpret_cast<Function>(found.getAddress());
#endif
}

// StringRef's own was spelt startswith until 16.
inline bool starts_with(llvm::StringRef text, llvm::StringRef prefix) {
    return text.take_front(prefix.size()) == prefix;
}

// Of this machine; empty when they cannot be told.
inline llvm::StringMap<bool> host_cpu_features() {
#if LLVM_VERSION_MAJOR >= 19
    return llvm::sys::getHostCPUFeatures();
#else
    llvm::StringMap<bool> features;
    return llvm::sys::getHostCPUFeatures(features) ? features : llvm::StringMap<bool>();
#endif
}

// Features of Knights Landing, which 19 dropped.
inline bool feature_is_known(const std::string &name) {
    return LLVM_VERSION_MAJOR < 19 || (name != "avx512er" && name != "avx512pf");
}
constexpr std::string_view knights_landing_features =
    LLVM_VERSION_MAJOR < 19 ? "+avx512er,+avx512pf" : "+avx512f,+avx512cd";

// 19 and 21 fail to select masked loads for AVX-512 without what Skylake added; 14 does not.
constexpr bool early_avx512_compiles = LLVM_VERSION_MAJOR < 19;

// Halide 19 and 21 take no RISC-V without vectors of a known length; 14 does.
constexpr bool riscv_compiles = CNNC_HALIDE_MAJOR < 15;

} // namespace cnnc
