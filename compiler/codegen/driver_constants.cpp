// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Structs without names: only the types of their fields count.
#include "compiler/codegen/driver_constants.h"

#include "compiler/codegen/llvm_versions.h"

#include <llvm/IR/Constants.h>

namespace cnnc {
namespace {

using Constants = std::vector<llvm::Constant *>;

llvm::Constant *struct_constant(const Constants &fields) {
    return llvm::ConstantStruct::getAnon(fields);
}

llvm::Constant *numbers(const llvm::Module &module, const std::array<uint32_t, 3> &values) {
    return llvm::ConstantDataArray::get(module.getContext(), llvm::ArrayRef<uint32_t>(values));
}

// struct cnnc_gpu_argument.
llvm::Constant *argument_constant(const llvm::Module &module,
                                  const GpuProgram::Argument &argument) {
    // As enum cnnc_gpu_base numbers them; values come last.
    static_assert(int(StepPointer::Base::arena) == 0 && int(StepPointer::Base::weights) == 1 &&
                  int(StepPointer::Base::input) == 2 && int(StepPointer::Base::output) == 3);
    uint64_t base = argument.is_value ? 4 : uint64_t(argument.pointer.base);
    return struct_constant(
        {integer_constant(module, 64,
                          argument.is_value ? argument.value : uint64_t(argument.pointer.offset)),
         integer_constant(module, 32, base),
         integer_constant(
             module, 32,
             uint64_t(argument.is_value ? argument.value_bytes : argument.pointer.index))});
}

// struct cnnc_gpu_launch.
llvm::Constant *launch_constant(llvm::Module &module, const GpuProgram::Launch &launch) {
    return struct_constant(
        {text_constant(module, launch.entry), integer_constant(module, 32, uint64_t(launch.module)),
         integer_constant(module, 32, uint64_t(launch.step)),
         integer_constant(module, 32, launch.arguments.size()), numbers(module, launch.blocks),
         numbers(module, launch.threads), integer_constant(module, 32, launch.shared_bytes)});
}

} // namespace

llvm::PointerType *byte_pointer(const llvm::Module &module) {
    return pointer_to(llvm::Type::getInt8Ty(module.getContext()));
}

llvm::Constant *address_of(llvm::Constant *global) {
    return llvm::ConstantExpr::getBitCast(global,
                                          pointer_to(llvm::Type::getInt8Ty(global->getContext())));
}

llvm::Constant *integer_constant(const llvm::Module &module, unsigned bits, uint64_t value) {
    return llvm::ConstantInt::get(llvm::IntegerType::get(module.getContext(), bits), value);
}

llvm::Constant *text_constant(llvm::Module &module, const std::string &text) {
    llvm::Constant *value = llvm::ConstantDataArray::getString(module.getContext(), text);
    auto *global = new llvm::GlobalVariable(module, value->getType(), true,
                                            llvm::GlobalValue::PrivateLinkage, value);
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    global->setAlignment(llvm::MaybeAlign(1));
    return address_of(global);
}

llvm::Constant *array_constant(llvm::Module &module, const std::string &name,
                               const Constants &elements) {
    if (elements.empty())
        return llvm::ConstantPointerNull::get(byte_pointer(module));
    auto *type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return address_of(new llvm::GlobalVariable(module, type, true,
                                               llvm::GlobalValue::InternalLinkage,
                                               llvm::ConstantArray::get(type, elements), name));
}

llvm::Constant *gpu_program_constant(llvm::Module &module, const GpuProgram &program,
                                     const std::vector<int64_t> &port_bytes) {
    Constants modules, launches, arguments, ports;
    for (const std::string &text : program.modules)
        modules.push_back(text_constant(module, text));
    for (const GpuProgram::Launch &launch : program.launches) {
        launches.push_back(launch_constant(module, launch));
        for (const GpuProgram::Argument &argument : launch.arguments)
            arguments.push_back(argument_constant(module, argument));
    }
    for (int64_t bytes : port_bytes)
        ports.push_back(integer_constant(module, 64, uint64_t(bytes)));
    const char *api = program.api == GpuApi::cuda ? "cnnc_cuda_api" : "cnnc_opencl_api";
    return array_constant(
        module, "cnnc_gpu_program",
        {struct_constant({address_of(module.getGlobalVariable(api)),
                          array_constant(module, "cnnc_gpu_modules", modules),
                          array_constant(module, "cnnc_gpu_launches", launches),
                          array_constant(module, "cnnc_gpu_arguments", arguments),
                          array_constant(module, "cnnc_gpu_ports", ports),
                          integer_constant(module, 64, uint64_t(program.arena_bytes)),
                          integer_constant(module, 64, uint64_t(program.weights_bytes)),
                          integer_constant(module, 32, modules.size()),
                          integer_constant(module, 32, launches.size()),
                          integer_constant(module, 32, arguments.size()),
                          integer_constant(module, 32, uint64_t(program.capability)),
                          integer_constant(module, 32, uint64_t(program.driver_version))})});
}

} // namespace cnnc
