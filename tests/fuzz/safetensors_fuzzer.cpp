// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any bytes at all as a safetensors file: either diagnostics, or entries that lie inside the bytes.
#include "compiler/import/safetensors.h"

#include <algorithm>
#include <cstdlib>

using namespace cnnc;

namespace {

// Reads every byte of every entry, so that a sanitizer sees one that is not there.
unsigned checksum(const WeightsFile &weights) {
    unsigned sum = 0;
    for (const NamedTensor &entry : weights.entries) {
        for (size_t i = 0; i < entry.data.byte_count(); ++i)
            sum = sum * 31 + std::to_integer<unsigned>(entry.data.bytes[i]);
    }
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    auto owner = std::make_shared<std::vector<std::byte>>(size);
    std::copy_n(reinterpret_cast<const std::byte *>(data), size, owner->begin());
    Diagnostics diags;
    auto weights = parse_safetensors("fuzz", {owner, owner->data(), size}, diags);
    if (weights.has_value() == diags.has_errors())
        std::abort();
    volatile unsigned sum = weights ? checksum(*weights) : 0;
    (void)sum;
    diags.render(SourceManager());
    return 0;
}
