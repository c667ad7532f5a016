// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What changes nothing at inference vanishes: later passes need not look through it.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewriter.h"

#include <algorithm>

namespace cnnc {
namespace {

bool all(const std::vector<int64_t> &values, int64_t expected) {
    return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == expected; });
}

bool counts_up(const std::vector<int64_t> &values) {
    for (size_t i = 0; i < values.size(); i++)
        if (values[i] != int64_t(i))
            return false;
    return true;
}

bool is_no_op(const Graph &graph, const Node &node) {
    auto keeps_type = [&] { return graph[node.inputs[0]].type == node.type; };
    return match(
        node.op,
        [](const Unary &u) {
            return u.kind == UnaryKind::identity || u.kind == UnaryKind::dropout;
        },
        [&](const Flatten &) { return keeps_type(); },
        [&](const Reshape &) { return keeps_type(); }, [&](const Expand &) { return keeps_type(); },
        [&](const Cast &) { return keeps_type(); },
        // Backwards, the shape alone says nothing.
        [&](const Slice &s) {
            return keeps_type() && std::all_of(s.starts.begin(), s.starts.end(),
                                               [](int64_t start) { return start == 0; });
        },
        [&](const Pad &p) { return all(p.lo, 0) && all(p.hi, 0); },
        [&](const Tile &t) { return all(t.repeats, 1); },
        [&](const Permute &p) { return counts_up(p.dims); },
        [&](const IndexSelect &s) { return keeps_type() && counts_up(s.index); },
        [&](const Concat &) { return node.inputs.size() == 1; },
        [](const auto &) { return false; });
}

} // namespace

Graph remove_no_ops(Graph graph) {
    Rewriter rewriter(graph);
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        const Node &node = graph.nodes[n];
        if (is_no_op(graph, node))
            rewriter.map(NodeId(n), rewriter.mapped(node.inputs[0]));
        else
            rewriter.copy(NodeId(n));
    }
    return rewriter.finish();
}

} // namespace cnnc
