// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A block's body as statements of .cnn.
#pragma once

#include "compiler/onnx/decompile_blocks.h"

#include <string>

namespace cnnc::decompiler {

// The definition of a block, or of the network (which has a single instance, group 0).
std::string print_block(const Graph &graph, const Block &block);

} // namespace cnnc::decompiler
