// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The run time's bitcode declares two things and leaves them undefined: the constant
// `cnnc_this_network` and the function `cnnc_step` (runtime/network.h). Both are filled in here,
// the functions for the user get the network's name, everything else becomes internal, and LLVM
// folds the constants into the code.
//
//     int cnnc_step(int variant, int step, worker, arena, weights, inputs, outputs) {
//         switch (variant) {
//         case 0:
//             switch (step) {
//             case 0: return KERNEL_A(worker, inputs[0], weights + 0, weights + 1024, arena + 0);
//             case 1: return KERNEL_B(worker, arena + 0, outputs[0]);
//             }
//         }
//     }
#include "compiler/codegen/driver_codegen.h"

#include "compiler/codegen/driver_constants.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/llvm_versions.h"
#include "compiler/codegen/runtime_bitcode.h"
#include "runtime/cpu_features.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>

#include <algorithm>
#include <cassert>

namespace cnnc {
namespace {

struct PublicFunction {
    const char *runtime_name, *suffix;
};
constexpr PublicFunction public_functions[] = {
    {"cnnc_create", "_create"},           {"cnnc_run", "_run_arrays"},
    {"cnnc_destroy", "_destroy"},         {"cnnc_error_message", "_error_message"},
    {"cnnc_memory_size", "_memory_size"}, {"cnnc_memory_size_for", "_memory_size_for"},
    {"cnnc_version", "_version"},         {"cnnc_step_count", "_step_count"},
    {"cnnc_step_name", "_step_name"},     {"cnnc_variant", "_variant"},
};

// A driver under construction.
struct Builder {
    const DriverRequest &request;
    llvm::Module &module;

    llvm::LLVMContext &context() const { return module.getContext(); }
    llvm::PointerType *pointer_type() const { return pointer_to(llvm::Type::getInt8Ty(context())); }
    llvm::Type *int_type() const { return llvm::Type::getInt32Ty(context()); }
};

// `constant`, a pointer, as one of the pointer type `type`.
llvm::Constant *as_type(llvm::Constant *constant, llvm::Type *type) {
    return llvm::ConstantExpr::getBitCast(constant, type);
}

llvm::Constant *step_names(const Builder &builder) {
    std::vector<llvm::Constant *> names;
    for (const DriverStep &step : builder.request.variants.front().steps)
        names.push_back(text_constant(builder.module, step.name));
    return array_constant(builder.module, "cnnc_step_names", names);
}

llvm::Constant *linked_weights(const Builder &builder) {
    if (builder.request.weights_symbol.empty())
        return llvm::Constant::getNullValue(builder.pointer_type());
    auto *weights = llvm::cast<llvm::GlobalVariable>(builder.module.getOrInsertGlobal(
        builder.request.weights_symbol, llvm::Type::getInt8Ty(builder.context())));
    weights->setConstant(true);
    weights->setVisibility(llvm::GlobalValue::HiddenVisibility);
    weights->setAlignment(llvm::MaybeAlign(64));
    return address_of(weights);
}

std::vector<int64_t> port_bytes(const DriverRequest &request) {
    std::vector<int64_t> bytes = request.input_bytes;
    bytes.insert(bytes.end(), request.output_bytes.begin(), request.output_bytes.end());
    return bytes;
}

// Each with the values of struct cnnc_variant, in its order. A GPU's kernels ask nothing of the
// CPU.
llvm::Constant *variants(const Builder &builder) {
    llvm::Module &module = builder.module;
    std::vector<llvm::Constant *> all;
    for (const DriverVariant &variant : builder.request.variants) {
        llvm::Constant *gpu =
            variant.gpu ? gpu_program_constant(module, *variant.gpu, port_bytes(builder.request))
                        : llvm::Constant::getNullValue(builder.pointer_type());
        uint64_t features = variant.gpu ? 0 : required_cpu_features(variant.target);
        all.push_back(llvm::ConstantStruct::getAnon(
            {text_constant(module, variant.name), integer_constant(module, 64, features), gpu}));
    }
    return array_constant(module, "cnnc_variants", all);
}

// The most launches, and the most arguments of launches, of any variant; 0 without a GPU.
std::pair<size_t, size_t> most_gpu_work(const DriverRequest &request) {
    std::pair<size_t, size_t> most;
    for (const DriverVariant &variant : request.variants)
        if (variant.gpu) {
            size_t arguments = 0;
            for (const GpuProgram::Launch &launch : variant.gpu->launches)
                arguments += launch.arguments.size();
            most.first = std::max({most.first, variant.gpu->launches.size(), size_t(1)});
            most.second = std::max(most.second, arguments);
        }
    return most;
}

// The values of struct cnnc_network, in its order.
void define_network(const Builder &builder) {
    const DriverRequest &request = builder.request;
    llvm::GlobalVariable *network = builder.module.getGlobalVariable("cnnc_this_network");
    auto *type = llvm::cast<llvm::StructType>(network->getValueType());
    auto integer = [&](unsigned field, uint64_t value) {
        return llvm::ConstantInt::get(type->getElementType(field), value);
    };
    auto pointer = [&](unsigned field, llvm::Constant *value) {
        return as_type(value, type->getElementType(field));
    };
    const auto [launches, arguments] = most_gpu_work(request);
    std::vector<llvm::Constant *> fields = {
        pointer(0, text_constant(builder.module, request.version)),
        pointer(1, step_names(builder)),
        pointer(2, linked_weights(builder)),
        pointer(3, variants(builder)),
        integer(4, uint64_t(request.weights_bytes)),
        integer(5, request.weights_identity),
        integer(6, uint64_t(request.arena_bytes)),
        integer(7, uint64_t(request.scratch_bytes)),
        integer(8, request.variants.size()),
        integer(9, request.variants.front().steps.size()),
        integer(10, request.input_bytes.size()),
        integer(11, request.output_bytes.size()),
        integer(12, launches),
        integer(13, arguments),
    };
    assert(fields.size() == type->getNumElements());
    network->setInitializer(llvm::ConstantStruct::get(type, fields));
    network->setConstant(true);
}

// Parameters of cnnc_step.
enum StepParameter : unsigned {
    variant_index,
    step_index,
    worker,
    arena,
    weights,
    inputs,
    outputs
};

llvm::Value *pointer_argument(const Builder &builder, llvm::IRBuilder<> &b, llvm::Function *step,
                              const StepPointer &pointer) {
    llvm::Value *base = nullptr;
    switch (pointer.base) {
    case StepPointer::Base::arena:
        base = step->getArg(arena);
        break;
    case StepPointer::Base::weights:
        base = step->getArg(weights);
        break;
    case StepPointer::Base::input:
    case StepPointer::Base::output: {
        bool input = pointer.base == StepPointer::Base::input;
        llvm::Value *list = step->getArg(input ? inputs : outputs);
        base = b.CreateLoad(
            builder.pointer_type(),
            b.CreateConstInBoundsGEP1_32(builder.pointer_type(), list, unsigned(pointer.index)));
        break;
    }
    }
    return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), base, uint64_t(pointer.offset));
}

