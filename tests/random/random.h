// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random choices that are the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cnnc {

// splitmix64: the same numbers on every machine, unlike the distributions of <random>.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t bits() {
        uint64_t x = state_ += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
    // From low to high, both included.
    int64_t between(int64_t low, int64_t high) {
        return low + int64_t(bits() % uint64_t(high - low + 1));
    }
    bool chance(int percent) { return between(0, 99) < percent; }
    template <typename T>
    const T &pick(const std::vector<T> &from) {
        return from[std::size_t(between(0, int64_t(from.size()) - 1))];
    }

  private:
    uint64_t state_;
};

} // namespace cnnc
