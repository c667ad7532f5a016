// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Target machines from targets, and objects and assembly from modules.
#include "compiler/codegen/emit.h"

#include "compiler/codegen/llvm_versions.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace cnnc {
namespace {

struct FeatureAttribute {
    std::string_view halide, llvm;
};
constexpr std::array<FeatureAttribute, 17> attributes = {{
    {"sse41", "+sse4.1"},
    {"avx", "+avx"},
    {"avx2", "+avx2"},
    {"fma", "+fma"},
    {"fma4", "+fma4"},
    {"f16c", "+f16c"},
    {"avx512", "+avx512f,+avx512cd"},
    {"avx512_knl", knights_landing_features},
    {"avx512_skylake", "+avx512vl,+avx512bw,+avx512dq"},
    {"avx512_cannonlake", "+avx512ifma,+avx512vbmi"},
    {"avx512_sapphirerapids", "+avx512vnni,+avx512bf16"},
    {"armv7s", "+vfp4"},
    {"armv81a", "+v8.1a"},
    {"arm_dot_prod", "+dotprod"},
    {"arm_fp16", "+fullfp16"},
    {"sve", "+sve"},
    {"sve2", "+sve2"},
}};

// What LLVM uses unasked once told a CPU: a CPU whose name promises one of these that the machine
// lacks must not be named. (Others, as for virtualization or encryption, need an intrinsic.)
constexpr std::array<const char *, 32> unasked_x86_features = {
    "+cmov",       "+popcnt",     "+sse4.1",       "+sse4.2",
    "+sse4a",      "+avx",        "+avx2",         "+fma",
    "+fma4",       "+xop",        "+tbm",          "+f16c",
    "+lzcnt",      "+bmi",        "+bmi2",         "+movbe",
    "+avx512f",    "+avx512cd",   "+avx512vl",     "+avx512bw",
    "+avx512dq",   "+avx512ifma", "+avx512vbmi",   "+avx512vbmi2",
    "+avx512vnni", "+avx512bf16", "+avx512bitalg", "+avx512vpopcntdq",
    "+avx512fp16", "+gfni",       "+avxvnni",      "+cx16"};

// In the order they are tried when this machine's own CPU cannot be named.
constexpr std::array<const char *, 12> x86_fallbacks = {
    "icelake-server", "cascadelake", "skylake-avx512", "znver3",      "znver2",  "znver1",
    "skylake",        "haswell",     "ivybridge",      "sandybridge", "nehalem", "x86-64"};

// For ARM of 32 bits, LLVM 14 joins stores through a base register that it moves and goes on to use
// as if it had not been moved.
void keep_arm_stores_apart() {
    auto &options = llvm::cl::getRegisteredOptions();
    const auto found = options.find("arm-load-store-opt");
    if (found != options.end())
        static_cast<llvm::cl::opt<bool> *>(found->second)->setValue(false);
}

void initialize_llvm() {
    static const bool done = [] {
        keep_arm_stores_apart();
        llvm::InitializeAllTargetInfos();
        llvm::InitializeAllTargets();
        llvm::InitializeAllTargetMCs();
        llvm::InitializeAllAsmPrinters();
        llvm::InitializeAllAsmParsers();
        return true;
    }();
    (void)done;
}

std::string triple_of(const Target &target) {
    switch (target.arch) {
    case Arch::x86:
        return target.bits == 64 ? "x86_64-unknown-linux-gnu" : "i686-unknown-linux-gnu";
    case Arch::arm:
        return target.bits == 64 ? "aarch64-unknown-linux-gnu" : "armv7-unknown-linux-gnueabihf";
    case Arch::riscv:
        return "riscv64-unknown-linux-gnu";
    case Arch::wasm:
        break;
    }
    assert(false && "parse_target lets no other target pass");
    return "";
}

// The oldest CPU that LLVM knows with the target's features; what it lacks of them is added.
std::string least_cpu(const Target &target) {
    if (target.arch == Arch::arm)
        return "generic";
    if (target.arch == Arch::riscv)
        return "generic-rv64";
    if (target.has("avx512_cannonlake"))
        return "cannonlake";
    if (target.has("avx512_skylake"))
        return "skylake-avx512";
    if (target.has("avx2") && target.has("fma") && target.has("f16c"))
        return "haswell";
    return target.bits == 64 ? "x86-64" : "pentium4";
}

std::string feature_string(const Target &target) {
    std::string text;
    if (target.arch == Arch::riscv)
        text = "+m,+a,+f,+d,+c";
    if (target.arch == Arch::arm)
        text = target.has("no_neon") ? "-neon" : "+neon";
    // LLVM takes multiply-adds of ARMv7's early cores apart for their latency. Register tiles hide
    // that, but have no registers for the products.
    if (target.arch == Arch::arm && target.bits == 32)
        text += ",-slowfpvmlx,-slowfpvfmx,-vmlx-hazards";
    for (const FeatureAttribute &attribute : attributes)
        if (target.has(attribute.halide))
            text += (text.empty() ? "" : ",") + std::string(attribute.llvm);
    return text;
}

const llvm::Target *find_llvm_target(const std::string &triple) {
    initialize_llvm();
    std::string error;
    const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, error);
    assert(found && "LLVM was built without a target that cnnc offers");
    return found;
}

