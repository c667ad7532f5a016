// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The tables of Sample nodes as values: what passes make, read and combine.
#pragma once

#include "compiler/passes/replace.h"

#include <map>
#include <optional>
#include <vector>

namespace cnnc {

// Of one dimension: per position of the result its taps. `weight` is empty but for weighted sums.
struct SampleTable {
    int64_t taps = 1;
    std::vector<int64_t> index;
    std::vector<double> weight;

    int64_t extent() const { return int64_t(index.size()) / taps; }
};

// A Sample node with its tables by dimension.
struct TabledSample {
    SampleKind kind = SampleKind::pick;
    std::map<int64_t, SampleTable> tables;
    double fill = 0;
};

// Position o takes element positions[o].
SampleTable pick_table(std::vector<int64_t> positions);
// Whether positions 0, 1, ... take themselves, of a dimension with so many elements.
bool is_identity(const SampleTable &table, int64_t extent);
// Whether some position takes the fill.
bool has_fill(const SampleTable &table);
bool has_fill(const TabledSample &sample);

// Reads a Sample node of the graph; nothing where a table is no Constant.
std::optional<TabledSample> read_sample(const Graph &graph, NodeId id);

// Adds the node with its tables; `x` itself where there are none.
NodeId add_sample(Replacement &r, NodeId x, const TabledSample &sample, const std::string &role);

// First `inner`, then `outer`, as one; nothing where no tables say that.
std::optional<TabledSample> compose(const TabledSample &inner, const TabledSample &outer);

} // namespace cnnc
