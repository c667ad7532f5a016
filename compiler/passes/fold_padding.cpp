// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Padding in front of a convolution or pooling that pads with the same becomes part of its own.
#include "compiler/passes/passes.h"
#include "compiler/passes/replace.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// The operand, if it pads nothing but the spatial dimensions with `value`.
const Pad *spatial_pad(const Replacement &r, bool (*is_value)(double)) {
    const auto *pad = std::get_if<Pad>(&r.at(r.input()).op);
    const bool fits = pad && pad->mode == PadMode::constant && is_value(pad->value) &&
                      pad->lo[0] == 0 && pad->hi[0] == 0 && pad->lo[1] == 0 && pad->hi[1] == 0;
    return fits ? pad : nullptr;
}

// Adds the padding to the operator's own; false where that would be negative, or more than
// `limit` allows.
template <class T, class Limit>
bool add_padding(T &op, const Pad &pad, const Limit &limit) {
    for (size_t d = 0; d < op.kernel.size(); d++) {
        op.pad_lo[d] += pad.lo[d + 2];
        op.pad_hi[d] += pad.hi[d + 2];
        for (int64_t padding : {op.pad_lo[d], op.pad_hi[d]})
            if (padding < 0 || !limit(d, padding))
                return false;
    }
    return true;
}

bool all_zero(const std::vector<int64_t> &values) {
    return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 0; });
}

bool finish(Replacement &r, Op op) {
    r.copy_as(std::move(op), r.at(r.input()).inputs[0]);
    return true;
}

bool is_zero(double value) {
    return value == 0;
}
bool is_lowest(double value) {
    return std::isinf(value) && value < 0;
}

bool replace(Replacement &r, Conv op) {
    const Pad *pad = spatial_pad(r, is_zero);
    return pad && add_padding(op, *pad, [](size_t, int64_t) { return true; }) && finish(r, op);
}

// Windows of a pooling may not lie in the padding altogether.
bool replace(Replacement &r, MaxPool op) {
    const Pad *pad = spatial_pad(r, is_lowest);
    const auto half = [&](size_t d, int64_t padding) { return 2 * padding <= op.kernel[d]; };
    return pad && !op.ceil_mode && add_padding(op, *pad, half) && finish(r, op);
}

bool replace(Replacement &r, AvgPool op) {
    const Pad *pad = spatial_pad(r, is_zero);
    const bool pads = !all_zero(op.pad_lo) || !all_zero(op.pad_hi);
    const auto half = [&](size_t d, int64_t padding) { return 2 * padding <= op.kernel[d]; };
    if (!pad || op.ceil_mode || (pads && !op.count_include_pad) || !add_padding(op, *pad, half))
        return false;
    op.count_include_pad = true;
    return finish(r, op);
}

} // namespace

Graph fold_padding(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        return match(
            r.node().op, [&](const Conv &o) { return replace(r, o); },
            [&](const MaxPool &o) { return replace(r, o); },
            [&](const AvgPool &o) { return replace(r, o); }, [](const auto &) { return false; });
    });
}

} // namespace cnnc
