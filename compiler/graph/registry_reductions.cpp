// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of operators along dimensions: softmax, sums and the like, positions, the greatest k.
#include "compiler/graph/registry_rows.h"

namespace cnnc {

namespace {

ArgSpec keepdim_arg() {
    return {"keepdim", ArgKind::boolean, boolean(false),
            "whether the dimensions stay as extents of 1"};
}
ArgSpec dims_arg() {
    return {"dim", ArgKind::integers, {}, "dimensions to reduce", "all"};
}

OpSpec softmax_row(std::string_view name, std::string_view doc, bool log) {
    return unary_row(
        name, {{"dim", ArgKind::integer, integer(1), "dimension along which results sum to 1"}},
        doc, [log](Arguments &a, const Operands &operands) {
            return Softmax{a.dimension("dim", operands[0].shape.size()), log};
        });
}

OpSpec reduce_row(std::string_view name, std::string_view doc, ReduceKind kind) {
    return unary_row(name, {dims_arg(), keepdim_arg()}, doc,
                     [kind](Arguments &a, const Operands &operands) {
                         std::vector<int64_t> dims = a.dimensions("dim", operands[0].shape.size());
                         return Reduce{kind, std::move(dims), a.boolean("keepdim")};
                     });
}

Op make_norm(Arguments &a, const Operands &operands) {
    const double p = a.number("p");
    if (a.ok() && p != 1 && p != 2) {
        a.report<diag::norm_order>("p", p);
    }
    std::vector<int64_t> dims = a.dimensions("dim", operands[0].shape.size());
    return Reduce{p == 1 ? ReduceKind::l1 : ReduceKind::l2, std::move(dims), a.boolean("keepdim")};
}

OpSpec arg_row(std::string_view name, std::string_view doc, bool max) {
    return unary_row(name, {{"dim", ArgKind::integer, {}, "dimension to search"}, keepdim_arg()},
                     doc, [max](Arguments &a, const Operands &operands) {
                         const int64_t dim = a.dimension("dim", operands[0].shape.size());
                         return ArgReduce{max, dim, a.boolean("keepdim")};
                     });
}

std::vector<ArgSpec> topk_args() {
    return {{"k", ArgKind::integer, {}, "how many"},
            {"dim", ArgKind::integer, integer(-1), "dimension to search"},
            {"largest", ArgKind::boolean, boolean(true), "the greatest, not the least"}};
}

TopK topk(Arguments &a, const Operands &operands, bool indices) {
    TopK t;
    t.k = a.integer("k");
    t.dim = a.dimension("dim", operands[0].shape.size());
    t.largest = a.boolean("largest");
    t.indices = indices;
    return t;
}

} // namespace

void add_reductions(Rows &rows) {
    rows.push_back(softmax_row("softmax", "exp(x) divided by its sum along a dimension.", false));
    rows.push_back(softmax_row("log_softmax", "Logarithm of softmax(x).", true));
    rows.push_back(reduce_row("sum", "Sum over dimensions.", ReduceKind::sum));
    rows.push_back(reduce_row("mean", "Mean over dimensions.", ReduceKind::mean));
    rows.push_back(reduce_row("amax", "Maximum over dimensions.", ReduceKind::amax));
    rows.push_back(reduce_row("amin", "Minimum over dimensions.", ReduceKind::amin));
    rows.push_back(reduce_row("prod", "Product over dimensions.", ReduceKind::prod));
    rows.push_back(
        reduce_row("sum_square", "Sum of squares over dimensions.", ReduceKind::sum_square));
    rows.push_back(reduce_row("logsumexp", "log of the sum of exp(x) over dimensions.",
                              ReduceKind::log_sum_exp));
    rows.push_back(unary_row(
        "norm",
        {{"p", ArgKind::number, integer(2), "2: root of the sum of squares, 1: sum of magnitudes"},
         dims_arg(),
         keepdim_arg()},
        "Length of vectors.", make_norm));
    rows.push_back(arg_row("argmax", "Where the greatest element is, the first of equals.", true));
    rows.push_back(arg_row("argmin", "Where the least element is, the first of equals.", false));
    rows.push_back(
        list_row("topk", topk_args(),
                 "The k greatest elements along a dimension, sorted, and where they are: two "
                 "tensors.",
                 [](Arguments &a, const Operands &operands) -> std::vector<Op> {
                     return {topk(a, operands, false), topk(a, operands, true)};
                 }));
    rows.push_back(
        unary_row("topk_values", topk_args(), "The first tensor of topk.",
                  [](Arguments &a, const Operands &operands) { return topk(a, operands, false); }));
    rows.push_back(
        unary_row("topk_indices", topk_args(), "The second tensor of topk.",
                  [](Arguments &a, const Operands &operands) { return topk(a, operands, true); }));
}

} // namespace cnnc