// What becomes of a * b + c: one rounding wherever the CPU can. ARMv7 without VFPv4 has only VMLA,
// which rounds twice, and which LLVM uses only where it may not fuse.
llvm::FPOpFusion::FPOpFusionMode fusion_of(const Target &target, const std::string &triple,
                                           const std::string &cpu) {
    if (target.arch != Arch::arm || target.bits != 32)
        return llvm::FPOpFusion::Fast;
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        find_llvm_target(triple)->createMCSubtargetInfo(triple, cpu, feature_string(target)));
    return info->checkFeatures("+vfp4") ? llvm::FPOpFusion::Fast : llvm::FPOpFusion::Standard;
}

std::string emit(llvm::Module &module, const Target &target, FileType type) {
    set_target(module, target);
    auto machine = make_target_machine(target);
    llvm::SmallVector<char, 0> bytes;
    llvm::raw_svector_ostream stream(bytes);
    llvm::legacy::PassManager passes;
    bool unable = machine->addPassesToEmitFile(passes, stream, nullptr, type);
    assert(!unable && "LLVM cannot emit files of this type");
    (void)unable;
    passes.run(module);
    return {bytes.begin(), bytes.end()};
}

bool machine_has_all_of(const std::string &cpu, const llvm::StringMap<bool> &host) {
    std::string triple = llvm::sys::getProcessTriple();
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        find_llvm_target(triple)->createMCSubtargetInfo(triple, cpu, ""));
    return info->isCPUStringValid(cpu) &&
           std::none_of(unasked_x86_features.begin(), unasked_x86_features.end(),
                        [&](const char *feature) {
                            return info->checkFeatures(feature) && !host.lookup(feature + 1);
                        });
}

} // namespace

std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target &target) {
    llvm::TargetOptions options;
    options.FunctionSections = true;
    options.DataSections = true;
    options.FloatABIType = llvm::FloatABI::Hard;
    options.MCOptions.AsmVerbose = true; // comments tell loops and spills
    if (target.arch == Arch::riscv)
        options.MCOptions.ABIName = "lp64d";
    std::string triple = triple_of(target);
    std::string cpu = target.cpu.empty() ? least_cpu(target) : target.cpu;
    options.AllowFPOpFusion = fusion_of(target, triple, cpu);
    return std::unique_ptr<llvm::TargetMachine>(find_llvm_target(triple)->createTargetMachine(
        triple_argument(triple), cpu, feature_string(target), options, llvm::Reloc::PIC_,
        llvm::CodeModel::Small, aggressive));
}

void set_target(llvm::Module &module, const Target &target) {
    module.setTargetTriple(triple_argument(triple_of(target)));
    module.setDataLayout(make_target_machine(target)->createDataLayout());
    // Both end up in the object, where they would tell who compiled it how.
    module.setSourceFileName("cnnc");
    if (llvm::NamedMDNode *ident = module.getNamedMetadata("llvm.ident"))
        module.eraseNamedMetadata(ident);
    for (llvm::Function &function : module)
        for (const char *name : {"target-cpu", "target-features", "tune-cpu"})
            function.removeFnAttr(name);
}

std::string emit_object(llvm::Module &module, const Target &target) {
    return emit(module, target, object_file);
}

std::string emit_assembly(llvm::Module &module, const Target &target) {
    return emit(module, target, assembly_file);
}

std::string release_problem(const Target &target) {
    if (target.arch == Arch::riscv && !riscv_compiles)
        return "takes a cnnc built with Halide 14";
    if (target.has("avx512") && !target.has("avx512_skylake") && !early_avx512_compiles)
        return "AVX-512 without `avx512_skylake` takes a cnnc built with LLVM 14";
    return "";
}

bool is_llvm_cpu(const Target &target, std::string_view cpu) {
    if (cpu.empty())
        return true;
    const std::string triple = triple_of(target), name(cpu);
    const llvm::Target *llvm = find_llvm_target(triple);
    std::unique_ptr<llvm::MCSubtargetInfo> info(llvm->createMCSubtargetInfo(triple, "", ""));
    if (!info->isCPUStringValid(name))
        return false;
    // A CPU of this family may lack the mode, over which LLVM ends the process.
    info.reset(llvm->createMCSubtargetInfo(triple, name, ""));
    if (target.arch == Arch::arm)
        return target.bits == 64 || info->checkFeatures("-noarm");
    return target.bits == 32 || info->checkFeatures("+64bit");
}

std::string host_cpu_name() {
    std::string name = llvm::sys::getHostCPUName().str();
    Target host = host_target();
    if (host.arch != Arch::x86)
        return name != "generic" && is_llvm_cpu(host, name) ? name : "";
    llvm::StringMap<bool> features = host_cpu_features();
    if (machine_has_all_of(name, features))
        return name;
    for (const char *fallback : x86_fallbacks)
        if (machine_has_all_of(fallback, features))
            return fallback;
    return "";
}

std::string llvm_version() {
    return LLVM_VERSION_STRING;
}

} // namespace cnnc
