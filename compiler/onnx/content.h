// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tensors with known elements: out of a model's messages and files, and to and from plain numbers.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/import/file.h"
#include "compiler/onnx/proto.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

// One of ONNX's element types, of which there are more than cnnc computes with.
struct OnnxType {
    int number; // TensorProto::DataType
    std::string_view name;
    size_t bytes;                  // of an element, where `computed`
    std::optional<DType> computed; // what elements become: f16 and f64 f32, u16 i32, ...
};
// Of a number without meaning the name is "unknown".
OnnxType onnx_type_of(int number);

constexpr size_t max_onnx_rank = 32;

// Whether a tensor may have these extents: of limited rank and size, also where one of them is 0.
bool has_sound_extents(const Shape &shape);

// Where tensors find their data.
struct ModelFiles {
    std::string folder;                // for data in files of their own; "" if there are none
    std::shared_ptr<const void> owner; // keeps the messages alive
    std::map<std::string, FileBytes> mapped = {};
};

// The elements of a tensor, checked against its type; shared with the messages or the mapped file
// where they lie as they should. `name` is what diagnostics call it.
std::optional<TensorData> read_tensor(const pb::TensorProto &tensor, const std::string &name,
                                      ModelFiles &files, Diagnostics &diags);

// Data of any type in the type it is computed with.
TensorData computed_form(const TensorData &data);

// The double of fewest digits that is this number when rounded to f32: 1e-5, not
// 9.999999747378752e-06.
double short_number(float value);

// As integers, which are exact for every type (to_double is not for large i64).
std::vector<int64_t> integers_of(const TensorData &data);
// And back: rounded to f32, integers cut to their range.
TensorData content_of(const TensorType &type, const std::vector<double> &values);
TensorData content_of(const std::vector<int64_t> &values); // i64, one dimension
// The same elements in another shape of as many.
TensorData reshaped(TensorData data, Shape shape);
// Elements picked by position; -1 stands for `fill`.
TensorData picked(const TensorType &type, const std::vector<const TensorData *> &sources,
                  const std::vector<double> &positions, double fill);
// Dimension d of the result is dimension dims[d] of the data.
TensorData permuted(const TensorData &data, const std::vector<int64_t> &dims);

} // namespace cnnc
