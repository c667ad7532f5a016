// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graph to graph passes and the one that leaves the graph: forming kernels. Each is a pure
// function.
#pragma once

#include "compiler/graph/kernel_graph.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// Operators that change nothing vanish; nodes no output needs vanish with their params.
[[nodiscard]] Graph remove_no_ops(Graph graph);
[[nodiscard]] Graph remove_dead_code(Graph graph);
// A node whose inputs are all constants becomes a Parameter node holding its value, or a Constant
// if that is one number.
[[nodiscard]] Graph fold_constants(Graph graph);
// Algebra on element by element operators: activations that were spelled out get their names.
[[nodiscard]] Graph simplify(Graph graph);
// Nodes that compute the same become one.
[[nodiscard]] Graph merge_equal(Graph graph);

// A product with a constant matrix becomes a linear layer.
[[nodiscard]] Graph matmul_to_linear(Graph graph);
// A batch norm behind a convolution or linear layer that nothing else reads goes into its weight
// and bias, as do additions and multiplications of constants per channel; any other becomes a
// multiplication and an addition per channel. Works without weight data too (shapes only).
[[nodiscard]] Graph fold_batch_norm(Graph graph);
// Constant padding in front of convolutions and pools becomes theirs.
[[nodiscard]] Graph fold_padding(Graph graph);

// Surface operators become core operators (ops.h). After all of these there are no others.
[[nodiscard]] Graph decompose_norms(Graph graph); // but BatchNorm, which fold_batch_norm() does
[[nodiscard]] Graph decompose_pools(Graph graph); // global and adaptive ones
[[nodiscard]] Graph decompose_reductions(Graph graph);
[[nodiscard]] Graph decompose_conv_transpose(Graph graph);
[[nodiscard]] Graph decompose_resize(Graph graph);
[[nodiscard]] Graph decompose_movements(Graph graph);

// Samples with slices and casts between them become one.
[[nodiscard]] Graph merge_samples(Graph graph);
// Reshapes of reshapes, permutations of permutations, ... become one; Flatten becomes Reshape.
[[nodiscard]] Graph merge_movements(Graph graph);

struct Pass {
    std::string name; // as `--print-after` takes it
    std::function<Graph(Graph)> run;
};
// The pipeline, in order.
const std::vector<Pass> &graph_passes();
// Runs the pipeline; `after`, if given, sees the graph after each pass.
[[nodiscard]] Graph
optimize(Graph graph, const std::function<void(const Pass &, const Graph &)> &after = nullptr);

// Anchors with everything that fuses into their epilogues, views in place of operators that only
// move elements where memory order allows, copies where it does not. The graph must hold core
// operators only.
[[nodiscard]] KernelGraph form_kernels(Graph graph);

} // namespace cnnc
