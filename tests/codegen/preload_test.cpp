// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which memory the loops of a register tile ask for ahead: loops like those of a kernel are run
// with every prefetch written down.
#include "compiler/codegen/preload.h"

#include "compiler/codegen/emit.h"
#include "compiler/codegen/jit.h"
#include "compiler/codegen/llvm_versions.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace cnnc {
namespace {

constexpr int64_t line = 64, log_places = 1 << 20;

// for block, for tile (two loops), for row, for step: multiplies `vectors` vectors of 64 bytes.
struct Shape {
    int64_t blocks, tiles_y, tiles_x, rows, steps, vectors;
    bool unrolled_rows = false; // an innermost loop for each row
    int64_t tiles() const { return tiles_y * tiles_x; }
    int64_t panel() const { return rows * steps * vectors * 64; }
};

class Writer {
  public:
    explicit Writer(const Shape &shape)
        : shape_(shape), module_(std::make_unique<llvm::Module>("test", context_)), b_(context_) {
        floats_ = llvm::FixedVectorType::get(b_.getFloatTy(), 16);
        auto *function = llvm::Function::Create(
            llvm::FunctionType::get(
                b_.getVoidTy(), {pointer_to(b_.getInt8Ty()), pointer_to(b_.getInt8Ty())}, false),
            llvm::GlobalValue::ExternalLinkage, "walk", module_.get());
        b_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", function));
        weights_ = function->getArg(0);
        auto *sums = function->getArg(1);
        loop(shape.blocks, [&](llvm::Value *block) {
            loop(shape.tiles_y, [&](llvm::Value *) {
                loop(shape.tiles_x, [&](llvm::Value *) { tile(block, sums); });
            });
        });
        b_.CreateRetVoid();
    }
    llvm::Module &module() { return *module_; }

  private:
    void loop(int64_t count, const std::function<void(llvm::Value *)> &body) {
        llvm::BasicBlock *before = b_.GetInsertBlock();
        auto *block = llvm::BasicBlock::Create(context_, "loop", before->getParent());
        b_.CreateBr(block);
        b_.SetInsertPoint(block);
        llvm::PHINode *i = b_.CreatePHI(b_.getInt64Ty(), 2);
        body(i);
        llvm::Value *next = b_.CreateNSWAdd(i, b_.getInt64(1));
        i->addIncoming(b_.getInt64(0), before);
        i->addIncoming(next, b_.GetInsertBlock());
        auto *after = llvm::BasicBlock::Create(context_, "after", before->getParent());
        b_.CreateCondBr(b_.CreateICmpEQ(next, b_.getInt64(count)), after, block);
        b_.SetInsertPoint(after);
    }
    llvm::Value *place(llvm::Value *index, int64_t factor) {
        return b_.CreateNSWMul(index, b_.getInt64(factor));
    }
    void row(llvm::Value *begin, llvm::Value *sums) {
        loop(shape_.steps, [&](llvm::Value *step) {
            llvm::Value *at = b_.CreateNSWAdd(begin, place(step, 64 * shape_.vectors));
            for (int64_t i = 0; i < shape_.vectors; ++i) {
                llvm::Value *weight = at_byte(weights_, b_.CreateNSWAdd(at, b_.getInt64(64 * i)));
                llvm::Value *w = b_.CreateAlignedLoad(floats_, weight, llvm::Align(64));
                for (int64_t pixel = 0; pixel < 4; ++pixel) {
                    llvm::Value *sum = at_byte(sums, b_.getInt64(64 * (4 * i + pixel)));
                    llvm::Value *old = b_.CreateAlignedLoad(floats_, sum, llvm::Align(64));
                    b_.CreateAlignedStore(b_.CreateFMul(w, old), sum, llvm::Align(64));
                }
            }
        });
    }
    void tile(llvm::Value *block, llvm::Value *sums) {
        llvm::Value *panel = place(block, shape_.panel());
        const int64_t row_bytes = shape_.panel() / shape_.rows;
        if (!shape_.unrolled_rows)
            return loop(shape_.rows, [&](llvm::Value *r) {
                row(b_.CreateNSWAdd(panel, place(r, row_bytes)), sums);
            });
        for (int64_t r = 0; r < shape_.rows; ++r)
            row(b_.CreateNSWAdd(panel, b_.getInt64(r * row_bytes)), sums);
    }
    llvm::Value *at_byte(llvm::Value *base, llvm::Value *bytes) {
        return b_.CreateBitCast(b_.CreateGEP(b_.getInt8Ty(), base, bytes), pointer_to(floats_));
    }

