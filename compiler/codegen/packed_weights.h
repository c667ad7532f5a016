// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All constants of a network as one block of bytes: weights and biases as their kernels read them,
// and constant buffers. Each starts on a cache line; what is equal is stored once.
#pragma once

#include "compiler/codegen/library.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

struct PackedWeights {
    struct Offsets {
        int64_t weight = -1, bias = -1; // -1: the kernel has none
    };
    // The block, from data_object_offset on: room for the head of an object or a weights file.
    std::string bytes;
    std::vector<std::vector<Offsets>> variants; // per variant and kernel
    std::vector<int64_t> ends;    // per variant: all that it reads lies in front of this
    std::vector<int64_t> buffers; // -1: not constant
    uint64_t identity = 0;        // changes with the contents and with what lies where

    size_t size() const;
};

// Throws LibraryError when they are more than the target can link or map.
PackedWeights pack_weights(const LibraryRequest &request);

// Makes `weights.bytes` the weights file that the run time maps.
void finish_weights_file(PackedWeights &weights);

} // namespace cnnc
