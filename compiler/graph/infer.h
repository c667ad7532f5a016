// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the files of type inference share: one call under inspection, the checks that several
// operators need, and an overload of infer() per operator.
#pragma once

#include "compiler/graph/arguments.h"
#include "compiler/graph/graph.h"
#include "compiler/graph/graph_diagnostics.h"
#include "compiler/graph/registry.h"

#include <limits>

namespace cnnc {

using Type = std::optional<TensorType>;
using Extents = std::vector<int64_t>;

// Attributes stay below this, so that products and sums of two of them fit an int64_t.
constexpr int64_t max_attribute = std::numeric_limits<int32_t>::max();

// One call: its operator's name, operands, places in the text, and where to report.
struct InferCall {
    std::string name;
    const std::vector<TensorType> &operands;
    const CallSpans &where;
    Diagnostics &diags;

    const Shape &shape(size_t i = 0) const { return operands[i].shape; }
    int64_t rank(size_t i = 0) const { return int64_t(operands[i].shape.size()); }
    DType dtype(size_t i = 0) const { return operands[i].dtype; }
    std::string text(size_t i = 0) const { return type_text(operands[i]); }
    // The result: f32, or of the first operand's type.
    Type f32(Shape shape) const { return TensorType{DType::f32, std::move(shape)}; }
    Type same_dtype(Shape shape) const { return TensorType{dtype(), std::move(shape)}; }

    template <typename D, typename... Args>
    DiagnosticBuilder bad_argument(std::string_view argument, const Args &...args) const {
        return diags.report<D>(where.argument(argument), args...);
    }
    template <typename D, typename... Args>
    DiagnosticBuilder bad_operand(size_t i, const Args &...args) const {
        return diags.report<D>(where.operand(i), args...);
    }
    void note_operand(DiagnosticBuilder builder, size_t i = 0) const;
};

// Each reports what is wrong and returns whether all was well.
bool check_positive(const InferCall &call, const char *argument, int64_t value);
bool check_positive(const InferCall &call, const char *argument, const Extents &values);
bool check_not_negative(const InferCall &call, const char *argument, const Extents &values);
bool check_finite(const InferCall &call, const char *argument, double value);
bool check_not_negative(const InferCall &call, const char *argument, double value);
// A dimension of the first operand.
bool check_dim(const InferCall &call, const char *argument, int64_t dim);
bool check_dims(const InferCall &call, const char *argument, const Extents &dims);
bool check_min_rank(const InferCall &call, int64_t rank, size_t operand = 0);
bool check_spatial_rank(const InferCall &call, size_t spatial_rank);
// One of spatial rank 1 to 3.
bool check_any_spatial_rank(const InferCall &call);
bool check_extents(const InferCall &call, const char *argument, const Shape &shape);
// As many entries as the first operand has dimensions.
bool check_entries(const InferCall &call, const char *argument, size_t entries);

// Element types that operands may have.
enum class TypeClass : uint8_t { f32, numbers, boolean, any };
bool check_class(const InferCall &call, size_t operand, TypeClass allowed);
bool check_same_dtype(const InferCall &call, size_t first = 0);
// The operands' common shape, or nothing after reporting that there is none.
std::optional<Shape> broadcast_all(const InferCall &call);

// infer_layers.cpp
Type infer(const Input &, const InferCall &call);
Type infer(const Constant &, const InferCall &call);
Type infer(const Parameter &, const InferCall &call);
Type infer(const Conv &, const InferCall &call);
Type infer(const ConvTranspose &, const InferCall &call);
Type infer(const BatchNorm &, const InferCall &call);
Type infer(const InstanceNorm &, const InferCall &call);
Type infer(const GroupNorm &, const InferCall &call);
Type infer(const LayerNorm &, const InferCall &call);
Type infer(const LocalResponseNorm &, const InferCall &call);
Type infer(const Normalize &, const InferCall &call);
Type infer(const Linear &, const InferCall &call);
Type infer(const MatMul &, const InferCall &call);
// infer_pools.cpp
Type infer(const MaxPool &, const InferCall &call);
Type infer(const AvgPool &, const InferCall &call);
Type infer(const GlobalAvgPool &, const InferCall &call);
Type infer(const GlobalMaxPool &, const InferCall &call);
Type infer(const AdaptiveAvgPool &, const InferCall &call);
Type infer(const AdaptiveMaxPool &, const InferCall &call);
// infer_elementwise.cpp
Type infer(const Unary &, const InferCall &call);
Type infer(const Binary &, const InferCall &call);
Type infer(const Where &, const InferCall &call);
Type infer(const PRelu &, const InferCall &call);
Type infer(const Cast &, const InferCall &call);
// infer_reductions.cpp
Type infer(const Softmax &, const InferCall &call);
Type infer(const Reduce &, const InferCall &call);
Type infer(const ArgReduce &, const InferCall &call);
Type infer(const TopK &, const InferCall &call);
// infer_shapes.cpp
Type infer(const Concat &, const InferCall &call);
Type infer(const Slice &, const InferCall &call);
Type infer(const Permute &, const InferCall &call);
Type infer(const Flatten &, const InferCall &call);
Type infer(const Reshape &, const InferCall &call);
Type infer(const Expand &, const InferCall &call);
Type infer(const Tile &, const InferCall &call);
Type infer(const IndexSelect &, const InferCall &call);
Type infer(const PixelShuffle &, const InferCall &call);
Type infer(const PixelUnshuffle &, const InferCall &call);
Type infer(const ChannelShuffle &, const InferCall &call);
// infer_resampling.cpp
Type infer(const Pad &, const InferCall &call);
Type infer(const Resize &, const InferCall &call);
Type infer(const Sample &, const InferCall &call);

// infer_pools.cpp: what convolutions and poolings have in common, a window that moves over the
// spatial dimensions.
struct Window {
    const Extents &kernel, &stride, &pad_lo, &pad_hi, &dilation;
    bool ceil_mode = false;
};
bool check_window(const InferCall &call, const Window &w);
// [N, channels, places of the window...], or nothing after reporting that there are none.
std::optional<Shape> window_shape(const InferCall &call, const Window &w, int64_t channels);

} // namespace cnnc