llvm::FunctionCallee declare_kernel(const Builder &builder, const DriverStep &step) {
    std::vector<llvm::Type *> types(step.pointers.size() + 1, builder.pointer_type());
    auto kernel = builder.module.getOrInsertFunction(
        step.symbol, llvm::FunctionType::get(builder.int_type(), types, false));
    auto *function = llvm::cast<llvm::Function>(kernel.getCallee()->stripPointerCasts());
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    function->setDoesNotThrow();
    return kernel;
}

// Calls the step's kernel with its pointers and returns what it returns.
void call_kernel(const Builder &builder, llvm::IRBuilder<> &b, llvm::Function *function,
                 const DriverStep &step) {
    std::vector<llvm::Value *> arguments = {
        b.CreateBitCast(function->getArg(worker), builder.pointer_type())};
    for (const StepPointer &pointer : step.pointers)
        arguments.push_back(pointer_argument(builder, b, function, pointer));
    b.CreateRet(b.CreateCall(declare_kernel(builder, step), arguments));
}

void define_step(const Builder &builder) {
    const std::vector<DriverVariant> &variants = builder.request.variants;
    llvm::Function *function = builder.module.getFunction("cnnc_step");
    auto add_block = [&](const char *name) {
        return llvm::BasicBlock::Create(builder.context(), name, function);
    };
    llvm::BasicBlock *entry = add_block("entry"), *none = add_block("none");
    llvm::IRBuilder<> b(entry);
    // The only variant is the one that runs; without one for CPUs there are no calls.
    llvm::SwitchInst *variant_choice =
        variants.size() > 1 ? b.CreateSwitch(function->getArg(variant_index), none) : nullptr;
    for (size_t v = 0; v < variants.size(); v++) {
        if (variants[v].gpu)
            continue; // its steps are launches
        if (variant_choice) {
            b.SetInsertPoint(add_block("variant"));
            variant_choice->addCase(b.getInt32(uint32_t(v)), b.GetInsertBlock());
        }
        llvm::SwitchInst *choice = b.CreateSwitch(function->getArg(step_index), none);
        for (size_t i = 0; i < variants[v].steps.size(); i++) {
            b.SetInsertPoint(add_block("step"));
            choice->addCase(b.getInt32(uint32_t(i)), b.GetInsertBlock());
            call_kernel(builder, b, function, variants[v].steps[i]);
        }
    }
    if (!entry->getTerminator()) {
        b.SetInsertPoint(entry);
        b.CreateBr(none);
    }
    b.SetInsertPoint(none);
    b.CreateRet(b.getInt32(1));
}