    Shape shape_;
    llvm::LLVMContext context_;
    std::unique_ptr<llvm::Module> module_;
    llvm::IRBuilder<> b_;
    llvm::Type *floats_ = nullptr;
    llvm::Value *weights_ = nullptr;
};

llvm::GlobalVariable *global(llvm::Module &module, llvm::Type *type, const char *name) {
    return new llvm::GlobalVariable(module, type, false, llvm::GlobalValue::ExternalLinkage,
                                    llvm::Constant::getNullValue(type), name);
}

// In the place of each prefetch: log[count++] = address.
int log_prefetches(llvm::Module &module) {
    llvm::Type *i64 = llvm::Type::getInt64Ty(module.getContext());
    auto *log_type = llvm::ArrayType::get(i64, log_places);
    llvm::GlobalVariable *log = global(module, log_type, "log");
    llvm::GlobalVariable *count = global(module, i64, "count");
    std::vector<llvm::IntrinsicInst *> prefetches;
    for (llvm::BasicBlock &block : *module.getFunction("walk"))
        for (llvm::Instruction &i : block)
            if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&i))
                if (call->getIntrinsicID() == llvm::Intrinsic::prefetch)
                    prefetches.push_back(call);
    for (llvm::IntrinsicInst *call : prefetches) {
        llvm::IRBuilder<> b(call);
        llvm::Value *n = b.CreateLoad(i64, count);
        llvm::Value *place = b.CreateGEP(log_type, log, {b.getInt64(0), n});
        b.CreateStore(b.CreatePtrToInt(call->getArgOperand(0), i64), place);
        b.CreateStore(b.CreateAdd(n, b.getInt64(1)), count);
        call->eraseFromParent();
    }
    return int(prefetches.size());
}

// What was asked for, in order, as bytes behind the weights' begin.
std::vector<int64_t> asked(const Shape &shape) {
    Writer writer(shape);
    preload_panels(writer.module());
    EXPECT_FALSE(llvm::verifyModule(writer.module(), &llvm::errs()));
    if (log_prefetches(writer.module()) == 0)
        return {};
    NamedFile object{"walk.o", emit_object(writer.module(), host_target())};
    const LoadedObjects code({&object});
    const auto size = size_t(shape.blocks * shape.panel());
    auto *weights = static_cast<char *>(aligned_alloc(64, size));
    auto *sums = static_cast<char *>(aligned_alloc(64, size_t(64 * 4 * shape.vectors)));
    std::fill(weights, weights + size, char(0));
    std::fill(sums, sums + 64 * 4 * shape.vectors, char(0));
    code.find<void (*)(char *, char *)>("walk")(weights, sums);
    const int64_t count = *code.find<int64_t *>("count");
    const auto *log = code.find<int64_t *>("log");
    EXPECT_LE(count, log_places);
    std::vector<int64_t> offsets(log, log + count);
    for (int64_t &offset : offsets)
        offset -= reinterpret_cast<int64_t>(weights);
    free(weights);
    free(sums);
    return offsets;
}

// While a block is walked, every line of the next is asked for, in even shares, and little else.
void expect_next_panel(const Shape &shape) {
    const std::vector<int64_t> offsets = asked(shape);
    const int64_t share = int64_t(offsets.size()) / (shape.blocks * shape.tiles());
    ASSERT_EQ(int64_t(offsets.size()), share * shape.blocks * shape.tiles());
    ASSERT_GT(share, 0);
    for (int64_t block = 0; block < shape.blocks; ++block) {
        std::set<int64_t> lines;
        for (int64_t tile = 0; tile < shape.tiles(); ++tile) {
            std::set<int64_t> of_tile;
            for (int64_t i = 0; i < share; ++i)
                of_tile.insert(offsets[size_t((block * shape.tiles() + tile) * share + i)] / line);
            const int64_t even = shape.panel() / line / shape.tiles();
            EXPECT_NEAR(double(of_tile.size()), double(even), 2 + 0.3 * double(even));
            lines.insert(of_tile.begin(), of_tile.end());
        }
        const int64_t first = (block + 1) * shape.panel() / line;
        const int64_t end = first + shape.panel() / line;
        EXPECT_EQ(*lines.begin(), first);
        EXPECT_EQ(int64_t(lines.size()), *lines.rbegin() + 1 - first) << "there are gaps";
        EXPECT_GE(*lines.rbegin(), end - 1);
        EXPECT_LE(*lines.rbegin(), end + 4);
    }
}

TEST(Preload, AsksForTheNextBlock) {
    expect_next_panel({4, 7, 1, 3, 40, 2});
    expect_next_panel({3, 2, 3, 9, 16, 1});
    expect_next_panel({2, 14, 1, 1, 100, 2});
    expect_next_panel({2, 2, 1, 1, 64, 8}); // more than a line each time around
    expect_next_panel({1, 5, 5, 1, 50, 1}); // what lies behind the last block
}

TEST(Preload, SharesOnePanelAmongUnrolledLoops) {
    expect_next_panel({4, 7, 1, 3, 42, 2, true});
}

TEST(Preload, LeavesWhatIsWalkedOnce) {
    EXPECT_TRUE(asked({4, 1, 1, 3, 40, 2}).empty());
}

} // namespace
} // namespace cnnc
