// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/addresses.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>

#include <algorithm>
#include <optional>

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

std::optional<int64_t> bytes_between(llvm::LoadInst *from, llvm::LoadInst *to,
                                     llvm::ScalarEvolution &evolution) {
    const llvm::SCEV *difference = evolution.getMinusSCEV(
        evolution.getSCEV(to->getPointerOperand()), evolution.getSCEV(from->getPointerOperand()));
    auto *bytes = llvm::dyn_cast<llvm::SCEVConstant>(difference);
    return bytes ? std::optional(bytes->getAPInt().getSExtValue()) : std::nullopt;
}

} // namespace

void for_each_function(llvm::Module &module, const std::function<void(const FunctionLoops &)> &f) {
    llvm::FunctionAnalysisManager functions;
    llvm::PassBuilder builder;
    builder.registerFunctionAnalyses(functions);
    for (llvm::Function &function : module)
        if (!function.isDeclaration())
            f({functions.getResult<llvm::LoopAnalysis>(function),
               functions.getResult<llvm::DominatorTreeAnalysis>(function),
               functions.getResult<llvm::ScalarEvolutionAnalysis>(function)});
}

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

std::vector<Stream> streams_of(std::vector<llvm::LoadInst *> loads,
                               llvm::ScalarEvolution &evolution) {
    std::vector<Stream> streams;
    while (!loads.empty()) {
        Stream stream;
        std::vector<llvm::LoadInst *> others;
        for (llvm::LoadInst *load : loads) {
            if (auto bytes = bytes_between(loads[0], load, evolution))
                stream.push_back({*bytes, load});
            else
                others.push_back(load);
        }
        std::stable_sort(stream.begin(), stream.end(),
                         [](const PlacedLoad &a, const PlacedLoad &b) { return a.at < b.at; });
        streams.push_back(stream);
        loads = others;
    }
    return streams;
}

} // namespace cnnc
