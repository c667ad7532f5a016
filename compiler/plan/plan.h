// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory plan: where in one arena each temporary buffer lives, and for how long.
#pragma once

#include "compiler/graph/kernel_graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// Buffers start at multiples of this (a cache line, and the widest vector).
constexpr int64_t arena_alignment = 64;

struct Plan {
    std::vector<int64_t> offsets;         // per buffer, in bytes; -1 for buffers outside the arena
    std::vector<int> first_use, last_use; // per buffer: kernel indices, -1 if never
    int64_t arena_bytes = 0;
    // Largest sum of the sizes of buffers alive during one kernel: no plan can need less.
    int64_t lower_bound = 0;
};

// Orders nothing: kernels run in the KernelGraph's order.
[[nodiscard]] Plan plan_memory(const KernelGraph &kernels);

// Overlaps of live buffers and buffers outside the arena, in words; empty when sound.
std::vector<std::string> verify(const Plan &plan, const KernelGraph &kernels);

} // namespace cnnc
