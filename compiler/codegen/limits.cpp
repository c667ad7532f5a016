// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Both functions are one loop each, built with all values that could be folded read from volatile
// memory, and emitted without any optimization of LLVM's code.
#include "compiler/codegen/limits.h"

#include "compiler/codegen/emit.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <vector>

namespace cnnc {
namespace {

using Builder = llvm::IRBuilder<>;

// A loop over an index from 0, by `step`, to `end` (which is more than 0), whose body turns values
// into new ones.
struct Loop {
    llvm::BasicBlock *body = nullptr;
    llvm::PHINode *index = nullptr;
    std::vector<llvm::PHINode *> values;
};

llvm::BasicBlock *new_block(Builder &b, const char *name) {
    return llvm::BasicBlock::Create(b.getContext(), name, b.GetInsertBlock()->getParent());
}

Loop begin_loop(Builder &b, const std::vector<llvm::Value *> &initial) {
    Loop loop;
    llvm::BasicBlock *before = b.GetInsertBlock();
    loop.body = new_block(b, "loop");
    b.CreateBr(loop.body);
    b.SetInsertPoint(loop.body);
    loop.index = b.CreatePHI(b.getInt64Ty(), 2);
    loop.index->addIncoming(b.getInt64(0), before);
    for (llvm::Value *value : initial) {
        loop.values.push_back(b.CreatePHI(value->getType(), 2));
        loop.values.back()->addIncoming(value, before);
    }
    return loop;
}

void end_loop(Builder &b, const Loop &loop, const std::vector<llvm::Value *> &next, int64_t step,
              llvm::Value *end) {
    llvm::BasicBlock *latch = b.GetInsertBlock();
    llvm::Value *index = b.CreateAdd(loop.index, b.getInt64(uint64_t(step)));
    loop.index->addIncoming(index, latch);
    for (size_t i = 0; i < next.size(); i++)
        loop.values[i]->addIncoming(next[i], latch);
    llvm::BasicBlock *after = new_block(b, "after");
    b.CreateCondBr(b.CreateICmpULT(index, end), loop.body, after);
    b.SetInsertPoint(after);
}

llvm::Function *new_function(llvm::Module &module, const char *name, llvm::Type *result,
                             const std::vector<llvm::Type *> &parameters) {
    auto *type = llvm::FunctionType::get(result, parameters, false);
    auto *function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
    function->setDoesNotThrow();
    return function;
}

// A value that LLVM knows nothing about.
llvm::Value *opaque(Builder &b, llvm::Value *value) {
    llvm::Value *place = b.CreateAlloca(value->getType());
    b.CreateStore(value, place, true);
    return b.CreateLoad(value->getType(), place, true);
}

void use(Builder &b, llvm::Value *value) {
    b.CreateStore(value, b.CreateAlloca(value->getType()), true);
}

// Enough to hide the latency on all ports twice over, as far as the registers go: two hold the
// factors.
int chains(const Machine &machine) {
    const int wanted = 2 * machine.fma_latency * machine.fma_ports;
    return std::max(1, std::min(wanted, machine.vector_registers - 2));
}

// In a form in which every product is another, or LLVM would compute it once; sums stay finite.
// Where a multiply-add is one instruction it adds to its first operand (VMLA of ARMv7 cannot do
// otherwise): sum + sum * 0. Else the product takes the sum's register: sum * 0.5 + 0.25.
llvm::Value *multiply_add(Builder &b, const Machine &machine, llvm::Value *sum,
                          const std::array<llvm::Value *, 3> &factors) {
    const auto &[zero, half, quarter] = factors;
    if (machine.fma)
        return b.CreateFAdd(sum, b.CreateFMul(sum, zero));
    return b.CreateFAdd(b.CreateFMul(sum, half), quarter);
}

void add_multiply_add(llvm::Module &module, const Machine &machine) {
    Builder b(module.getContext());
    llvm::Function *function =
        new_function(module, "cnnc_limit_multiply_add", b.getDoubleTy(), {b.getInt64Ty()});
    b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "", function));
    const int lanes = machine.lanes(4);
    llvm::Type *type = llvm::FixedVectorType::get(b.getFloatTy(), unsigned(lanes));
    const std::array<llvm::Value *, 3> factors = {opaque(b, llvm::ConstantFP::get(type, 0)),
                                                  opaque(b, llvm::ConstantFP::get(type, 0.5)),
                                                  opaque(b, llvm::ConstantFP::get(type, 0.25))};
    std::vector<llvm::Value *> sums(size_t(chains(machine)));
    for (llvm::Value *&sum : sums)
        sum = opaque(b, llvm::ConstantFP::get(type, 1));
    const Loop loop = begin_loop(b, sums);
    for (size_t i = 0; i < sums.size(); i++)
        sums[i] = multiply_add(b, machine, loop.values[i], factors);
    llvm::Value *rounds = function->getArg(0);
    end_loop(b, loop, sums, 1, rounds);
    for (llvm::Value *sum : sums)
        use(b, sum);
    llvm::Value *per_round = llvm::ConstantFP::get(b.getDoubleTy(), 2.0 * lanes * chains(machine));
    b.CreateRet(b.CreateFMul(b.CreateUIToFP(rounds, b.getDoubleTy()), per_round));
}

void add_read(llvm::Module &module, const Machine &machine) {
    constexpr int vectors = 8; // per round of the loop
    Builder b(module.getContext());
    llvm::Function *function =
        new_function(module, "cnnc_limit_read", b.getInt32Ty(),
                     {pointer_to(b.getInt8Ty()), b.getInt64Ty(), b.getInt64Ty()});
    b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "", function));
    auto *type = llvm::FixedVectorType::get(b.getInt32Ty(), unsigned(machine.lanes(4)));
    const Loop passes =
        begin_loop(b, std::vector<llvm::Value *>(vectors, llvm::Constant::getNullValue(type)));
    const Loop loop = begin_loop(b, {passes.values.begin(), passes.values.end()});
    std::vector<llvm::Value *> next;
    for (int i = 0; i < vectors; i++) {
        llvm::Value *at = b.CreateAdd(loop.index, b.getInt64(uint64_t(i * machine.vector_bytes)));
        llvm::Value *place = b.CreateGEP(b.getInt8Ty(), function->getArg(0), at);
        llvm::Value *loaded = b.CreateAlignedLoad(type, b.CreateBitCast(place, pointer_to(type)),
                                                  llvm::Align(uint64_t(machine.vector_bytes)));
        next.push_back(b.CreateOr(loop.values[size_t(i)], loaded));
    }
    end_loop(b, loop, next, vectors * machine.vector_bytes, function->getArg(1));
    end_loop(b, passes, next, 1, function->getArg(2));
    llvm::Value *all = next[0];
    for (llvm::Value *value : next)
        all = b.CreateOr(all, value);
    b.CreateRet(b.CreateExtractElement(all, b.getInt32(0)));
}

void fill(llvm::Module &module, const Target &target) {
    set_target(module, target);
    const Machine machine = machine_for(target);
    add_multiply_add(module, machine);
    add_read(module, machine);
}

} // namespace

std::string limits_object(const Target &target) {
    llvm::LLVMContext context;
    llvm::Module module("limits", context);
    fill(module, cpu_part(target));
    return emit_object(module, cpu_part(target));
}

std::string limits_assembly(const Target &target) {
    llvm::LLVMContext context;
    llvm::Module module("limits", context);
    fill(module, cpu_part(target));
    return emit_assembly(module, cpu_part(target));
}

} // namespace cnnc
