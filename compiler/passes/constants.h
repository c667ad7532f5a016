// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values that are known when the network is compiled.
#pragma once

#include "compiler/graph/graph.h"

#include <optional>
#include <vector>

namespace cnnc {

// Numbers as elements of a type (bools 0 or 1), and back. f32 rounds.
TensorData encode(const TensorType &type, const std::vector<double> &values);
std::vector<double> decode(const TensorData &data);

bool is_constant(const Op &op); // Constant or Parameter

// The elements of a Constant, or of a Parameter that has data.
std::optional<std::vector<double>> constant_values(const Graph &graph, NodeId id);
// The same where there is just one element (of any rank).
std::optional<double> scalar_value(const Graph &graph, NodeId id);

} // namespace cnnc
