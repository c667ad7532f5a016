// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the fuzzers of file formats share: the fuzzer's bytes as a file's, and reading all of a
// tensor.
#pragma once

#include "compiler/graph/tensor.h"
#include "compiler/import/file.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace cnnc {

// In memory of exactly their size, so that a sanitizer sees what is read beyond it.
inline FileBytes fuzzed_file(const uint8_t *data, size_t size) {
    auto owner = std::make_shared<std::vector<std::byte>>(size);
    std::copy_n(reinterpret_cast<const std::byte *>(data), size, owner->begin());
    return {owner, owner->data(), size};
}

// Reads every byte, so that a sanitizer sees one that is not there.
inline unsigned checksum(const TensorData &data) {
    unsigned sum = 0;
    for (size_t i = 0; i < data.byte_count(); ++i)
        sum = sum * 31 + std::to_integer<unsigned>(data.bytes[i]);
    return sum;
}

} // namespace cnnc
