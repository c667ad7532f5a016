// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the files of the interpreter share: a node with its operands, ways to walk over elements,
// and evaluate(), of which every operator has an overload.
#pragma once

#include "compiler/reference/interpret.h"

#include <array>
#include <cstdint>
#include <vector>

namespace cnnc::reference {

// A node with what it works on.
struct Call {
    const Graph &graph;
    const Node &node;
    const std::vector<const TensorD *> &operands;

    const TensorD &operand() const { return *operands[0]; }
    DType operand_type(size_t i = 0) const { return graph[node.inputs[i]].type.dtype; }
    DType result_type() const { return node.type.dtype; }
    const float *param(size_t i) const;
    // The result, all zeros.
    TensorD result() const;
    // The operand's elements under the result's shape.
    TensorD same_elements() const { return {node.type.shape, operand().values}; }
};

bool is_integer(DType dtype);
// An integer of any size as arithmetic of this type leaves it: its low bits, sign included.
double wrap(DType dtype, uint64_t bits);
// Back from a double that holds an integer: the bits wrap() takes.
uint64_t integer_bits(double value);
// What Cast makes of a number.
double cast(DType from, DType to, double value);

int64_t product(Shape::const_iterator begin, Shape::const_iterator end);
// How far apart neighbours are, per dimension of a row-major tensor.
std::vector<int64_t> row_major_strides(const Shape &shape);
// By how much an operand's offset grows per dimension of the result; 0 where it is broadcast.
std::vector<int64_t> broadcast_strides(const Shape &operand, const Shape &result);

// A tensor as lines along one dimension: element j of line (i, k) is at (i * extent + j) * inner +
// k.
struct Lines {
    int64_t outer, extent, inner;

    int64_t count() const { return outer * inner; }
    // Where line number `line` begins; its elements are `inner` apart.
    int64_t start(int64_t line) const { return line / inner * extent * inner + line % inner; }
};
Lines lines_along(const Shape &shape, int64_t dim);

// Calls f(index) for every index of a shape in row-major order.
template <typename F>
void for_each_index(const Shape &shape, const F &f) {
    Shape index(shape.size(), 0);
    for (int64_t count = element_count(shape); count > 0; --count) {
        f(index);
        for (size_t d = shape.size(); d-- > 0;) { // like an odometer, from the last dimension
            if (++index[d] < shape[d]) {
                break;
            }
            index[d] = 0;
        }
    }
}

// Offsets into n tensors that are walked through together.
template <size_t n>
using Offsets = std::array<int64_t, n>;

// Calls f(offsets) for every element of a shape in row-major order; offset i grows by strides[i][d]
// when index d does.
template <size_t n, typename F>
void for_each_offset(const Shape &shape, const std::array<std::vector<int64_t>, n> &strides,
                     const F &f, Offsets<n> offsets = {}) {
    Shape index(shape.size(), 0);
    for (int64_t count = element_count(shape); count > 0; --count) {
        f(offsets);
        for (size_t d = shape.size(); d-- > 0;) {
            const bool carry = ++index[d] == shape[d];
            for (size_t i = 0; i < n; ++i) {
                offsets[i] += carry ? -strides[i][d] * (shape[d] - 1) : strides[i][d];
            }
            if (!carry) {
                break;
            }
            index[d] = 0;
        }
    }
}

// --- Spatial dimensions, always three of them ----------------------------------------------------

using Extents3 = std::array<int64_t, 3>;

// One number per spatial dimension as D, H, W; dimensions that are not there get `missing`.
Extents3 three(const std::vector<int64_t> &v, int64_t missing);
// The spatial extents of a tensor.
Extents3 spatial(const Shape &shape);

// Calls f(z, y, x) in row-major order.
template <typename F>
void for_each(const Extents3 &extents, const F &f) {
    for (int64_t z = 0; z < extents[0]; ++z) {
        for (int64_t y = 0; y < extents[1]; ++y) {
            for (int64_t x = 0; x < extents[2]; ++x) {
                f(z, y, x);
            }
        }
    }
}

inline int64_t offset(const Extents3 &extents, int64_t z, int64_t y, int64_t x) {
    return (z * extents[1] + y) * extents[2] + x;
}

inline int64_t volume(const Extents3 &extents) {
    return extents[0] * extents[1] * extents[2];
}

// The spatial side of a convolution or pooling in three dimensions.
struct Window {
    Extents3 in, out, kernel, stride, pad_lo, pad_hi, dilation;
};

template <typename WindowOp>
Window window_of(const WindowOp &op, const std::vector<int64_t> &dilation, const Call &call) {
    return {spatial(call.operand().shape),
            spatial(call.node.type.shape),
            three(op.kernel, 1),
            three(op.stride, 1),
            three(op.pad_lo, 0),
            three(op.pad_hi, 0),
            three(dilation, 1)};
}

// --- The operators -------------------------------------------------------------------------------

TensorD evaluate(const Input &, const Call &);
TensorD evaluate(const Constant &, const Call &);
TensorD evaluate(const Parameter &, const Call &);
// layers.cpp
TensorD evaluate(const Conv &, const Call &);
TensorD evaluate(const ConvTranspose &, const Call &);
TensorD evaluate(const BatchNorm &, const Call &);
TensorD evaluate(const InstanceNorm &, const Call &);
TensorD evaluate(const GroupNorm &, const Call &);
TensorD evaluate(const LayerNorm &, const Call &);
TensorD evaluate(const LocalResponseNorm &, const Call &);
TensorD evaluate(const Normalize &, const Call &);
TensorD evaluate(const Linear &, const Call &);
TensorD evaluate(const MatMul &, const Call &);
// pooling.cpp
TensorD evaluate(const MaxPool &, const Call &);
TensorD evaluate(const AvgPool &, const Call &);
TensorD evaluate(const GlobalAvgPool &, const Call &);
TensorD evaluate(const GlobalMaxPool &, const Call &);
TensorD evaluate(const AdaptiveAvgPool &, const Call &);
TensorD evaluate(const AdaptiveMaxPool &, const Call &);
// elementwise.cpp
TensorD evaluate(const Unary &, const Call &);
TensorD evaluate(const Binary &, const Call &);
TensorD evaluate(const Where &, const Call &);
TensorD evaluate(const PRelu &, const Call &);
TensorD evaluate(const Cast &, const Call &);
// reductions.cpp
TensorD evaluate(const Softmax &, const Call &);
TensorD evaluate(const Reduce &, const Call &);
TensorD evaluate(const ArgReduce &, const Call &);
TensorD evaluate(const TopK &, const Call &);
// shapes.cpp
TensorD evaluate(const Concat &, const Call &);
TensorD evaluate(const Slice &, const Call &);
TensorD evaluate(const Pad &, const Call &);
TensorD evaluate(const Permute &, const Call &);
TensorD evaluate(const Flatten &, const Call &);
TensorD evaluate(const Reshape &, const Call &);
TensorD evaluate(const Expand &, const Call &);
TensorD evaluate(const Tile &, const Call &);
TensorD evaluate(const IndexSelect &, const Call &);
TensorD evaluate(const PixelShuffle &, const Call &);
TensorD evaluate(const PixelUnshuffle &, const Call &);
TensorD evaluate(const ChannelShuffle &, const Call &);
// resample.cpp
TensorD evaluate(const Resize &, const Call &);
TensorD evaluate(const Sample &, const Call &);

// Along one dimension: element o of the result is element index[o] of x, `fill` where that is -1.
TensorD pick(const TensorD &x, int64_t dim, const std::vector<int64_t> &index, double fill = 0);

} // namespace cnnc::reference
