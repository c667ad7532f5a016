// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Appending integers to file contents: every target is little-endian, whatever the host is.
#pragma once

#include <cstdint>
#include <string>

namespace cnnc {

inline void put_le(std::string &out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out += char(value >> (8 * i));
}

inline void put_be(std::string &out, uint64_t value, int bytes) {
    for (int i = bytes; i-- > 0;)
        out += char(value >> (8 * i));
}

inline void pad_to(std::string &out, size_t alignment) {
    out.resize((out.size() + alignment - 1) / alignment * alignment, '\0');
}

} // namespace cnnc
