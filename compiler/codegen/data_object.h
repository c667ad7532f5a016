// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Object files of bare data. Weights can be hundreds of megabytes: LLVM's constants would cost many
// times that and minutes, so the file is written directly.
#pragma once

#include "compiler/target/target.h"

#include <string>

namespace cnnc {

// Where the data begins in the object; the weights file's head has the same size.
constexpr size_t data_object_offset = 64;

// Makes `bytes`, whose data begins at data_object_offset, an ELF relocatable object for the target.
// It defines `symbol`, hidden, over the data in a read-only section aligned to 64 bytes.
void finish_data_object(std::string &bytes, const Target &target, const std::string &symbol);

} // namespace cnnc
