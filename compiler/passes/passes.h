// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graph to graph passes and the one that leaves the graph: forming kernels. Each is a pure
// function.
#pragma once

#include "compiler/graph/kernel_graph.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// Dropout and identity vanish; nodes no output needs vanish with their params.
[[nodiscard]] Graph remove_no_ops(Graph graph);
[[nodiscard]] Graph remove_dead_code(Graph graph);
// A node whose inputs are all constants becomes a Parameter node holding its value.
[[nodiscard]] Graph fold_constants(Graph graph);
// A batch norm behind a convolution or linear layer that nothing else reads goes into its weight
// and bias; any other becomes a multiplication and an addition per channel. Works without weight
// data too (shapes only).
[[nodiscard]] Graph fold_batch_norm(Graph graph);

struct Pass {
    std::string name; // as `--print-after` takes it
    std::function<Graph(Graph)> run;
};
// The pipeline, in order.
const std::vector<Pass> &graph_passes();
// Runs the pipeline; `after`, if given, sees the graph after each pass.
[[nodiscard]] Graph
optimize(Graph graph, const std::function<void(const Pass &, const Graph &)> &after = nullptr);

// Anchors with everything that fuses into their epilogues, views in place of flatten, reshape and
// concat where memory order allows, copies where it does not.
[[nodiscard]] KernelGraph form_kernels(Graph graph);

} // namespace cnnc
