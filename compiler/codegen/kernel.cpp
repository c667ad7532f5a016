// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Halide makes a module whose function takes halide_buffer_t's and calls Halide's run time. What we
// want is a function of plain pointers that calls nothing. Three steps get there:
//
// 1. Every halide_malloc has a constant size (all extents are constants), so each becomes a
// constant
//    offset into the worker's scratch memory, and halide_free nothing.
// 2. halide_do_par_for becomes a call through the worker's `parallel_for`.
// 3. A new function builds the buffers on its stack, of which the code reads only `host`, and calls
//    Halide's function inlined; scalar replacement leaves just the pointers.
#include "compiler/codegen/kernel.h"

#include "compiler/codegen/addresses.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/gpu_kernel.h"
#include "compiler/codegen/hash.h"
#include "compiler/codegen/lanes.h"
#include "compiler/codegen/llvm_versions.h"
#include "compiler/codegen/prefetch.h"
#include "compiler/codegen/preload.h"
#include "compiler/codegen/versions.h"
#include "compiler/lower/lower.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/Local.h>

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <sstream>

namespace cnnc {

namespace {

constexpr int64_t scratch_alignment = 64;

std::vector<llvm::CallInst *> calls_of(llvm::Module &module, llvm::StringRef name) {
    std::vector<llvm::CallInst *> calls;
    if (llvm::Function *f = module.getFunction(name))
        for (llvm::User *user : f->users())
            if (auto *call = llvm::dyn_cast<llvm::CallInst>(user))
                if (call->getCalledFunction() == f)
                    calls.push_back(call);
    return calls;
}

// Loads field `index` (a pointer) of the cnnc_worker behind `worker`.
llvm::Value *worker_field(llvm::IRBuilder<> &b, llvm::Value *worker, unsigned index) {
    llvm::Type *pointer = pointer_to(b.getInt8Ty());
    llvm::Value *fields = b.CreateBitCast(worker, pointer_to(pointer));
    return b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_32(pointer, fields, index));
}

int64_t replace_allocations(llvm::Module &module) {
    int64_t used = 0;
    for (llvm::CallInst *call : calls_of(module, "halide_malloc")) {
        auto *size = llvm::dyn_cast<llvm::ConstantInt>(call->getArgOperand(1));
        if (!size)
            throw KernelError{"a scratch buffer has no constant size"};
        llvm::IRBuilder<> b(call);
        llvm::Value *base = worker_field(b, call->getArgOperand(0), 0);
        llvm::Value *at = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), base, uint64_t(used));
        used +=
            (size->getSExtValue() + scratch_alignment - 1) / scratch_alignment * scratch_alignment;
        call->replaceAllUsesWith(at);
        call->eraseFromParent();
    }
    for (llvm::CallInst *call : calls_of(module, "halide_free"))
        call->eraseFromParent();
    return used;
}

bool replace_parallel_loops(llvm::Module &module) {
    std::vector<llvm::CallInst *> calls = calls_of(module, "halide_do_par_for");
    for (llvm::CallInst *call : calls) {
        llvm::IRBuilder<> b(call);
        llvm::FunctionType *type = call->getFunctionType();
        llvm::Value *target = worker_field(b, call->getArgOperand(0), 1);
        std::vector<llvm::Value *> args(call->arg_begin(), call->arg_end());
        llvm::Value *result = b.CreateCall(type, b.CreateBitCast(target, pointer_to(type)), args);
        call->replaceAllUsesWith(result);
        call->eraseFromParent();
    }
    return !calls.empty();
}

llvm::StructType *buffer_type(llvm::Module &module) {
    llvm::StructType *type =
        llvm::StructType::getTypeByName(module.getContext(), "struct.halide_buffer_t");
    if (!type)
        throw KernelError{"Halide's module has no halide_buffer_t"};
    return type;
}

// Field of halide_buffer_t that holds the data (HalideRuntime.h).
constexpr unsigned host_field = 2;

