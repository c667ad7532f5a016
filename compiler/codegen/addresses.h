// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The loops of LLVM's code and what they load: where it lies, how it advances, and which loads are
// from one stream.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace llvm {
class DominatorTree;
class LoadInst;
class Loop;
class LoopInfo;
class Module;
class ScalarEvolution;
} // namespace llvm

namespace cnnc {

// Of a cache line; that of some CPUs is longer.
constexpr int64_t line_bytes = 64;

// A function's loops and the addresses in them, until its code changes.
struct FunctionLoops {
    llvm::LoopInfo &loops;
    llvm::DominatorTree &dominators;
    llvm::ScalarEvolution &evolution;
};
// Of every function that the module defines.
void for_each_function(llvm::Module &module, const std::function<void(const FunctionLoops &)> &f);

// Where the innermost loop is a register tile's (it multiplies vectors): its vector loads whose
// address advances by a constant each time around.
std::vector<llvm::LoadInst *> tile_streams(const llvm::Loop &loop,
                                           llvm::ScalarEvolution &evolution);

struct PlacedLoad {
    int64_t at; // bytes behind a load of the stream
    llvm::LoadInst *load;
};
// Loads whose addresses differ by constants, in the order of their addresses.
using Stream = std::vector<PlacedLoad>;

std::vector<Stream> streams_of(std::vector<llvm::LoadInst *> loads,
                               llvm::ScalarEvolution &evolution);

} // namespace cnnc
