// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any bytes at all as a .npy file: either diagnostics, or an array whose elements can all be read.
#include "compiler/import/npy.h"
#include "tests/fuzz/bytes.h"

#include <cstdlib>

using namespace cnnc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Diagnostics diags;
    auto array = parse_npy("fuzz", fuzzed_file(data, size), diags);
    if (array.has_value() == diags.has_errors())
        std::abort();
    if (array && reinterpret_cast<uintptr_t>(array->bytes) % dtype_bytes(array->type.dtype) != 0)
        std::abort();
    volatile unsigned sum = array ? checksum(*array) : 0;
    (void)sum;
    diags.render(SourceManager());
    return 0;
}
