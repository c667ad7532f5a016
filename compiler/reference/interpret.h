// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The reference interpreter: what a network means, in plain loops and double precision. It shares
// nothing with the passes or the lowering, which are judged by it.
//
// Values of every element type are doubles here. An f32 value is not rounded to f32 (constants and
// weights are), so where rounding decides something discrete (a comparison, argmax, floor, a cast
// to an integer) the exact sum decides it. Integers are exact up to 2^53 and wrap around as their
// type does; bools are 0 and 1.
#pragma once

#include "compiler/graph/graph.h"

#include <functional>
#include <vector>

namespace cnnc {

// A value: row-major in the order of its shape, whatever layout the user's memory has. Its element
// type is the node's.
struct TensorD {
    Shape shape;
    std::vector<double> values;
};

// Data of any type but f16 and bf16 as doubles, and back: rounded to f32, or an integer's low bits.
TensorD to_double(const TensorData &data);
TensorData to_tensor_data(const TensorD &value, DType dtype);

// The outputs of the network, in order. `inputs` are those of Graph::inputs, in their types, and
// row-major in PyTorch's order too (an NHWC input's data is given as NCHW). Every param must have
// data. Values are freed after their last use.
std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs);

// The same, showing every node's value on the way; `visit` must not keep the reference.
using NodeVisitor = std::function<void(NodeId, const TensorD &)>;
std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs,
                               const NodeVisitor &visit);

// One node, given its operands' values and its params' data. For constant folding and tests.
TensorD interpret_node(const Graph &graph, NodeId id, const std::vector<const TensorD *> &operands);

} // namespace cnnc
