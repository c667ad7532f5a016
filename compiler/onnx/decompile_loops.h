// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rows of calls of one block, as loops.
#pragma once

#include "compiler/onnx/decompile_blocks.h"

#include <string>
#include <vector>

namespace cnnc::decompiler {

// Items [begin, end) of a body: each takes the one before, all are calls of one block.
struct Loop {
    int begin = 0, end = 0;
    std::vector<std::string> heads; // "for i in 0..3": one, or one within the other
    std::string call;               // "bottleneck(64)", without the operand
    std::string path;               // "layer{stage + 1}.{i}"
};

// The loops of a block's body, in order. `uses`: how often each item's value is used.
std::vector<Loop> find_loops(const Block &block, const std::vector<int> &uses);

// "64", "stride=2", ...: the arguments of a call that are not implied.
std::vector<std::string> written_arguments(const OperatorCall &call);

} // namespace cnnc::decompiler
