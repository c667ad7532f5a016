// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/lanes.h"

#include "compiler/codegen/addresses.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>

#include <array>
#include <optional>
#include <vector>

namespace cnnc {

namespace {

constexpr int lanes = 4;
constexpr int element_bytes = 4;

using Splats = std::vector<llvm::ShuffleVectorInst *>;

bool is_first_lane_of_nothing(const llvm::InsertElementInst &insert) {
    auto *index = llvm::dyn_cast<llvm::ConstantInt>(insert.getOperand(2));
    return llvm::isa<llvm::UndefValue>(insert.getOperand(0)) && index && index->isZero();
}

// The vectors all of whose lanes are what is loaded; none if it has another use.
Splats splats_of(const llvm::LoadInst &load) {
    Splats splats;
    for (const llvm::User *user : load.users()) {
        auto *insert = llvm::dyn_cast<llvm::InsertElementInst>(user);
        if (!insert || !is_first_lane_of_nothing(*insert))
            return {};
        for (const llvm::User *of_insert : insert->users()) {
            auto *splat = llvm::dyn_cast<llvm::ShuffleVectorInst>(of_insert);
            if (!splat || splat->getOperand(0) != insert || !splat->isZeroEltSplat())
                return {};
            splats.push_back(const_cast<llvm::ShuffleVectorInst *>(splat));
        }
    }
    return splats;
}

bool is_prefetch(const llvm::Instruction &i) {
    auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&i);
    return call && call->getIntrinsicID() == llvm::Intrinsic::prefetch;
}

std::vector<llvm::LoadInst *> broadcast_loads(llvm::BasicBlock &block) {
    std::vector<llvm::LoadInst *> found;
    for (llvm::Instruction &i : block) {
        if (i.mayWriteToMemory() && !is_prefetch(i)) // what is loaded earlier may be another value
            return {};
        auto *load = llvm::dyn_cast<llvm::LoadInst>(&i);
        if (load && load->isSimple() && load->getType()->isFloatTy() && !splats_of(*load).empty())
            found.push_back(load);
    }
    return found;
}

using Neighbours = std::array<llvm::LoadInst *, lanes>; // in the order of their addresses

std::vector<Neighbours> neighbours_of(llvm::BasicBlock &block, llvm::ScalarEvolution &evolution) {
    std::vector<Neighbours> found;
    for (const Stream &stream : streams_of(broadcast_loads(block), evolution))
        for (size_t i = 0; i + lanes <= stream.size();) {
            bool side_by_side = true;
            Neighbours loads;
            for (size_t lane = 0; lane < lanes; ++lane) {
                const PlacedLoad &placed = stream[i + lane];
                side_by_side &= placed.at == stream[i].at + int64_t(lane) * element_bytes;
                loads[lane] = placed.load;
            }
            if (side_by_side)
                found.push_back(loads);
            i += side_by_side ? lanes : 1;
        }
    return found;
}

void load_as_vector(const Neighbours &loads) {
    size_t first = 0;
    for (size_t lane = 1; lane < lanes; ++lane)
        if (loads[lane]->comesBefore(loads[first]))
            first = lane;
    llvm::IRBuilder<> b(loads[first]);
    llvm::Type *byte = b.getInt8Ty();
    llvm::Value *address = b.CreateBitCast(loads[first]->getPointerOperand(), pointer_to(byte));
    address = b.CreateConstGEP1_64(byte, address, uint64_t(-int64_t(first) * element_bytes));
    auto *type = llvm::FixedVectorType::get(b.getFloatTy(), lanes);
    llvm::Value *vector = b.CreateAlignedLoad(type, b.CreateBitCast(address, pointer_to(type)),
                                              llvm::Align(element_bytes));
    for (size_t lane = 0; lane < lanes; ++lane)
        for (llvm::ShuffleVectorInst *splat : splats_of(*loads[lane])) {
            const size_t width = splat->getShuffleMask().size();
            b.SetInsertPoint(splat);
            splat->replaceAllUsesWith(
                b.CreateShuffleVector(vector, llvm::SmallVector<int, 16>(width, int(lane))));
        }
}

// Vectors that an iteration hands to the next: the accumulators of a register tile.
size_t accumulators_of(llvm::BasicBlock &block) {
    size_t count = 0;
    for (const llvm::PHINode &phi : block.phis())
        count += phi.getType()->isVectorTy();
    return count;
}

// Broadcasts pass through one register, vectors of pixels each keep one beside the accumulators
// and a step's weights.
bool fits(size_t accumulators, size_t pixels, int registers) {
    if (accumulators == 0 || pixels == 0)
        return false;
    const size_t weights = (accumulators + pixels - 1) / pixels;
    return accumulators + pixels + weights + 1 <= size_t(registers);
}

} // namespace

void broadcast_lanes(llvm::Module &module, int registers) {
    for_each_function(module, [&](const FunctionLoops &f) {
        std::vector<Neighbours> found;
        for (llvm::Loop *loop : f.loops.getLoopsInPreorder()) {
            if (loop->getNumBlocks() != 1)
                continue;
            const auto neighbours = neighbours_of(*loop->getHeader(), f.evolution);
            if (fits(accumulators_of(*loop->getHeader()), neighbours.size(), registers))
                found.insert(found.end(), neighbours.begin(), neighbours.end());
        }
        for (const Neighbours &loads : found)
            load_as_vector(loads);
    });
}

} // namespace cnnc
