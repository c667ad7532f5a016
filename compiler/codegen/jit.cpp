// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ORC links the objects in memory.
#include "compiler/codegen/jit.h"

#include "compiler/codegen/llvm_versions.h"

#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

namespace cnnc {
namespace {

template <typename T>
T checked(llvm::Expected<T> value) {
    if (!value)
        throw KernelError{"the network cannot be linked: " + llvm::toString(value.takeError())};
    return std::move(*value);
}

void check(llvm::Error error) {
    if (error)
        throw KernelError{"the network cannot be linked: " + llvm::toString(std::move(error))};
}

} // namespace

struct LoadedObjects::Parts {
    std::unique_ptr<llvm::orc::LLJIT> jit;
};

LoadedObjects::LoadedObjects(const std::vector<const NamedFile *> &objects)
    : parts_(std::make_unique<Parts>()) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    parts_->jit = checked(llvm::orc::LLJITBuilder().create());
    llvm::orc::LLJIT &jit = *parts_->jit;
    // The C library and libm.
    jit.getMainJITDylib().addGenerator(
        checked(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
            jit.getDataLayout().getGlobalPrefix())));
    for (const NamedFile *object : objects)
        check(jit.addObjectFile(
            llvm::MemoryBuffer::getMemBuffer(object->bytes, object->name, false)));
}

LoadedObjects::~LoadedObjects() = default;

uintptr_t LoadedObjects::address(const std::string &symbol) const {
    llvm::orc::LLJIT &jit = *parts_->jit;
    const llvm::orc::JITDylibSearchOrder everything = {
        {&jit.getMainJITDylib(), llvm::orc::JITDylibLookupFlags::MatchAllSymbols}};
    return symbol_address(
        checked(jit.getExecutionSession().lookup(everything, jit.mangleAndIntern(symbol))));
}

} // namespace cnnc
