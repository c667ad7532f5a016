// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two hashes: one of short texts that may stand for the text (names of kernels and of cache files),
// and a fast one of large data, to find equal tensors and to tell builds apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cnnc {

// 32 hexadecimal digits: the first 128 bits of the text's SHA-1.
std::string hash128_hex(std::string_view text);

// Not cryptographic. Same bytes and seed, same value, on every machine.
uint64_t hash64(const void *bytes, size_t size, uint64_t seed = 0);

} // namespace cnnc
