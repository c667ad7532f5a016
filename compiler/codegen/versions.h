// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What cnnc is made of. LLVM's version is in emit.h.
#pragma once

#include <string>

namespace cnnc {

std::string cnnc_version();   // "0.1.0"
std::string halide_version(); // "14.0.0"

// The version and a hash of the sources that decide what kernels look like: kernels compiled by
// another state of cnnc must not be taken for this one's.
std::string compiler_identity();

} // namespace cnnc
