// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The padding of windows as ONNX states it: `pads`, or `auto_pad` by the shape.
#pragma once

#include "compiler/onnx/onnx_node.h"

namespace cnnc {

struct Padding {
    std::vector<int64_t> lo, hi; // per spatial dimension
};

struct Window {
    const std::vector<int64_t> &kernel, &stride, &dilation;
};

// `shape` is the operand's, [N, C, spatial...].
std::optional<Padding> read_padding(OnnxNode &node, const Shape &shape, const Window &window);

} // namespace cnnc
