// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Exposing results moves every temporary buffer to a place of its own and changes nothing else.
#include "compiler/driver/expose.h"

#include "compiler/passes/passes.h"
#include "compiler/plan/plan.h"
#include "tests/random/random_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cnnc {
namespace {

bool was_moved(const KernelGraph &before, const TensorRef &ref) {
    return before.buffers[size_t(ref.buffer)].kind == Buffer::Kind::temp;
}

TEST(Expose, MovesTemporariesIntoOneMoreOutput) {
    int moved = 0;
    for (uint64_t seed = 0; seed < 50; ++seed) {
        const KernelGraph before = form_kernels(optimize(random_graph(seed, {})));
        const KernelGraph after = expose_results(before);
        ASSERT_EQ(after.kernels.size(), before.kernels.size());
        std::vector<std::pair<int64_t, int64_t>> taken; // places of moved buffers, in bytes
        for (size_t i = 0; i < before.kernels.size(); ++i) {
            EXPECT_TRUE(after.kernels[i].workload == before.kernels[i].workload);
            const TensorRef &ref = before.kernels[i].output;
            const TensorRef &now = after.kernels[i].output;
            const int64_t element = int64_t(dtype_bytes(before.kernels[i].workload.output.dtype));
            if (!was_moved(before, ref)) {
                EXPECT_EQ(now.buffer, ref.buffer);
                EXPECT_EQ(now.offset, ref.offset);
                continue;
            }
            ++moved;
            const Buffer &target = after.buffers[size_t(now.buffer)];
            EXPECT_EQ(target.kind, Buffer::Kind::output);
            EXPECT_EQ(target.index, int(before.graph.outputs.size()));
            const int64_t start = (now.offset - ref.offset) * element;
            EXPECT_EQ(start % arena_alignment, 0);
            const int64_t size = before.buffers[size_t(ref.buffer)].bytes;
            EXPECT_LE(start + size, target.bytes);
            taken.emplace_back(start, start + size);
        }
        std::sort(taken.begin(), taken.end());
        taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
        for (size_t i = 1; i < taken.size(); ++i)
            EXPECT_LE(taken[i - 1].second, taken[i].first) << "seed " << seed;
        EXPECT_EQ(plan_memory(after).arena_bytes, 0);
    }
    EXPECT_GT(moved, 50);
}

} // namespace
} // namespace cnnc
