// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A compiled kernel as bytes, as it travels from a worker process and lies in the cache. Carries a
// checksum: truncated or damaged bytes are refused.
#pragma once

#include "compiler/codegen/kernel.h"

#include <optional>
#include <string>
#include <string_view>

namespace cnnc {

// `key` is kept beside the kernel, so that a reader can tell whose result it is.
std::string kernel_to_bytes(const CompiledKernel &kernel, std::string_view key);
// Nothing unless `bytes` is whole, undamaged and was written for `key`.
std::optional<CompiledKernel> kernel_from_bytes(std::string_view bytes, std::string_view key);

} // namespace cnnc
