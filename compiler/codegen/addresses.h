// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which loads of LLVM's code are from one stream, and where each lies in it.
#pragma once

#include <cstdint>
#include <vector>

namespace llvm {
class LoadInst;
class ScalarEvolution;
} // namespace llvm

namespace cnnc {

struct PlacedLoad {
    int64_t at; // bytes behind a load of the stream
    llvm::LoadInst *load;
};
// Loads whose addresses differ by constants, in the order of their addresses.
using Stream = std::vector<PlacedLoad>;

std::vector<Stream> streams_of(std::vector<llvm::LoadInst *> loads,
                               llvm::ScalarEvolution &evolution);

} // namespace cnnc
