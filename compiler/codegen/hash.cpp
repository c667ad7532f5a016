// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// hash64 folds four independent lanes of eight bytes with multiplications, so that it runs at the
// speed of memory.
#include "compiler/codegen/hash.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/SHA1.h>

#include <array>
#include <cstring>

namespace cnnc {
namespace {

// Odd, with half of their bits set: the fractional parts of the square roots of 2, 3, 5 and 7.
constexpr uint64_t keys[4] = {0x6a09e667f3bcc909u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu,
                              0xa54ff53a5f1d36f1u};

uint64_t mix(uint64_t lane, uint64_t word, uint64_t key) {
    lane = (lane ^ word) * key;
    return lane ^ (lane >> 29);
}

} // namespace

std::string hash128_hex(std::string_view text) {
    auto *bytes = reinterpret_cast<const uint8_t *>(text.data());
    std::array<uint8_t, 20> digest = llvm::SHA1::hash({bytes, text.size()});
    return llvm::toHex(llvm::ArrayRef<uint8_t>(digest).take_front(16), /*LowerCase=*/true);
}

uint64_t hash64(const void *bytes, size_t size, uint64_t seed) {
    uint64_t lanes[4] = {seed ^ keys[0], seed ^ keys[1], seed ^ keys[2], seed ^ size};
    auto *at = static_cast<const unsigned char *>(bytes);
    for (size_t done = 0; done < size; done += sizeof(lanes)) {
        uint64_t words[4] = {};
        std::memcpy(words, at + done, size - done < sizeof(words) ? size - done : sizeof(words));
        for (int i = 0; i < 4; i++)
            lanes[i] = mix(lanes[i], words[i], keys[i]);
    }
    uint64_t hash = 0;
    for (uint64_t lane : lanes)
        hash = mix(mix(hash, lane, keys[1]), lane >> 32, keys[3]);
    return hash;
}

} // namespace cnnc