void add_entry(llvm::Module &module, llvm::Function *inner, const std::string &symbol) {
    llvm::LLVMContext &context = module.getContext();
    llvm::Type *pointer = pointer_to(llvm::Type::getInt8Ty(context));
    std::vector<llvm::Type *> params(inner->arg_size(), pointer);
    auto *type = llvm::FunctionType::get(llvm::Type::getInt32Ty(context), params, false);
    auto *entry = llvm::Function::Create(type, llvm::GlobalValue::WeakODRLinkage, symbol, module);
    entry->copyAttributesFrom(inner); // its visibility too
    entry->setVisibility(llvm::GlobalValue::HiddenVisibility);
    entry->setDSOLocal(true);
    entry->setAttributes(llvm::AttributeList::get(context, inner->getAttributes().getFnAttrs(),
                                                  llvm::AttributeSet(), {}));
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", entry));
    llvm::StructType *buffer = buffer_type(module);
    std::vector<llvm::Value *> args = {entry->getArg(0)};
    for (unsigned i = 1; i < inner->arg_size(); ++i) {
        llvm::Value *slot = b.CreateAlloca(buffer);
        b.CreateStore(entry->getArg(i), b.CreateStructGEP(buffer, slot, host_field));
        args.push_back(slot);
    }
    b.CreateRet(b.CreateCall(inner, args));
    inner->removeFnAttr(llvm::Attribute::NoInline);
    inner->addFnAttr(llvm::Attribute::AlwaysInline);
}

void clean_up(llvm::Module &module) {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager sccs;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(sccs);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, sccs, modules);
    llvm::ModulePassManager passes;
    if (llvm::Error error = builder.parsePassPipeline(
            passes,
            "always-inline,function(sroa,early-cse,instcombine,simplifycfg,adce),globaldce"))
        throw KernelError{llvm::toString(std::move(error))};
    passes.run(module, modules);
}

// Whatever is defined beside the entry is the kernel's own; Halide's wrappers are not needed.
void hide_all_but(llvm::Module &module, const std::string &symbol) {
    for (llvm::Function &f : module) {
        if (f.isDeclaration())
            continue;
        f.setDoesNotThrow(); // or ARM's objects would ask for the unwinder
        if (f.getName() != symbol)
            f.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    for (llvm::GlobalVariable &g : module.globals())
        if (!g.isDeclaration() && !starts_with(g.getName(), "llvm."))
            g.setLinkage(llvm::GlobalValue::InternalLinkage);
}

// Halide 14 reads a strided vector as a dense one that starts up to stride - 1 elements earlier,
// but keeps the alignment. An unaligned load costs the same where the address happens to be
// aligned.
void correct_alignments(llvm::Module &module) {
    for (llvm::Function &f : module)
        for (llvm::Instruction &i : llvm::instructions(f)) {
            auto *load = llvm::dyn_cast<llvm::LoadInst>(&i);
            if (!load || !load->getType()->isVectorTy())
                continue;
            llvm::Align known =
                llvm::getKnownAlignment(load->getPointerOperand(), module.getDataLayout(), load);
            uint64_t element = std::max<uint64_t>(8, load->getType()->getScalarSizeInBits()) / 8;
            known = std::max(known, llvm::Align(element));
            load->setAlignment(std::min(load->getAlign(), known));
        }
}

// Functions of Halide's run time that survived: the kernel would not link.
void check_independent(const llvm::Module &module) {
    for (const llvm::Function &f : module)
        if (f.isDeclaration() && !f.use_empty() && starts_with(f.getName(), "halide_"))
            throw KernelError{"the kernel needs " + f.getName().str()};
}

bool loops_end(llvm::Module &module) {
    bool all = true;
    for_each_function(module, [&](const FunctionLoops &f) {
        for (const llvm::Loop *loop : f.loops.getLoopsInPreorder())
            all &= !loop->hasNoExitBlocks();
    });
    return all;
}

// LLVM 14 takes some loops, which go to twice the minimum of a variable and a constant, for ones
// that never end, and what follows for dead. All loops of a kernel end: it is compiled again,
// without the passes that need to know how often a loop runs.
std::unique_ptr<llvm::Module> optimized_module(const KernelRequest &request,
                                               const std::string &name,
                                               llvm::LLVMContext &context) {
    LoweredKernel lowered = lower_kernel(request.workload, request.schedule);
    Halide::Target target = halide_target(request.target);
    auto compile = [&] {
        return Halide::compile_module_to_llvm_module(
            lowered.output.compile_to_module(lowered.arguments, name, target), context);
    };
    std::unique_ptr<llvm::Module> module = compile();
    if (!loops_end(*module)) {
        leave_loops_alone(target);
        module = compile();
    }
    if (!loops_end(*module))
        throw KernelError{"a loop of the kernel does not end"};
    return module;
}

struct Built {
    std::unique_ptr<llvm::Module> module;
    CompiledKernel kernel;
};

Built build_module(const KernelRequest &request, llvm::LLVMContext &context) {
    Built built;
    built.kernel.symbol = kernel_symbol(request);
    try {
        std::string inner_name = built.kernel.symbol + "_inner";
        built.module = optimized_module(request, inner_name, context);
        llvm::Module &module = *built.module;
        correct_alignments(module);
        built.kernel.parallel = replace_parallel_loops(module);
        built.kernel.scratch_bytes = replace_allocations(module);
        llvm::Function *inner = module.getFunction(inner_name);
        if (!inner)
            throw KernelError{"Halide's module lacks the kernel"};
        add_entry(module, inner, built.kernel.symbol);
        hide_all_but(module, built.kernel.symbol);
        clean_up(module);
        if (request.schedule.has("prefetch") && request.schedule.integer("prefetch") > 0)
            prefetch_streams(module, request.schedule.integer("prefetch"));
        if (request.schedule.has("preload") && request.schedule.choice("preload") == "block")
            preload_panels(module);
        const Machine machine = machine_for(request.target);
        if (machine.multiply_by_lane)
            broadcast_lanes(module, machine.vector_registers);
        check_independent(module);
    } catch (const Halide::Error &error) {
        throw KernelError{error.what()};
    }
    return built;
}

} // namespace

