// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/addresses.h"

#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/Instructions.h>

#include <algorithm>
#include <optional>

namespace cnnc {

namespace {

std::optional<int64_t> bytes_between(llvm::LoadInst *from, llvm::LoadInst *to,
                                     llvm::ScalarEvolution &evolution) {
    const llvm::SCEV *difference = evolution.getMinusSCEV(
        evolution.getSCEV(to->getPointerOperand()), evolution.getSCEV(from->getPointerOperand()));
    auto *bytes = llvm::dyn_cast<llvm::SCEVConstant>(difference);
    return bytes ? std::optional(bytes->getAPInt().getSExtValue()) : std::nullopt;
}

} // namespace

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
