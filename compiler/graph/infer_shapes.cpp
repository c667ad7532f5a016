// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of operators that only move elements.
#include "compiler/graph/infer.h"

#include <algorithm>
#include <cstdlib>

namespace cnnc {

namespace {

bool check_concat_operand(const InferCall &call, size_t i, int64_t dim) {
    const Shape &shape = call.shape(), &other = call.shape(i);
    if (other.size() != shape.size()) {
        call.note_operand(call.bad_operand<diag::concat_rank>(i, call.text(), call.text(i)));
        return false;
    }
    for (size_t d = 0; d < shape.size(); ++d) {
        if (int64_t(d) != dim && other[d] != shape[d]) {
            call.note_operand(
                call.bad_operand<diag::concat_extent>(i, dim, int(d), shape[d], other[d]));
            return false;
        }
    }
    return true;
}

// All that is touched of dimension d lies inside. Nothing overflows: the distance is compared with
// the room there is.
bool check_slice(const Slice &s, const InferCall &call, size_t d) {
    const int64_t extent = call.shape()[d], start = s.starts[d], step = s.steps[d];
    const int64_t count = s.extents[d];
    if (start < 0 || start >= extent) {
        call.bad_argument<diag::slice_outside>("starts", int(d), extent, start);
        return false;
    }
    const int64_t room = step > 0 ? extent - 1 - start : start;
    if (count > 1 && (step > extent || step < -extent || (count - 1) > room / std::abs(step))) {
        call.bad_argument<diag::slice_too_long>("extents", count, step, start, int(d), extent);
        return false;
    }
    return true;
}

// Divides the extent of one dimension by a factor, reporting a rest.
bool check_divisible(const InferCall &call, const char *argument, size_t d, int64_t factor) {
    if (call.shape()[d] % factor != 0) {
        call.note_operand(call.bad_argument<diag::not_divisible>(argument, call.name, int(d),
                                                                 factor, call.shape()[d]));
        return false;
    }
    return true;
}

// A factor whose square is compared with extents.
bool check_factor(const InferCall &call, const char *argument, int64_t factor) {
    return check_class(call, 0, TypeClass::any) && check_positive(call, argument, factor) &&
           check_spatial_rank(call, 2);
}

} // namespace

Type infer(const Concat &c, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_same_dtype(call) ||
        !check_dim(call, "dim", c.dim)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    for (size_t i = 1; i < call.operands.size(); ++i) {
        if (!check_concat_operand(call, i, c.dim)) {
            return std::nullopt;
        }
        shape[size_t(c.dim)] += call.shape(i)[size_t(c.dim)];
    }
    return call.same_dtype(std::move(shape));
}

Type infer(const Slice &s, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_entries(call, "starts", s.starts.size()) ||
        !check_entries(call, "extents", s.extents.size()) ||
        !check_entries(call, "steps", s.steps.size()) ||
        !check_positive(call, "extents", s.extents)) {
        return std::nullopt;
    }
    for (size_t d = 0; d < s.steps.size(); ++d) {
        if (s.steps[d] == 0) {
            call.bad_argument<diag::slice_step>("steps", call.name);
            return std::nullopt;
        }
        if (!check_slice(s, call, d)) {
            return std::nullopt;
        }
    }
    return call.same_dtype(s.extents);
}

Type infer(const Permute &p, const InferCall &call) {
    Shape shape, sorted = p.dims;
    std::sort(sorted.begin(), sorted.end());
    bool good = check_class(call, 0, TypeClass::any) && check_entries(call, "dims", p.dims.size());
    for (size_t d = 0; good && d < sorted.size(); ++d) {
        if (sorted[d] != int64_t(d)) {
            call.bad_argument<diag::no_permutation>("dims", call.rank() - 1, shape_text(p.dims));
            good = false;
        }
    }
    if (!good) {
        return std::nullopt;
    }
    for (int64_t dim : p.dims) {
        shape.push_back(call.shape()[size_t(dim)]);
    }
    return call.same_dtype(std::move(shape));
}

