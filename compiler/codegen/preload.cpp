// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/preload.h"

#include "compiler/codegen/addresses.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Utils/LoopUtils.h>
#include <llvm/Transforms/Utils/ScalarEvolutionExpander.h>

#include <algorithm>
#include <vector>

namespace cnnc {

namespace {

using llvm::ScalarEvolution;
using llvm::SCEV;

// How an innermost loop's stream of weights lies in its panel, and how often that is walked.
struct Walk {
    llvm::Loop *loop = nullptr;      // the innermost
    const SCEV *entry = nullptr;     // the address at which that loop is entered
    int64_t step = 0;                // bytes per iteration of it
    const SCEV *panel = nullptr;     // where the panel begins
    int64_t bytes = 0;               // of the panel
    std::vector<llvm::Loop *> tiles; // around the panel's loops, the innermost first
    int64_t passes = 1;              // their iterations
};

int64_t trip_count(const llvm::Loop *loop, ScalarEvolution &evolution) {
    return evolution.getSmallConstantTripCount(loop);
}

// The constant by which the address advances in this loop; 0 where it does not.
int64_t constant_step(const SCEV *address, const llvm::Loop *loop, ScalarEvolution &evolution) {
    auto *recurrence = llvm::dyn_cast<llvm::SCEVAddRecExpr>(address);
    if (!recurrence || recurrence->getLoop() != loop)
        return 0;
    auto *step = llvm::dyn_cast<llvm::SCEVConstant>(recurrence->getStepRecurrence(evolution));
    return step ? step->getAPInt().getSExtValue() : 0;
}

// From the innermost loop outwards: first the loops in which the address advances, by more and
// more, then those in which it stays the same.
Walk walk_of(llvm::LoadInst *load, llvm::Loop *innermost, ScalarEvolution &evolution) {
    Walk walk;
    walk.loop = innermost;
    const SCEV *address = evolution.getSCEV(load->getPointerOperand());
    llvm::Loop *loop = innermost;
    for (; loop; loop = loop->getParentLoop()) {
        const int64_t step = constant_step(address, loop, evolution);
        if (step <= 0 || step < walk.bytes)
            break;
        address = llvm::cast<llvm::SCEVAddRecExpr>(address)->getStart();
        const int64_t trips = trip_count(loop, evolution);
        if (trips == 0)
            return {};
        if (loop == innermost) {
            walk.step = walk.bytes = step;
            walk.entry = address;
        }
        walk.bytes += step * (trips - 1);
    }
    walk.panel = address;
    for (; loop && evolution.isLoopInvariant(address, loop) && trip_count(loop, evolution) > 0;
         loop = loop->getParentLoop()) {
        walk.tiles.push_back(loop);
        walk.passes *= trip_count(loop, evolution);
    }
    return walk;
}

// Several innermost loops share a panel where LLVM has unrolled the loop around them.
void join_panels(std::vector<Walk> &walks, ScalarEvolution &evolution) {
    for (size_t i = 0; i < walks.size(); ++i) {
        std::vector<std::pair<int64_t, Walk *>> shared; // bytes behind this one's
        int64_t begin = 0, end = 0;
        for (Walk &other : walks) {
            auto *apart = llvm::dyn_cast<llvm::SCEVConstant>(
                evolution.getMinusSCEV(other.panel, walks[i].panel));
            if (other.tiles != walks[i].tiles || !apart)
                continue;
            const int64_t at = apart->getAPInt().getSExtValue();
            shared.push_back({at, &other});
            begin = std::min(begin, at);
            end = std::max(end, at + other.bytes);
        }
        const SCEV *panel = std::min_element(shared.begin(), shared.end())->second->panel;
        for (auto [at, walk] : shared) {
            walk->panel = panel;
            walk->bytes = end - begin;
        }
    }
}

// One per innermost loop: the other vectors it loads lie in the same lines or the next ones.
std::vector<Walk> panel_walks(const FunctionLoops &f) {
    std::vector<Walk> walks;
    for (llvm::Loop *loop : f.loops.getLoopsInPreorder()) {
        if (!loop->isInnermost() || !loop->getLoopLatch())
            continue;
        for (llvm::LoadInst *load : tile_streams(*loop, f.evolution)) {
            Walk walk = walk_of(load, loop, f.evolution);
            if (walk.bytes == 0 || walk.passes < 2)
                continue;
            if (loop->getLoopPreheader() ||
                llvm::InsertPreheaderForLoop(loop, &f.dominators, &f.loops, nullptr, false))
                walks.push_back(walk);
            break;
        }
    }
    join_panels(walks, f.evolution);
    return walks;
}

// Bytes behind the panel's begin at which the share of the innermost loop begins: the next panel's
// as far in as this one's passes are done.
const SCEV *share_of(const Walk &walk, ScalarEvolution &evolution, llvm::Type *i64) {
    auto constant = [&](int64_t value) { return evolution.getConstant(i64, uint64_t(value)); };
    const SCEV *pass = constant(0);
    int64_t passes = 1;
    for (llvm::Loop *tile : walk.tiles) {
        pass = evolution.getAddExpr(
            pass, evolution.getAddRecExpr(constant(0), constant(passes), tile, SCEV::FlagAnyWrap));
        passes *= trip_count(tile, evolution);
    }
    const SCEV *walked = evolution.getAddExpr(evolution.getMulExpr(pass, constant(walk.bytes)),
                                              evolution.getMinusSCEV(walk.entry, walk.panel));
    return evolution.getAddExpr(evolution.getUDivExpr(walked, constant(passes)),
                                constant(walk.bytes));
}

void preload_in(const Walk &walk, ScalarEvolution &evolution, llvm::SCEVExpander &expander) {
    llvm::BasicBlock *preheader = walk.loop->getLoopPreheader();
    llvm::BasicBlock *header = walk.loop->getHeader(), *latch = walk.loop->getLoopLatch();
    llvm::Instruction *before = preheader->getTerminator();
    llvm::IRBuilder<> b(before);
    llvm::Type *pointer = pointer_to(b.getInt8Ty());
    llvm::Value *panel = expander.expandCodeFor(walk.panel, walk.panel->getType(), before);
    llvm::Value *share =
        expander.expandCodeFor(share_of(walk, evolution, b.getInt64Ty()), b.getInt64Ty(), before);
    b.SetInsertPoint(before);
    llvm::Value *first = b.CreateGEP(b.getInt8Ty(), b.CreateBitCast(panel, pointer), share);

    b.SetInsertPoint(&header->front());
    llvm::PHINode *ahead = b.CreatePHI(pointer, 2, "ahead");
    const int64_t step = (walk.step + walk.passes - 1) / walk.passes;
    // Behind the multiplications: nothing is scheduled across it, and loads that came early would
    // take the accumulators' registers.
    b.SetInsertPoint(latch->getTerminator());
    constexpr int read = 0, second_cache = 2, data = 1;
    for (int64_t at = 0; at < step; at += line_bytes)
        b.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer},
                          {b.CreateConstGEP1_64(b.getInt8Ty(), ahead, uint64_t(at)),
                           b.getInt32(read), b.getInt32(second_cache), b.getInt32(data)});
    ahead->addIncoming(first, preheader);
    ahead->addIncoming(b.CreateConstGEP1_64(b.getInt8Ty(), ahead, uint64_t(step)), latch);
}

} // namespace

void preload_panels(llvm::Module &module) {
    for_each_function(module, [&](const FunctionLoops &f) {
        const std::vector<Walk> walks = panel_walks(f);
        llvm::SCEVExpander expander(f.evolution, module.getDataLayout(), "ahead");
        for (const Walk &walk : walks)
            preload_in(walk, f.evolution, expander);
    });
}

} // namespace cnnc
