// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Offsets by best fit: buffers are placed one after another, each into the smallest gap that fits
// between the buffers placed so far which are alive at the same time. The result depends on the
// order, so several are tried and the best is kept.
#include "compiler/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <numeric>

namespace cnnc {
namespace {

// Placing n buffers takes time proportional to n^2; with more than this, one order has to do.
constexpr size_t many_buffers = 5000;

int64_t aligned(int64_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

struct Item {
    int buffer = -1;
    int64_t bytes = 0; // a multiple of the alignment
    int first = 0, last = 0;
};

bool overlap_in_time(const Item &a, const Item &b) {
    return a.first <= b.last && b.first <= a.last;
}

// The best gap for `item` among the placed items that live with it.
int64_t best_offset(const Item &item, const std::vector<Item> &placed,
                    const std::vector<int64_t> &offsets) {
    // `placed` is ordered by offset.
    int64_t best = -1, best_gap = 0, end = 0;
    for (const Item &other : placed) {
        if (!overlap_in_time(item, other))
            continue;
        const int64_t begin = offsets[size_t(other.buffer)];
        const int64_t gap = begin - end;
        if (gap >= item.bytes && (best < 0 || gap < best_gap)) {
            best = end;
            best_gap = gap;
        }
        end = std::max(end, begin + other.bytes);
    }
    return best >= 0 ? best : end;
}

struct Packing {
    std::vector<int64_t> offsets; // per buffer
    int64_t bytes = 0;
};

Packing place_in_order(const std::vector<Item> &items, size_t buffers) {
    Packing packing{std::vector<int64_t>(buffers, -1), 0};
    std::vector<Item> placed; // ordered by offset
    for (const Item &item : items) {
        const int64_t offset = best_offset(item, placed, packing.offsets);
        packing.offsets[size_t(item.buffer)] = offset;
        packing.bytes = std::max(packing.bytes, offset + item.bytes);
        auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                   [&](int64_t o, const Item &other) {
                                       return o < packing.offsets[size_t(other.buffer)];
                                   });
        placed.insert(at, item);
    }
    return packing;
}

using Before = std::function<bool(const Item &, const Item &)>;

const std::vector<Before> &orders() {
    static const std::vector<Before> table = {
        // Large ones first: small ones fill the gaps.
        [](const Item &a, const Item &b) { return a.bytes > b.bytes; },
        // Long-lived ones first: they sit at the bottom, out of the way of the rest.
        [](const Item &a, const Item &b) { return a.last - a.first > b.last - b.first; },
        // As they come.
        [](const Item &a, const Item &b) { return a.first < b.first; },
        // By the space and time they take.
        [](const Item &a, const Item &b) {
            return double(a.bytes) * (a.last - a.first + 1) >
                   double(b.bytes) * (b.last - b.first + 1);
        },
    };
    return table;
}

// Per kernel, the bytes alive while it runs.
std::vector<int64_t> live_bytes(const std::vector<Item> &items, size_t kernels) {
    std::vector<int64_t> change(kernels + 1, 0);
    for (const Item &item : items) {
        change[size_t(item.first)] += item.bytes;
        change[size_t(item.last) + 1] -= item.bytes;
    }
    std::partial_sum(change.begin(), change.end(), change.begin());
    return change;
}

// What is alive with the fullest kernel first, by size: at that moment everything has to fit, so
// it should be packed without gaps; the rest, by size, afterwards.
Before fullest_first(const std::vector<int64_t> &live) {
    const auto peak = int(std::max_element(live.begin(), live.end()) - live.begin());
    return [peak](const Item &a, const Item &b) {
        const bool a_in = a.first <= peak && peak <= a.last;
        const bool b_in = b.first <= peak && peak <= b.last;
        return a_in != b_in ? a_in : a.bytes > b.bytes;
    };
}

void find_lifetimes(Plan &plan, const KernelGraph &kernels) {
    plan.first_use.assign(kernels.buffers.size(), -1);
    plan.last_use.assign(kernels.buffers.size(), -1);
    auto use = [&](const TensorRef &ref, size_t kernel) {
        const auto b = size_t(ref.buffer);
        if (plan.first_use[b] < 0)
            plan.first_use[b] = int(kernel);
        plan.last_use[b] = int(kernel);
    };
    for (size_t k = 0; k < kernels.kernels.size(); k++) {
        for (const TensorRef &input : kernels.kernels[k].inputs)
            use(input, k);
        use(kernels.kernels[k].output, k);
    }
}

bool in_arena(const Plan &plan, const KernelGraph &kernels, size_t b) {
    return kernels.buffers[b].kind == Buffer::Kind::temp && plan.first_use[b] >= 0;
}

} // namespace

Plan plan_memory(const KernelGraph &kernels) {
    Plan plan;
    find_lifetimes(plan, kernels);
    std::vector<Item> items;
    for (size_t b = 0; b < kernels.buffers.size(); b++)
        if (in_arena(plan, kernels, b))
            items.push_back(
                {int(b), aligned(kernels.buffers[b].bytes), plan.first_use[b], plan.last_use[b]});
    const std::vector<int64_t> live = live_bytes(items, kernels.kernels.size());
    plan.lower_bound = *std::max_element(live.begin(), live.end());

    std::vector<Before> all = orders();
    all.push_back(fullest_first(live));
    if (items.size() > many_buffers)
        all.resize(1);
    plan.offsets.assign(kernels.buffers.size(), -1);
    for (size_t i = 0; i < all.size() && (i == 0 || plan.arena_bytes > plan.lower_bound); i++) {
        std::vector<Item> ordered = items;
        std::stable_sort(ordered.begin(), ordered.end(), all[i]);
        Packing packing = place_in_order(ordered, kernels.buffers.size());
        if (i > 0 && packing.bytes >= plan.arena_bytes)
            continue;
        plan.offsets = std::move(packing.offsets);
        plan.arena_bytes = packing.bytes;
    }
    return plan;
}

std::vector<std::string> verify(const Plan &plan, const KernelGraph &kernels) {
    std::vector<std::string> findings;
    Plan expected;
    find_lifetimes(expected, kernels);
    if (plan.offsets.size() != kernels.buffers.size() || plan.first_use != expected.first_use ||
        plan.last_use != expected.last_use)
        return {"lifetimes are not those of the kernels"};
    std::vector<Item> items;
    for (size_t b = 0; b < kernels.buffers.size(); b++) {
        const Buffer &buffer = kernels.buffers[b];
        const int64_t offset = plan.offsets[b];
        if (!in_arena(plan, kernels, b)) {
            if (offset != -1)
                findings.push_back(fmt::format("{} is not in the arena", buffer.name));
            continue;
        }
        if (offset < 0 || offset % arena_alignment != 0 || offset + buffer.bytes > plan.arena_bytes)
            findings.push_back(fmt::format("{} lies wrong in the arena", buffer.name));
        items.push_back({int(b), buffer.bytes, plan.first_use[b], plan.last_use[b]});
    }
    // Neighbours in the order of offsets suffice only among those alive together: compare all.
    for (size_t i = 0; i < items.size(); i++)
        for (size_t j = 0; j < i; j++) {
            const int64_t a = plan.offsets[size_t(items[i].buffer)];
            const int64_t b = plan.offsets[size_t(items[j].buffer)];
            if (overlap_in_time(items[i], items[j]) && a < b + items[j].bytes &&
                b < a + items[i].bytes)
                findings.push_back(fmt::format("{} overlaps {}",
                                               kernels.buffers[size_t(items[i].buffer)].name,
                                               kernels.buffers[size_t(items[j].buffer)].name));
        }
    return findings;
}

} // namespace cnnc
