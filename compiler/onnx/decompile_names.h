// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which words of paths say something, and identifiers made of them.
#pragma once

#include "compiler/onnx/decompile_blocks.h"

#include <string>
#include <string_view>
#include <vector>

namespace cnnc::decompiler {

// The words of a path: "layer1", "0", "conv1".
std::vector<std::string_view> words_of(std::string_view path);

// Whether a word is no more than a number or a kind of layer ("0", "conv1", "features").
bool is_generic(std::string_view word);

// The last word of a path that says something, as an identifier; empty if none does.
std::string telling_word(std::string_view path);

// Whether a name may be bound in .cnn without confusing anybody: no keyword, operator, type, ...
bool is_free_identifier(const std::string &name);

// What to call a block: by its instances' paths if they agree, or else by what is in it.
std::string block_name(const Graph &graph, const GroupTree &tree, const Block &block);

} // namespace cnnc::decompiler