// PREFIX_run(network, inputs..., outputs...) puts its arguments into arrays.
void define_run(const Builder &builder, llvm::Function *run_arrays) {
    unsigned in = unsigned(builder.request.input_bytes.size());
    unsigned out = unsigned(builder.request.output_bytes.size());
    llvm::Type *pointer = builder.pointer_type();
    std::vector<llvm::Type *> types(1 + in + out, pointer);
    types[0] = run_arrays->getFunctionType()->getParamType(0);
    auto *run = llvm::Function::Create(llvm::FunctionType::get(builder.int_type(), types, false),
                                       llvm::GlobalValue::ExternalLinkage,
                                       builder.request.prefix + "_run", builder.module);
    run->setDoesNotThrow();
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(builder.context(), "entry", run));
    std::vector<llvm::Value *> arguments = {run->getArg(0)};
    for (auto [first, count] : {std::pair(1u, in), std::pair(1u + in, out)}) {
        llvm::Value *array = b.CreateAlloca(pointer, b.getInt32(std::max(count, 1u)));
        for (unsigned i = 0; i < count; i++)
            b.CreateStore(run->getArg(first + i), b.CreateConstInBoundsGEP1_32(pointer, array, i));
        arguments.push_back(array);
    }
    b.CreateRet(b.CreateCall(run_arrays, arguments));
}

// Names the functions of the header and hides all others. Returns the names.
std::vector<std::string> publish(const Builder &builder) {
    std::vector<std::string> names = {builder.request.prefix + "_run"};
    llvm::Function *run_arrays = builder.module.getFunction("cnnc_run");
    std::vector<llvm::Function *> published;
    for (const PublicFunction &function : public_functions)
        published.push_back(builder.module.getFunction(function.runtime_name));
    // Only then are the names free, also for a network called cnnc.
    for (llvm::Function &function : builder.module)
        if (!function.isDeclaration())
            function.setLinkage(llvm::GlobalValue::InternalLinkage);
    for (llvm::GlobalVariable &global : builder.module.globals())
        if (global.hasInitializer() && !global.hasPrivateLinkage())
            global.setLinkage(llvm::GlobalValue::InternalLinkage);
    for (llvm::Function *function : published)
        function->setName("");
    for (size_t i = 0; i < published.size(); i++) {
        names.push_back(builder.request.prefix + public_functions[i].suffix);
        published[i]->setName(names.back());
        published[i]->setLinkage(llvm::GlobalValue::ExternalLinkage);
        published[i]->setDSOLocal(false);
    }
    define_run(builder, run_arrays);
    return names;
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager sccs;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder passes(&machine);
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(sccs);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, sccs, modules);
    passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::Os).run(module, modules);
}

// The constant that a function without parameters has been folded to.
int64_t folded_result(const llvm::Module &module, const std::string &name) {
    const llvm::Function *function = module.getFunction(name);
    auto *ret = llvm::dyn_cast<llvm::ReturnInst>(function->getEntryBlock().getTerminator());
    auto *value = ret ? llvm::dyn_cast<llvm::ConstantInt>(ret->getReturnValue()) : nullptr;
    assert(value && "the size of memory is a constant");
    return value ? int64_t(value->getZExtValue()) : 0;
}

// The driver asks what the CPU can do; until it knows, it must use nothing that not all have.
Target least_target(const Target &target) {
    Target least = target;
    least.cpu.clear();
    least.features.clear();
    if (target.arch == Arch::arm && target.bits == 32)
        least.features = {"no_neon"};
    return least;
}

struct CpuFeature {
    const char *name;
};

} // namespace

uint64_t required_cpu_features(const Target &target) {
#define CNNC_NAME(name, index, bit, state) {name},
    static constexpr CpuFeature x86[] = {CNNC_X86_FEATURES(CNNC_NAME)};
    static constexpr CpuFeature aarch64[] = {CNNC_AARCH64_FEATURES(CNNC_NAME)};
    static constexpr CpuFeature arm[] = {CNNC_ARM_FEATURES(CNNC_NAME)};
#undef CNNC_NAME
    llvm::ArrayRef<CpuFeature> list;
    if (target.arch == Arch::x86)
        list = x86;
    else if (target.arch == Arch::arm)
        list = target.bits == 64 ? llvm::ArrayRef<CpuFeature>(aarch64) : arm;
    auto machine = make_target_machine(target);
    const llvm::MCSubtargetInfo *info = machine->getMCSubtargetInfo();
    uint64_t mask = 0;
    for (size_t i = 0; i < list.size(); i++)
        if (feature_is_known(list[i].name) && info->checkFeatures(std::string("+") + list[i].name))
            mask |= uint64_t(1) << i;
    return mask;
}

Driver generate_driver(const DriverRequest &request) {
    llvm::LLVMContext context;
    Target target = least_target(request.variants.front().target);
    std::string_view bitcode = runtime_bitcode(target);
    llvm::MemoryBufferRef buffer(llvm::StringRef(bitcode.data(), bitcode.size()), "runtime");
    std::unique_ptr<llvm::Module> module =
        llvm::cantFail(llvm::parseBitcodeFile(buffer, context), "cnnc's own bitcode is sound");
    set_target(*module, target);
    Builder builder = {request, *module};
    define_network(builder);
    define_step(builder);
    Driver driver;
    driver.symbols = publish(builder);
    optimize(*module, *make_target_machine(target));
    driver.memory_bytes = folded_result(*module, request.prefix + "_memory_size");
    driver.object = emit_object(*module, target);
    return driver;
}

} // namespace cnnc
