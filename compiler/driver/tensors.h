// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tensors on their way in and out of a network: the user's memory layouts, elements of every type.
#pragma once

#include "compiler/graph/graph.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cnnc {

// A dense block of the layout as a view of a tensor of this shape: strides in elements.
std::vector<int64_t> layout_strides(const Shape &shape, Layout layout);

// Copies elements of `type` in the logical order to places given by strides, and back.
void scatter(const void *logical, const TensorType &type, const std::vector<int64_t> &strides,
             void *memory);
void gather(const void *memory, const TensorType &type, const std::vector<int64_t> &strides,
            void *logical);

// The tensor that lies in memory with these strides, as a copy in logical order.
TensorData gathered(const void *memory, const TensorType &type,
                    const std::vector<int64_t> &strides);

bool is_integer(DType dtype); // or bool

} // namespace cnnc
