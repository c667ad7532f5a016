// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See sample_tables.h.
#include "compiler/passes/sample_tables.h"

#include <algorithm>
#include <cassert>

namespace cnnc {
namespace {

// A pick among weighted sums or maxima: one tap, of weight 1.
SampleTable as_kind(SampleTable table, SampleKind kind) {
    if (kind == SampleKind::weighted_sum && table.weight.empty())
        table.weight.assign(table.index.size(), 1.0);
    return table;
}

// Row o of the result is row `rows[o]` of the table (-1 stays).
SampleTable select_rows(const SampleTable &table, const std::vector<int64_t> &rows) {
    SampleTable result;
    result.taps = table.taps;
    for (int64_t row : rows)
        for (int64_t t = 0; t < table.taps; t++) {
            const auto i = size_t(row * table.taps + t);
            result.index.push_back(row < 0 ? -1 : table.index[i]);
            if (!table.weight.empty())
                result.weight.push_back(table.weight[i]);
        }
    return result;
}

// The outer table's positions looked up in the inner one, a pick.
SampleTable through_pick(const SampleTable &pick, SampleTable outer) {
    for (int64_t &i : outer.index)
        i = i < 0 ? -1 : pick.index[size_t(i)];
    return outer;
}

} // namespace

SampleTable pick_table(std::vector<int64_t> positions) {
    return {1, std::move(positions), {}};
}

bool is_identity(const SampleTable &table, int64_t extent) {
    if (table.extent() != extent)
        return false;
    for (int64_t o = 0; o < extent; o++)
        for (int64_t t = 0; t < table.taps; t++) {
            const auto i = size_t(o * table.taps + t);
            const bool counts = table.weight.empty() || table.weight[i] != 0;
            if (counts && (table.index[i] != o || (!table.weight.empty() && table.weight[i] != 1)))
                return false;
        }
    return true;
}

bool has_fill(const SampleTable &table) {
    return std::any_of(table.index.begin(), table.index.end(), [](int64_t i) { return i < 0; });
}

bool has_fill(const TabledSample &sample) {
    return std::any_of(sample.tables.begin(), sample.tables.end(),
                       [](const auto &entry) { return has_fill(entry.second); });
}

std::optional<TabledSample> read_sample(const Graph &graph, NodeId id) {
    const Node &node = graph[id];
    const auto &op = std::get<Sample>(node.op);
    TabledSample sample{op.kind, {}, op.fill};
    size_t next = 1;
    auto table_values = [&]() -> const std::vector<double> * {
        const auto *constant = std::get_if<Constant>(&graph[node.inputs[next++]].op);
        return constant ? &constant->values : nullptr;
    };
    for (int64_t dim : op.dims) {
        SampleTable &table = sample.tables[dim];
        table.taps = graph[node.inputs[next]].type.shape[1];
        const auto *index = table_values();
        const auto *weight = op.kind == SampleKind::weighted_sum ? table_values() : nullptr;
        if (!index || (op.kind == SampleKind::weighted_sum && !weight))
            return std::nullopt;
        table.index.assign(index->begin(), index->end());
        if (weight)
            table.weight = *weight;
    }
    return sample;
}

NodeId add_sample(Replacement &r, NodeId x, const TabledSample &sample, const std::string &role) {
    if (sample.tables.empty())
        return x;
    Sample op{sample.kind, {}, sample.fill};
    std::vector<NodeId> inputs = {x};
    for (const auto &[dim, table] : sample.tables) {
        op.dims.push_back(dim);
        const Shape shape{table.extent(), table.taps};
        inputs.push_back(r.constant({DType::i32, shape}, {table.index.begin(), table.index.end()},
                                    "index" + std::to_string(dim)));
        if (sample.kind == SampleKind::weighted_sum)
            inputs.push_back(
                r.constant({DType::f32, shape}, table.weight, "weight" + std::to_string(dim)));
    }
    return r.add(op, std::move(inputs), role);
}

std::optional<TabledSample> compose(const TabledSample &inner, const TabledSample &outer) {
    const bool inner_picks = inner.kind == SampleKind::pick;
    const bool outer_picks = outer.kind == SampleKind::pick;
    if (!inner_picks && !outer_picks && inner.kind != outer.kind)
        return std::nullopt;
    const bool inner_fills = has_fill(inner), outer_fills = has_fill(outer);
    if ((inner_fills || outer_fills) && !(inner_picks && outer_picks))
        return std::nullopt;
    if (inner_fills && outer_fills && inner.fill != outer.fill)
        return std::nullopt;
    TabledSample result = inner;
    result.kind = inner_picks ? outer.kind : inner.kind;
    result.fill = inner_fills ? inner.fill : outer.fill;
    for (const auto &[dim, table] : outer.tables) {
        auto found = result.tables.find(dim);
        if (found == result.tables.end())
            result.tables[dim] = table;
        else if (outer_picks)
            found->second = select_rows(found->second, table.index);
        else if (inner_picks)
            found->second = through_pick(found->second, table);
        else
            return std::nullopt;
    }
    for (auto &[dim, table] : result.tables)
        table = as_kind(std::move(table), result.kind);
    return result;
}

} // namespace cnnc