std::string kernel_key(const KernelRequest &request) {
    return fmt::format("cnnc {} halide {} llvm {}\n{} {}\n{}\n{}\n{}", compiler_identity(),
                       halide_version(), llvm_version(), target_text(request.target),
                       request.target.cpu, workload_text(request.workload),
                       schedule_text(request.schedule), request.aligned ? "aligned\n" : "");
}

std::string kernel_symbol(const KernelRequest &request) {
    return "cnnc_k_" + hash128_hex(kernel_key(request));
}

CompiledKernel compile_kernel(const KernelRequest &request) {
    if (gpu_api(request.target) != GpuApi::none)
        return compile_gpu_kernel(request);
    llvm::LLVMContext context;
    Built built = build_module(request, context);
    built.kernel.object = emit_object(*built.module, request.target);
    return built.kernel;
}

CompiledKernel compile_with_assembly(const KernelRequest &request, std::string &assembly) {
    llvm::LLVMContext context;
    Built built = build_module(request, context);
    // Emitting code changes a module.
    assembly = emit_assembly(*llvm::CloneModule(*built.module), request.target);
    built.kernel.object = emit_object(*built.module, request.target);
    return built.kernel;
}

std::string kernel_loop_nest(const KernelRequest &request) {
    // Halide prints it to std::cerr and nowhere else.
    std::ostringstream text;
    std::streambuf *cerr = std::cerr.rdbuf(text.rdbuf());
    try {
        lower_kernel(request.workload, request.schedule).output.print_loop_nest();
    } catch (const Halide::Error &error) {
        std::cerr.rdbuf(cerr);
        throw KernelError{error.what()};
    }
    std::cerr.rdbuf(cerr);
    return text.str();
}

std::string kernel_assembly(const KernelRequest &request) {
    if (gpu_api(request.target) != GpuApi::none)
        return compile_gpu_kernel(request).device_code;
    llvm::LLVMContext context;
    return emit_assembly(*build_module(request, context).module, request.target);
}

} // namespace cnnc
