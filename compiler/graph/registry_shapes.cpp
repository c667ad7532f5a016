// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of operators that arrange all elements anew: joining, reshaping, permuting, repeating.
#include "compiler/graph/registry_rows.h"

#include <algorithm>
#include <numeric>

namespace cnnc {

namespace {

Op make_flatten(Arguments &a, const Operands &operands) {
    const size_t rank = operands[0].shape.size();
    const int64_t start = a.dimension("start_dim", rank);
    return Flatten{start, a.dimension("end_dim", rank)};
}

// Fills in an extent of -1.
Op make_reshape(Arguments &a, const Operands &operands) {
    Shape shape = a.shape("shape");
    const auto open = std::find(shape.begin(), shape.end(), -1);
    if (open == shape.end()) {
        return Reshape{std::move(shape)};
    }
    if (const auto count = std::count(shape.begin(), shape.end(), -1); count > 1) {
        a.report<diag::several_unknown_extents>("shape", count);
        return Reshape{};
    }
    *open = 1;
    const std::optional<int64_t> known = checked_elements(shape);
    const int64_t elements = element_count(operands[0].shape);
    if (!known || *known == 0 || elements % *known != 0) {
        *open = -1;
        a.report<diag::unknown_extent>("shape", shape_text(shape), elements);
        return Reshape{};
    }
    *open = elements / *known;
    return Reshape{std::move(shape)};
}

// Extents of 1 go; PyTorch leaves the others that are named as they are.
Op make_squeeze(Arguments &a, const Operands &operands) {
    const Shape &from = operands[0].shape;
    Shape shape;
    const std::vector<int64_t> dims = a.dimensions("dim", from.size());
    for (size_t d = 0; d < from.size(); ++d) {
        const bool named = std::find(dims.begin(), dims.end(), int64_t(d)) != dims.end();
        if (!named || from[d] != 1) {
            shape.push_back(from[d]);
        }
    }
    return Reshape{std::move(shape)};
}

Op make_unsqueeze(Arguments &a, const Operands &operands) {
    Shape shape = operands[0].shape;
    const int64_t dim = a.dimension("dim", shape.size() + 1);
    shape.insert(shape.begin() + dim, 1);
    return Reshape{std::move(shape)};
}

Op make_transpose(Arguments &a, const Operands &operands) {
    const size_t rank = operands[0].shape.size();
    std::vector<int64_t> dims(rank);
    std::iota(dims.begin(), dims.end(), 0);
    const int64_t first = a.dimension("dim0", rank);
    const int64_t second = a.dimension("dim1", rank);
    if (a.ok()) {
        std::swap(dims[size_t(first)], dims[size_t(second)]);
    }
    return Permute{std::move(dims)};
}

// Negative dimensions count from the end; whether each occurs once is infer_type's to say.
Op make_permute(Arguments &a, const Operands &operands) {
    const int64_t rank = int64_t(operands[0].shape.size());
    std::vector<int64_t> dims = a.shape("dims");
    for (int64_t &dim : dims) {
        dim += dim < 0 && dim >= -rank ? rank : 0;
    }
    return Permute{std::move(dims)};
}

// -1 keeps an extent.
Op make_expand(Arguments &a, const Operands &operands) {
    Shape shape = a.shape("shape");
    const Shape &from = operands[0].shape;
    for (size_t i = 0; i < std::min(shape.size(), from.size()); ++i) {
        int64_t &extent = shape[shape.size() - 1 - i];
        extent = extent == -1 ? from[from.size() - 1 - i] : extent;
    }
    return Expand{std::move(shape)};
}

// Fewer repeats than dimensions are for the last ones.
Op make_tile(Arguments &a, const Operands &operands) {
    std::vector<int64_t> repeats = a.shape("repeats");
    const size_t rank = operands[0].shape.size();
    if (repeats.size() < rank) {
        repeats.insert(repeats.begin(), rank - repeats.size(), 1);
    }
    return Tile{std::move(repeats)};
}

void add_permutations(Rows &rows) {
    rows.push_back(
        unary_row("permute",
                  {{"dims", ArgKind::shape, {}, "for each dimension of the result, the operand's"}},
                  "Dimensions in another order.", make_permute));
    rows.push_back(unary_row("transpose",
                             {{"dim0", ArgKind::integer, {}, "one dimension"},
                              {"dim1", ArgKind::integer, {}, "the other"}},
                             "Exchanges two dimensions.", make_transpose));
    rows.push_back(unary_row(
        "channel_shuffle", {{"groups", ArgKind::integer, {}, "groups the channels are in"}},
        "Interleaves the channels of groups.",
        [](Arguments &a, const Operands &) { return ChannelShuffle{a.integer("groups")}; }));
    rows.push_back(unary_row(
        "pixel_shuffle", {{"upscale_factor", ArgKind::integer, {}, "how much larger"}},
        "Makes channels into pixels: [N, C r r, H, W] to [N, C, H r, W r].",
        [](Arguments &a, const Operands &) { return PixelShuffle{a.integer("upscale_factor")}; }));
    rows.push_back(unary_row("pixel_unshuffle",
                             {{"downscale_factor", ArgKind::integer, {}, "how much smaller"}},
                             "Makes pixels into channels: [N, C, H r, W r] to [N, C r r, H, W].",
                             [](Arguments &a, const Operands &) {
                                 return PixelUnshuffle{a.integer("downscale_factor")};
                             }));
}

} // namespace

void add_shapes(Rows &rows) {
    rows.push_back(row(
        "concat", 2, -1, {{"dim", ArgKind::integer, integer(1), "dimension along which to join"}},
        "Joins tensors along a dimension.", [](Arguments &a, const Operands &operands) {
            return Concat{a.dimension("dim", operands[0].shape.size())};
        }));
    rows.push_back(unary_row("flatten",
                             {{"start_dim", ArgKind::integer, integer(1), "first dimension joined"},
                              {"end_dim", ArgKind::integer, integer(-1), "last dimension joined"}},
                             "Joins neighbouring dimensions into one.", make_flatten));
    rows.push_back(
        unary_row("reshape", {{"shape", ArgKind::shape, {}, "the new extents; one may be -1"}},
                  "The same elements, in row-major order, under another shape.", make_reshape));
    rows.push_back(unary_row(
        "squeeze", {{"dim", ArgKind::integers, {}, "dimensions, of which extents of 1 go", "all"}},
        "Leaves out extents of 1.", make_squeeze));
    rows.push_back(unary_row("unsqueeze", {{"dim", ArgKind::integer, {}, "where, in the result"}},
                             "Puts in an extent of 1.", make_unsqueeze));
    add_permutations(rows);
    rows.push_back(unary_row("expand",
                             {{"shape", ArgKind::shape, {}, "the new extents; -1 keeps one"}},
                             "Broadcasts to a shape: extents of 1 are repeated.", make_expand));
    rows.push_back(unary_row("tile",
                             {{"repeats", ArgKind::shape, {}, "copies along each dimension"}},
                             "Repeats the whole operand.", make_tile));
}

} // namespace cnnc
