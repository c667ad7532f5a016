// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What cnnc is made of. LLVM's version is in emit.h.
#pragma once

#include <string>

namespace cnnc {

std::string cnnc_version();   // "0.1.0"
std::string halide_version(); // "14.0.0"

} // namespace cnnc
