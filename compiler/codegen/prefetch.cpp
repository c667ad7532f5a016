// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/prefetch.h"

#include "compiler/codegen/addresses.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>

#include <vector>

namespace cnnc {

namespace {

// Fewer multiplications than this and the loop is no register tile's.
constexpr int least_multiplications = 4;
bool multiplies_vectors(const llvm::Instruction &i) {
    if (!i.getType()->isVectorTy())
        return false;
    if (i.getOpcode() == llvm::Instruction::FMul)
        return true;
    auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&i);
    return call && (call->getIntrinsicID() == llvm::Intrinsic::fma ||
                    call->getIntrinsicID() == llvm::Intrinsic::fmuladd);
}

// The last load of each line's worth: vectors are shorter than lines on most machines, and a
// prefetch takes the place of another load.
std::vector<llvm::LoadInst *> one_per_line(const std::vector<llvm::LoadInst *> &loads,
                                           llvm::ScalarEvolution &evolution) {
    std::vector<llvm::LoadInst *> kept;
    for (const Stream &stream : streams_of(loads, evolution)) {
        int64_t first = stream[0].at;
        kept.push_back(stream[0].load);
        for (const auto &[at, load] : stream) {
            if (at >= first + line_bytes) {
                first = at;
                kept.push_back(load);
            }
            kept.back() = load;
        }
    }
    return kept;
}

void prefetch_behind(llvm::LoadInst *load, int64_t distance) {
    llvm::IRBuilder<> b(load);
    llvm::Type *pointer = pointer_to(b.getInt8Ty());
    llvm::Value *address = b.CreateBitCast(load->getPointerOperand(), pointer);
    llvm::Value *ahead = b.CreateConstGEP1_64(b.getInt8Ty(), address, uint64_t(distance));
    constexpr int read = 0, keep_everywhere = 3, data = 1;
    b.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer},
                      {ahead, b.getInt32(read), b.getInt32(keep_everywhere), b.getInt32(data)});
}

} // namespace

std::vector<llvm::LoadInst *> tile_streams(const llvm::Loop &loop,
                                           llvm::ScalarEvolution &evolution) {
    std::vector<llvm::LoadInst *> found;
    int multiplications = 0;
    for (llvm::BasicBlock *block : loop.blocks())
        for (llvm::Instruction &i : *block) {
            multiplications += multiplies_vectors(i);
            auto *load = llvm::dyn_cast<llvm::LoadInst>(&i);
            if (!load || !load->getType()->isVectorTy())
                continue;
            auto *address =
                llvm::dyn_cast<llvm::SCEVAddRecExpr>(evolution.getSCEV(load->getPointerOperand()));
            if (address && address->getLoop() == &loop)
                found.push_back(load);
        }
    if (multiplications < least_multiplications)
        found.clear();
    return found;
}

void prefetch_streams(llvm::Module &module, int64_t distance) {
    llvm::FunctionAnalysisManager functions;
    llvm::PassBuilder builder;
    builder.registerFunctionAnalyses(functions);
    for (llvm::Function &f : module) {
        if (f.isDeclaration())
            continue;
        auto &loops = functions.getResult<llvm::LoopAnalysis>(f);
        auto &evolution = functions.getResult<llvm::ScalarEvolutionAnalysis>(f);
        std::vector<llvm::LoadInst *> loads;
        for (llvm::Loop *loop : loops.getLoopsInPreorder())
            if (loop->isInnermost())
                for (llvm::LoadInst *load : one_per_line(tile_streams(*loop, evolution), evolution))
                    loads.push_back(load);
        for (llvm::LoadInst *load : loads)
            prefetch_behind(load, distance);
    }
}

} // namespace cnnc
