// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of normalisations.
#include "compiler/graph/registry_rows.h"

#include <algorithm>

namespace cnnc {

namespace {

ArgSpec eps_arg() {
    return {"eps", ArgKind::number, number(1e-5), "added to the variance"};
}
ArgSpec affine_arg(bool fallback) {
    return {"affine", ArgKind::boolean, boolean(fallback), "whether weight and bias follow"};
}

// The extents given have to be the operand's last ones; only how many they are matters then.
int64_t normalized_dims(Arguments &a, const Operands &operands) {
    const int64_t dims = a.integer("dims");
    if (!a.given("normalized_shape")) {
        return dims;
    }
    const Shape normalized = a.integers("normalized_shape");
    const Shape &shape = operands[0].shape;
    const bool fits = !normalized.empty() && normalized.size() <= shape.size() &&
                      std::equal(normalized.rbegin(), normalized.rend(), shape.rbegin());
    if (!fits && a.ok()) {
        a.report<diag::normalized_shape>("normalized_shape", shape_text(normalized),
                                         type_text(operands[0]));
    }
    return int64_t(normalized.size());
}

Op make_layer_norm(Arguments &a, const Operands &operands) {
    LayerNorm norm;
    norm.dims = normalized_dims(a, operands);
    norm.eps = a.number("eps");
    norm.affine = a.boolean("elementwise_affine");
    norm.bias = a.boolean("bias") && norm.affine;
    return norm;
}

OpSpec layer_norm_row() {
    return unary_row(
        "layer_norm",
        {{"normalized_shape",
          ArgKind::integers,
          {},
          "extents of the last dimensions, which have "
          "to be the operand's",
          "the last `dims` of the operand's"},
         eps_arg(),
         {"elementwise_affine", ArgKind::boolean, boolean(true), "whether weight and bias follow"},
         {"bias", ArgKind::boolean, boolean(true), "whether a bias follows the weight"},
         {"dims", ArgKind::integer, integer(1), "how many dimensions, where no shape is given"}},
        "Normalises over the last dimensions.", make_layer_norm);
}

OpSpec local_response_norm_row() {
    return unary_row("local_response_norm",
                     {{"size", ArgKind::integer, {}, "neighbouring channels in the sum"},
                      {"alpha", ArgKind::number, number(1e-4), "factor of the mean square"},
                      {"beta", ArgKind::number, number(0.75), "exponent"},
                      {"k", ArgKind::number, number(1), "added to the mean square"}},
                     "x / (k + alpha * (mean of x^2 over neighbouring channels))^beta.",
                     [](Arguments &a, const Operands &) {
                         LocalResponseNorm n;
                         n.size = a.integer("size");
                         n.alpha = a.number("alpha");
                         n.beta = a.number("beta");
                         n.k = a.number("k");
                         return n;
                     });
}

} // namespace

void add_norms(Rows &rows) {
    rows.push_back(unary_row("batch_norm", {eps_arg(), affine_arg(true)},
                             "Normalises each channel by its running mean and variance.",
                             [](Arguments &a, const Operands &) {
                                 const double eps = a.number("eps");
                                 return BatchNorm{eps, a.boolean("affine")};
                             }));
    rows.push_back(unary_row("instance_norm", {eps_arg(), affine_arg(false)},
                             "Normalises each channel of each image over its spatial dimensions.",
                             [](Arguments &a, const Operands &) {
                                 const double eps = a.number("eps");
                                 return InstanceNorm{eps, a.boolean("affine")};
                             }));
    rows.push_back(unary_row(
        "group_norm",
        {{"num_groups", ArgKind::integer, {}, "groups of channels normalised separately"},
         eps_arg(),
         affine_arg(true)},
        "Normalises each group of channels of each image.", [](Arguments &a, const Operands &) {
            const int64_t groups = a.integer("num_groups");
            const double eps = a.number("eps");
            return GroupNorm{groups, eps, a.boolean("affine")};
        }));
    rows.push_back(layer_norm_row());
    rows.push_back(local_response_norm_row());
    rows.push_back(unary_row("normalize",
                             {{"mean", ArgKind::numbers, {}, "one, or one per channel"},
                              {"std", ArgKind::numbers, {}, "one, or one per channel"}},
                             "(x - mean) / std, as images are prepared.",
                             [](Arguments &a, const Operands &) {
                                 std::vector<double> mean = a.numbers("mean");
                                 return Normalize{std::move(mean), a.numbers("std")};
                             }));
}

} // namespace cnnc
