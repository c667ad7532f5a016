// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each kernel keeps as many independent accumulators as hide an FMA's latency on two ports (4
// cycles x 2 ports = 8 at least) and fit the registers, and hides from the optimizer what would
// let it skip the work. Sums stay finite: the factors are 0.5 and 1.
#include "compiler/driver/peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Makes the compiler take `value` for changed.
template <typename T>
inline __attribute__((always_inline)) void opaque(T &value) {
#if defined(__x86_64__)
    asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
    asm volatile("" : "+w"(value));
#else
    asm volatile("" : "+m"(value));
#endif
}

constexpr int64_t rounds_per_call = 20000;

// A kernel does rounds_per_call rounds over its accumulators and returns the operations done.
using Kernel = double (*)();

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double peak_avx512() {
    constexpr int accumulators = 16;
    __m512 sum[accumulators];
    for (auto &s : sum)
        s = _mm512_set1_ps(1);
    __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1);
    asm volatile("" : "+v"(half), "+v"(one));
    for (int64_t round = 0; round < rounds_per_call; ++round) {
#pragma GCC unroll 16
        for (auto &s : sum)
            s = _mm512_fmadd_ps(s, half, one);
    }
    for (auto &s : sum)
        asm volatile("" : : "v"(s));
    return 2.0 * 16 * accumulators * rounds_per_call;
}

__attribute__((target("avx2,fma"))) double peak_avx2() {
    constexpr int accumulators = 12;
    __m256 sum[accumulators];
    for (auto &s : sum)
        s = _mm256_set1_ps(1);
    __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1);
    opaque(half);
    opaque(one);
    for (int64_t round = 0; round < rounds_per_call; ++round) {
#pragma GCC unroll 12
        for (auto &s : sum)
            s = _mm256_fmadd_ps(s, half, one);
    }
    for (auto &s : sum)
        opaque(s);
    return 2.0 * 8 * accumulators * rounds_per_call;
}

__attribute__((target("avx"))) double peak_avx() {
    constexpr int accumulators = 12;
    __m256 sum[accumulators];
    for (auto &s : sum)
        s = _mm256_set1_ps(1);
    __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1);
    opaque(half);
    opaque(one);
    for (int64_t round = 0; round < rounds_per_call; ++round) {
#pragma GCC unroll 12
        for (auto &s : sum)
            s = _mm256_add_ps(_mm256_mul_ps(s, half), one);
    }
    for (auto &s : sum)
        opaque(s);
    return 2.0 * 8 * accumulators * rounds_per_call;
}
#endif

// Four lanes of whatever the compiler's own target has: SSE, NEON.
double peak_vec4() {
    typedef float Vec4 __attribute__((vector_size(16)));
    constexpr int accumulators = 12;
    Vec4 sum[accumulators];
    for (auto &s : sum)
        s = Vec4{1, 1, 1, 1};
    Vec4 half = {0.5f, 0.5f, 0.5f, 0.5f}, one = {1, 1, 1, 1};
    opaque(half);
    opaque(one);
    for (int64_t round = 0; round < rounds_per_call; ++round) {
#pragma GCC unroll 12
        for (auto &s : sum)
            s = s * half + one;
    }
    for (auto &s : sum)
        opaque(s);
    return 2.0 * 4 * accumulators * rounds_per_call;
}

Kernel kernel_for(const Target &target) {
#if defined(__x86_64__)
    if (target.has("avx512"))
        return peak_avx512;
    if (target.has("fma"))
        return peak_avx2;
    if (target.has("avx"))
        return peak_avx;
#endif
    (void)target;
    return peak_vec4;
}

// Reads `bytes` (a multiple of 1024) `passes` times.
using Reader = void (*)(const char *block, size_t bytes, int passes);

template <typename Vector>
inline __attribute__((always_inline)) void read_block(const char *block, size_t bytes, int passes) {
    Vector sum[4] = {};
    for (int pass = 0; pass < passes; ++pass)
        for (size_t at = 0; at < bytes; at += sizeof sum)
            for (size_t j = 0; j < 4; ++j)
                sum[j] |= *reinterpret_cast<const Vector *>(block + at + j * sizeof(Vector));
    for (Vector &s : sum)
        asm volatile("" : : "m"(s));
}

typedef uint64_t Words2 __attribute__((vector_size(16), may_alias));
void read_vec4(const char *block, size_t bytes, int passes) {
    read_block<Words2>(block, bytes, passes);
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void read_avx512(const char *block, size_t bytes, int passes) {
    typedef uint64_t Words __attribute__((vector_size(64), may_alias));
    read_block<Words>(block, bytes, passes);
}
__attribute__((target("avx2"))) void read_avx2(const char *block, size_t bytes, int passes) {
    typedef uint64_t Words __attribute__((vector_size(32), may_alias));
    read_block<Words>(block, bytes, passes);
}
#endif

Reader reader_for(const Target &target) {
#if defined(__x86_64__)
    if (target.has("avx512"))
        return read_avx512;
    if (target.has("avx2"))
        return read_avx2;
#endif
    (void)target;
    return read_vec4;
}

// The best of several short runs, so that a moment's disturbance does not lower the ceiling.
double best_rate(Kernel kernel, double seconds) {
    double best = 0;
    const Clock::time_point begin = Clock::now();
    do {
        const Clock::time_point start = Clock::now();
        const double work = kernel();
        best = std::max(best, work / seconds_since(start));
    } while (seconds_since(begin) < seconds);
    return best;
}

} // namespace

double measure_peak_gflops(const Target &target, int threads, double seconds) {
    const Kernel kernel = kernel_for(target);
    std::vector<double> rates(size_t(std::max(1, threads)));
    std::vector<std::thread> helpers;
    for (size_t i = 1; i < rates.size(); ++i)
        helpers.emplace_back([&, i] { rates[i] = best_rate(kernel, seconds); });
    rates[0] = best_rate(kernel, seconds);
    for (std::thread &helper : helpers)
        helper.join();
    double sum = 0;
    for (const double rate : rates)
        sum += rate;
    return sum / 1e9;
}

double measure_read_bandwidth(const Target &target, int64_t block_bytes, double seconds) {
    const size_t size = std::max<size_t>(1024, size_t(block_bytes)) / 1024 * 1024;
    std::vector<uint64_t> storage(size / 8 + 8, 1);
    const auto address = (reinterpret_cast<uintptr_t>(storage.data()) + 63) & ~uintptr_t(63);
    const auto *block = reinterpret_cast<const char *>(address);
    const Reader reader = reader_for(target);
    const int passes = int(std::max<size_t>(1, (size_t(1) << 20) / size));
    double best = 0;
    const Clock::time_point begin = Clock::now();
    do {
        const Clock::time_point start = Clock::now();
        reader(block, size, passes);
        best = std::max(best, double(size) * passes / seconds_since(start));
    } while (seconds_since(begin) < seconds);
    return best;
}

} // namespace cnnc
