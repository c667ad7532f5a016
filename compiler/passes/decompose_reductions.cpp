// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions that keep their dimensions, of the kinds that kernels have; and learned prelu.
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <limits>

namespace cnnc {
namespace {

// max + log(sum of exp(x - max)), in which nothing overflows. An infinite maximum would make the
// difference NaN.
NodeId log_sum_exp(Replacement &r, const std::vector<int64_t> &dims, const std::string &role) {
    const double largest = std::numeric_limits<float>::max();
    const NodeId x = r.input();
    NodeId max = r.add(Reduce{ReduceKind::amax, dims, true}, {x}, "max");
    max = r.add(Unary{UnaryKind::clamp, -largest, largest}, {max}, "finite_max");
    NodeId y = r.binary(BinaryKind::sub, x, max, "sub");
    y = r.unary(UnaryKind::exp, y, "exp");
    y = r.add(Reduce{ReduceKind::sum, dims, true}, {y}, "sum");
    y = r.unary(UnaryKind::log, y, "log");
    return r.binary(BinaryKind::add, y, max, role);
}

bool replace(Replacement &r, const Reduce &reduce) {
    const bool composed = reduce.kind == ReduceKind::l2 || reduce.kind == ReduceKind::log_sum_exp;
    if (reduce.keepdim && !composed)
        return false;
    const std::string role = reduce.keepdim ? "" : "keepdim";
    NodeId y;
    if (reduce.kind == ReduceKind::log_sum_exp) {
        y = log_sum_exp(r, reduce.dims, role);
    } else if (reduce.kind == ReduceKind::l2) {
        y = r.add(Reduce{ReduceKind::sum_square, reduce.dims, true}, {r.input()}, "sum_square");
        y = r.unary(UnaryKind::sqrt, y, role);
    } else {
        y = r.add(Reduce{reduce.kind, reduce.dims, true}, {r.input()}, role);
    }
    r.finish(reduce.keepdim ? y : r.add(Reshape{r.node().type.shape}, {y}, ""));
    return true;
}

bool replace(Replacement &r, const ArgReduce &reduce) {
    if (reduce.keepdim)
        return false;
    const NodeId y = r.add(ArgReduce{reduce.max, reduce.dim, true}, {r.input()}, "keepdim");
    r.finish(r.add(Reshape{r.node().type.shape}, {y}, ""));
    return true;
}

bool replace(Replacement &r, const PRelu &prelu) {
    Shape shape(prelu.num_parameters == 1 ? 1 : r.node().type.shape.size() - 1, 1);
    shape[0] = prelu.num_parameters;
    const NodeId weight = r.parameter(0, shape, "weight");
    r.finish(r.binary(BinaryKind::prelu, r.input(), weight, ""));
    return true;
}

} // namespace

Graph decompose_reductions(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op, [&](const Reduce &o) { return replace(r, o); },
            [&](const ArgReduce &o) { return replace(r, o); },
            [&](const PRelu &o) { return replace(r, o); }, [](const auto &) { return false; });
    });
}

} // namespace cnnc
