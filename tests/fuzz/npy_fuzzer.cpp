// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any bytes at all as a .npy file: either diagnostics, or an array whose elements can all be read.
#include "compiler/import/npy.h"

#include <algorithm>
#include <cstdlib>

using namespace cnnc;

namespace {

// Reads every byte, so that a sanitizer sees one that is not there.
unsigned checksum(const TensorData &data) {
    unsigned sum = 0;
    for (size_t i = 0; i < data.byte_count(); ++i)
        sum = sum * 31 + std::to_integer<unsigned>(data.bytes[i]);
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    auto owner = std::make_shared<std::vector<std::byte>>(size);
    std::copy_n(reinterpret_cast<const std::byte *>(data), size, owner->begin());
    Diagnostics diags;
    auto array = parse_npy("fuzz", {owner, owner->data(), size}, diags);
    if (array.has_value() == diags.has_errors())
        std::abort();
    if (array && reinterpret_cast<uintptr_t>(array->bytes) % dtype_bytes(array->type.dtype) != 0)
        std::abort();
    volatile unsigned sum = array ? checksum(*array) : 0;
    (void)sum;
    diags.render(SourceManager());
    return 0;
}
