// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that only move elements, merged with those of their kind that they read.
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// What the node reads, if that is a T.
template <class T>
const T *below(const Replacement &r) {
    return std::get_if<T>(&r.at(r.input()).op);
}

NodeId beneath(const Replacement &r) {
    return r.at(r.input()).inputs[0];
}

// Makes the node `op` of `x`, or `x` itself.
bool finish(Replacement &r, Op op, NodeId x) {
    const bool reshapes = std::holds_alternative<Reshape>(op) || std::holds_alternative<Expand>(op);
    if (reshapes && r.shape(x) == r.node().type.shape)
        r.finish(x);
    else
        r.finish(r.add(std::move(op), {x}, ""));
    return true;
}

bool replace_reshape(Replacement &r) {
    NodeId x = r.input();
    if (below<Reshape>(r))
        x = beneath(r);
    return finish(r, Reshape{r.node().type.shape}, x);
}

// Whether dimensions of more than one element stay in order.
bool keeps_order(const std::vector<int64_t> &dims, const Shape &in) {
    int64_t last = -1;
    for (int64_t dim : dims) {
        if (in[size_t(dim)] == 1)
            continue;
        if (dim < last)
            return false;
        last = dim;
    }
    return true;
}

bool replace(Replacement &r, Permute permute) {
    NodeId x = r.input();
    if (const auto *first = below<Permute>(r)) {
        for (int64_t &dim : permute.dims)
            dim = first->dims[size_t(dim)];
        x = beneath(r);
    }
    if (!keeps_order(permute.dims, r.shape(x)))
        return finish(r, permute, x);
    if (const auto *reshape = std::get_if<Reshape>(&r.at(x).op); reshape)
        x = r.at(x).inputs[0];
    return finish(r, Reshape{r.node().type.shape}, x);
}

bool replace(Replacement &r, Slice slice) {
    const auto *first = below<Slice>(r);
    if (!first)
        return false;
    for (size_t d = 0; d < slice.starts.size(); d++) {
        slice.starts[d] = first->starts[d] + slice.starts[d] * first->steps[d];
        slice.steps[d] *= first->steps[d];
    }
    return finish(r, slice, beneath(r));
}

bool replace(Replacement &r, const Expand &expand) {
    NodeId x = r.input();
    if (below<Expand>(r))
        x = beneath(r);
    if (element_count(r.shape(x)) == element_count(expand.shape))
        return finish(r, Reshape{expand.shape}, x);
    return finish(r, expand, x);
}

} // namespace

Graph merge_movements(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op, [&](const Reshape &) { return replace_reshape(r); },
            [&](const Flatten &) { return replace_reshape(r); },
            [&](const Permute &o) { return replace(r, o); },
            [&](const Slice &o) { return replace(r, o); },
            [&](const Expand &o) { return replace(r, o); }, [](const auto &) { return false; });
    });
}

} // namespace cnnc
