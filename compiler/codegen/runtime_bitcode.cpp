// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Chooses among the arrays that cmake/EmbedFile.cmake makes of the bitcode files.
#include "compiler/codegen/runtime_bitcode.h"

#include <cassert>
#include <cstddef>

extern "C" {
extern const unsigned char cnnc_runtime_aarch64[], cnnc_runtime_armv7[], cnnc_runtime_i686[],
    cnnc_runtime_riscv64[], cnnc_runtime_x86_64[];
extern const size_t cnnc_runtime_aarch64_size, cnnc_runtime_armv7_size, cnnc_runtime_i686_size,
    cnnc_runtime_riscv64_size, cnnc_runtime_x86_64_size;
}

namespace cnnc {
namespace {

std::string_view view(const unsigned char *bytes, size_t size) {
    return {reinterpret_cast<const char *>(bytes), size};
}

} // namespace

std::string_view runtime_bitcode(const Target &target) {
    bool wide = target.bits == 64;
    switch (target.arch) {
    case Arch::x86:
        return wide ? view(cnnc_runtime_x86_64, cnnc_runtime_x86_64_size)
                    : view(cnnc_runtime_i686, cnnc_runtime_i686_size);
    case Arch::arm:
        return wide ? view(cnnc_runtime_aarch64, cnnc_runtime_aarch64_size)
                    : view(cnnc_runtime_armv7, cnnc_runtime_armv7_size);
    case Arch::riscv:
        return view(cnnc_runtime_riscv64, cnnc_runtime_riscv64_size);
    case Arch::wasm:
        break;
    }
    assert(false && "parse_target lets no other target pass");
    return {};
}

} // namespace cnnc
