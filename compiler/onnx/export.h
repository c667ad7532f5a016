// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Writing a network as an ONNX model (operator set 17, or 18 where it has to resize with
// antialiasing) that computes the same.
#pragma once

#include "compiler/graph/graph.h"

#include <optional>
#include <string>

namespace cnnc {

// The bytes of the model. Every param needs data. Values keep their names, weights the names of the
// params. Shapes are in PyTorch's order whatever the layouts of inputs and outputs are in memory.
std::optional<std::string> export_onnx(const Graph &graph, Diagnostics &diags);

} // namespace cnnc
