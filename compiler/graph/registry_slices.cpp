// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of operators that take a part: slices in their many forms, and picking by index.
#include "compiler/graph/registry_rows.h"

#include <algorithm>

namespace cnnc {

namespace {

// All of a tensor.
Slice whole(const Shape &shape) {
    return {std::vector<int64_t>(shape.size(), 0), shape, std::vector<int64_t>(shape.size(), 1)};
}

Slice part(const Shape &shape, int64_t dim, int64_t start, int64_t extent, int64_t step = 1) {
    Slice slice = whole(shape);
    slice.starts[size_t(dim)] = start;
    slice.extents[size_t(dim)] = extent;
    slice.steps[size_t(dim)] = step;
    return slice;
}

// An end of a Python slice: negative counts from the end, then clamped.
int64_t python_index(int64_t index, int64_t extent, int64_t low, int64_t high) {
    return std::clamp(index < 0 ? std::max(index, -extent - 1) + extent : index, low, high);
}

// Python's x[start:end:step] of one dimension.
Op make_slice(Arguments &a, const Operands &operands) {
    const Shape &shape = operands[0].shape;
    const int64_t dim = a.dimension("dim", shape.size());
    const int64_t step = a.integer("step");
    if (a.ok() && step == 0) {
        a.report<diag::slice_step>("step", "slice");
    }
    if (!a.ok()) {
        return Slice();
    }
    const int64_t extent = shape[size_t(dim)];
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    const int64_t start = a.given("start") ? python_index(a.integer("start"), extent, low, high)
                          : step > 0       ? 0
                                           : high;
    const int64_t end = a.given("end") ? python_index(a.integer("end"), extent, low, high)
                        : step > 0     ? high
                                       : -1;
    // Distances are at most an extent; a longer step takes one element.
    const int64_t stride = std::clamp(step, -extent, extent);
    const int64_t distance = step > 0 ? end - start : start - end;
    if (distance <= 0 && a.ok()) {
        a.report<diag::slice_empty>("dim", dim, start, end);
    }
    const int64_t count = (distance - 1) / std::abs(stride) + 1;
    return part(shape, dim, start, count, count > 1 ? stride : 1);
}

Op make_narrow(Arguments &a, const Operands &operands) {
    const Shape &shape = operands[0].shape;
    const int64_t dim = a.dimension("dim", shape.size());
    int64_t start = a.integer("start");
    const int64_t length = a.integer("length");
    if (!a.ok()) {
        return Slice();
    }
    const int64_t extent = shape[size_t(dim)];
    if (start < -extent || start >= extent) {
        a.report<diag::narrow_start>("start", -extent, extent - 1, dim, start);
        return Slice();
    }
    start += start < 0 ? extent : 0;
    if (length <= 0 || length > extent - start) {
        a.report<diag::narrow_length>("length", extent - start, start, length);
        return Slice();
    }
    return part(shape, dim, start, length);
}

Op make_flip(Arguments &a, const Operands &operands) {
    const Shape &shape = operands[0].shape;
    Slice slice = whole(shape);
    const std::vector<int64_t> dims = a.dimensions("dims", shape.size());
    for (int64_t dim : dims) {
        if (a.ok() && shape[size_t(dim)] > 1) {
            slice.starts[size_t(dim)] = shape[size_t(dim)] - 1;
            slice.steps[size_t(dim)] = -1;
        }
    }
    return slice;
}

std::vector<Op> slices(const Shape &shape, int64_t dim, const std::vector<int64_t> &sizes) {
    std::vector<Op> parts;
    int64_t start = 0;
    for (int64_t size : sizes) {
        parts.push_back(part(shape, dim, start, size));
        start += size;
    }
    return parts;
}

// Parts of a size, the last one smaller where it does not come out even.
std::vector<int64_t> even_sizes(int64_t extent, int64_t size) {
    std::vector<int64_t> sizes;
    for (int64_t start = 0; start < extent; start += size) {
        sizes.push_back(std::min(size, extent - start));
    }
    return sizes;
}

// More nodes than this are not what a network is made of.
constexpr int64_t max_parts = 4096;

bool check_parts(Arguments &a, std::string_view argument, std::string_view op, int64_t parts) {
    if (parts > max_parts) {
        a.report<diag::too_many_parts>(argument, op, max_parts, parts);
    }
    return a.ok();
}

std::vector<Op> make_split(Arguments &a, const Operands &operands) {
    const Shape &shape = operands[0].shape;
    const int64_t dim = a.dimension("dim", shape.size());
    std::vector<int64_t> sizes = a.integers("sizes");
    if (!a.ok()) {
        return {};
    }
    const int64_t extent = shape[size_t(dim)];
    int64_t sum = 0;
    for (int64_t size : sizes) {
        if (size <= 0) {
            a.report<diag::not_positive>("sizes", "sizes", "split", size);
            return {};
        }
        sum += std::min(size, extent + 1 - std::min(sum, extent + 1)); // saturates above the extent
    }
    const bool one_size = !std::holds_alternative<ValueList>(a.value_of("sizes")->v);
    if (one_size) {
        const int64_t size = std::min(sizes[0], extent);
        if (!check_parts(a, "sizes", "split", (extent - 1) / size + 1)) {
            return {};
        }
        sizes = even_sizes(extent, size);
    } else if (sum != extent) {
        a.report<diag::split_sizes>("sizes", shape_text(sizes), extent, dim);
        return {};
    }
    return check_parts(a, "sizes", "split", int64_t(sizes.size())) ? slices(shape, dim, sizes)
                                                                   : std::vector<Op>();
}

// As many parts, all of one size but the last; fewer where that leaves nothing for the last ones.
std::vector<Op> make_chunk(Arguments &a, const Operands &operands) {
    const Shape &shape = operands[0].shape;
    const int64_t chunks = a.integer("chunks");
    const int64_t dim = a.dimension("dim", shape.size());
    if (a.ok() && chunks <= 0) {
        a.report<diag::not_positive>("chunks", "chunks", "chunk", chunks);
    }
    if (!a.ok()) {
        return {};
    }
    const int64_t extent = shape[size_t(dim)];
    const int64_t size = (extent - 1) / chunks + 1;
    if (!check_parts(a, "chunks", "chunk", (extent - 1) / size + 1)) {
        return {};
    }
    return slices(shape, dim, even_sizes(extent, size));
}

OpSpec slice_row() {
    return unary_row("slice",
                     {{"dim", ArgKind::integer, {}, "dimension"},
                      {"start", ArgKind::integer, {}, "first element", "the first"},
                      {"end", ArgKind::integer, {}, "where to stop, before it", "behind the last"},
                      {"step", ArgKind::integer, integer(1), "distance between elements"}},
                     "Every step-th element of a range along a dimension, as Python's "
                     "x[start:end:step]: negative positions count from the end.",
                     make_slice);
}

OpSpec strided_slice_row() {
    return unary_row("strided_slice",
                     {{"starts", ArgKind::shape, {}, "first element, per dimension"},
                      {"extents", ArgKind::shape, {}, "how many, per dimension"},
                      {"steps", ArgKind::shape, {}, "distance between them, per dimension"}},
                     "A slice of every dimension.", [](Arguments &a, const Operands &) {
                         Slice slice;
                         slice.starts = a.shape("starts");
                         slice.extents = a.shape("extents");
                         slice.steps = a.shape("steps");
                         return slice;
                     });
}

} // namespace

void add_slices(Rows &rows) {
    rows.push_back(slice_row());
    rows.push_back(unary_row("narrow",
                             {{"dim", ArgKind::integer, {}, "dimension"},
                              {"start", ArgKind::integer, {}, "first element"},
                              {"length", ArgKind::integer, {}, "how many"}},
                             "A range along a dimension.", make_narrow));
    rows.push_back(strided_slice_row());
    rows.push_back(unary_row("flip", {{"dims", ArgKind::integers, {}, "dimensions"}},
                             "Reverses dimensions.", make_flip));
    rows.push_back(
        list_row("split",
                 {{"sizes", ArgKind::integers, {}, "extents of the parts, or of each of them"},
                  {"dim", ArgKind::integer, integer(0), "dimension along which to split"}},
                 "Parts of given sizes along a dimension: a list of tensors.", make_split));
    rows.push_back(list_row(
        "chunk",
        {{"chunks", ArgKind::integer, {}, "how many parts"},
         {"dim", ArgKind::integer, integer(0), "dimension along which to split"}},
        "A number of parts of one size along a dimension: a list of tensors.", make_chunk));
    rows.push_back(unary_row("index_select",
                             {{"dim", ArgKind::integer, {}, "dimension"},
                              {"index", ArgKind::shape, {}, "positions in the operand"}},
                             "Elements at given positions along a dimension.",
                             [](Arguments &a, const Operands &operands) {
                                 const int64_t dim = a.dimension("dim", operands[0].shape.size());
                                 return IndexSelect{dim, a.shape("index")};
                             }));
}

} // namespace cnnc
