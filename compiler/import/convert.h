// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From what a file holds to tensor data: checked shapes, aligned views, other float types as f32.
#pragma once

#include "compiler/graph/tensor.h"

#include <memory>
#include <optional>
#include <vector>

namespace cnnc {

// The extents as a Shape, or nothing when they make more than max_elements. Extents of 0 are fine.
std::optional<Shape> shape_from_file(const std::vector<uint64_t> &extents);

// The elements at `bytes`, shared with `owner` where they are aligned for their type, else copied.
// Bools are copied: whatever is not 0 becomes 1.
TensorData aligned_view(const TensorType &type, std::shared_ptr<const void> owner,
                        const std::byte *bytes);

// f16, bf16 or f64 as f32; f32 as it is.
bool converts_to_f32(DType dtype);
TensorData to_f32(const TensorData &data);

} // namespace cnnc
