// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CMake knows the versions.
#include "compiler/codegen/versions.h"

// Generated when cnnc is built (cmake/HashSources.cmake).
extern const char *const cnnc_sources_hash;

namespace cnnc {

std::string cnnc_version() {
    return CNNC_VERSION;
}

std::string halide_version() {
    return CNNC_HALIDE_VERSION;
}

std::string compiler_identity() {
    return std::string(CNNC_VERSION) + " " + cnnc_sources_hash;
}

} // namespace cnnc
