// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/prefetch.h"

#include "compiler/codegen/addresses.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

#include <vector>

namespace cnnc {

namespace {

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

void prefetch_streams(llvm::Module &module, int64_t distance) {
    for_each_function(module, [&](const FunctionLoops &f) {
        std::vector<llvm::LoadInst *> loads;
        for (llvm::Loop *loop : f.loops.getLoopsInPreorder())
            if (loop->isInnermost())
                for (llvm::LoadInst *load :
                     one_per_line(tile_streams(*loop, f.evolution), f.evolution))
                    loads.push_back(load);
        for (llvm::LoadInst *load : loads)
            prefetch_behind(load, distance);
    });
}

} // namespace cnnc
