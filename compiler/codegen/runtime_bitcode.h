// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The run time (runtime/) as LLVM bitcode, compiled for each architecture when cnnc is built.
#pragma once

#include "compiler/target/target.h"

#include <string_view>

namespace cnnc {

std::string_view runtime_bitcode(const Target &target);

} // namespace cnnc
