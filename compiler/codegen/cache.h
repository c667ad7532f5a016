// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiled kernels on disk, one file per key. Any number of processes may use one folder at the
// same time. Nothing here fails: what cannot be read is absent, what cannot be written is not kept.
#pragma once

#include "compiler/codegen/kernel.h"

#include <optional>
#include <string>
#include <string_view>

namespace cnnc {

// `dir` if given, else $CNNC_CACHE_DIR, else $XDG_CACHE_HOME/cnnc, else ~/.cache/cnnc; "" when none
// of them is set.
std::string kernel_cache_dir(const std::string &dir);

// `name` is the file's (a hash of the key is enough: the key itself is compared).
std::optional<CompiledKernel> load_cached_kernel(const std::string &dir, const std::string &name,
                                                 std::string_view key);
void store_cached_kernel(const std::string &dir, const std::string &name, std::string_view key,
                         const CompiledKernel &kernel);
// Removes the entries unused for longest until the folder holds at most `max_bytes`, and what
// interrupted writers left behind.
void prune_kernel_cache(const std::string &dir, int64_t max_bytes);

} // namespace cnnc
