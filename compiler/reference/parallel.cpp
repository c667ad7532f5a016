// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads that take the next piece of work until none is left.
#include "compiler/reference/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace cnnc::reference {

void parallel_for(int64_t count, bool worthwhile, const std::function<void(int64_t)> &work) {
    std::atomic<int64_t> next = 0;
    const auto run = [&] {
        for (int64_t i = next++; i < count; i = next++) {
            work(i);
        }
    };
    const int64_t hardware = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> helpers;
    for (int64_t t = 1; worthwhile && t < std::min(hardware, count); ++t) {
        helpers.emplace_back(run);
    }
    run();
    for (std::thread &helper : helpers) {
        helper.join();
    }
}

} // namespace cnnc::reference
