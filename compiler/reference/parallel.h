// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Independent pieces of work on the machine's threads.
#pragma once

#include <cstdint>
#include <functional>

namespace cnnc::reference {

// Calls work(0) ... work(count - 1), on all of the machine's threads if it is worth their start.
void parallel_for(int64_t count, bool worthwhile, const std::function<void(int64_t)> &work);

} // namespace cnnc::reference
