// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any bytes at all as a safetensors file: either diagnostics, or entries that lie inside the bytes.
#include "compiler/import/safetensors.h"
#include "tests/fuzz/bytes.h"

#include <cstdlib>

using namespace cnnc;

namespace {

unsigned checksum_of_all(const WeightsFile &weights) {
    unsigned sum = 0;
    for (const NamedTensor &entry : weights.entries)
        sum += checksum(entry.data);
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Diagnostics diags;
    auto weights = parse_safetensors("fuzz", fuzzed_file(data, size), diags);
    if (weights.has_value() == diags.has_errors())
        std::abort();
    volatile unsigned sum = weights ? checksum_of_all(*weights) : 0;
    (void)sum;
    diags.render(SourceManager());
    return 0;
}
