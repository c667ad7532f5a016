// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CMake knows the versions.
#include "compiler/codegen/versions.h"

namespace cnnc {

std::string cnnc_version() {
    return CNNC_VERSION;
}

std::string halide_version() {
    return CNNC_HALIDE_VERSION;
}

} // namespace cnnc