Type infer(const Flatten &f, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_min_rank(call, 1) ||
        !check_dim(call, "start_dim", f.start_dim) || !check_dim(call, "end_dim", f.end_dim)) {
        return std::nullopt;
    }
    if (f.start_dim > f.end_dim) {
        call.bad_argument<diag::flatten_order>("start_dim", f.start_dim, f.end_dim);
        return std::nullopt;
    }
    const Shape &from = call.shape();
    const auto start = from.begin() + f.start_dim, end = from.begin() + f.end_dim + 1;
    Shape shape(from.begin(), start);
    shape.push_back(element_count(Shape(start, end)));
    shape.insert(shape.end(), end, from.end());
    return call.same_dtype(std::move(shape));
}

Type infer(const Reshape &r, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_extents(call, "shape", r.shape)) {
        return std::nullopt;
    }
    const int64_t from = element_count(call.shape()), to = element_count(r.shape);
    if (from != to) {
        call.bad_argument<diag::reshape_elements>("shape", call.text(), from, shape_text(r.shape),
                                                  to);
        return std::nullopt;
    }
    return call.same_dtype(r.shape);
}

Type infer(const Expand &e, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_extents(call, "shape", e.shape)) {
        return std::nullopt;
    }
    const std::optional<Shape> common = broadcast(call.shape(), e.shape);
    if (!common || *common != e.shape) {
        call.note_operand(
            call.bad_argument<diag::expand_shape>("shape", call.text(), shape_text(e.shape)));
        return std::nullopt;
    }
    return call.same_dtype(e.shape);
}

Type infer(const Tile &t, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) ||
        !check_entries(call, "repeats", t.repeats.size()) ||
        !check_positive(call, "repeats", t.repeats)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    for (size_t d = 0; d < shape.size(); ++d) {
        // Saturates far above what a tensor may have, which check_sizes() reports.
        constexpr int64_t limit = std::numeric_limits<int64_t>::max();
        shape[d] = shape[d] > limit / t.repeats[d] ? limit : shape[d] * t.repeats[d];
    }
    return call.same_dtype(std::move(shape));
}

Type infer(const IndexSelect &s, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_dim(call, "dim", s.dim)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    int64_t &extent = shape[size_t(s.dim)];
    if (s.index.empty()) {
        call.bad_argument<diag::empty_index>("index");
        return std::nullopt;
    }
    for (int64_t index : s.index) {
        if (index < 0 || index >= extent) {
            call.note_operand(
                call.bad_argument<diag::index_out_of_range>("index", s.dim, extent - 1, index));
            return std::nullopt;
        }
    }
    extent = int64_t(s.index.size());
    return call.same_dtype(std::move(shape));
}

Type infer(const PixelShuffle &p, const InferCall &call) {
    const char *argument = "upscale_factor";
    if (!check_factor(call, argument, p.upscale_factor) ||
        !check_divisible(call, argument, 1, p.upscale_factor * p.upscale_factor)) {
        return std::nullopt;
    }
    // The channels are at least the factor's square, so that no product is beyond the elements.
    const Shape &in = call.shape();
    const int64_t r = p.upscale_factor;
    return call.same_dtype({in[0], in[1] / (r * r), in[2] * r, in[3] * r});
}

Type infer(const PixelUnshuffle &p, const InferCall &call) {
    const char *argument = "downscale_factor";
    if (!check_factor(call, argument, p.downscale_factor) ||
        !check_divisible(call, argument, 2, p.downscale_factor) ||
        !check_divisible(call, argument, 3, p.downscale_factor)) {
        return std::nullopt;
    }
    const Shape &in = call.shape();
    const int64_t r = p.downscale_factor;
    return call.same_dtype({in[0], in[1] * r * r, in[2] / r, in[3] / r});
}

Type infer(const ChannelShuffle &c, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::any) || !check_positive(call, "groups", c.groups) ||
        !check_min_rank(call, 2) || !check_divisible(call, "groups", 1, c.groups)) {
        return std::nullopt;
    }
    return call.operands[0];
}

} // namespace cnnc
