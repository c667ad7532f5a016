// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Builds graphs node by node, for tests.
#pragma once

#include "compiler/graph/graph.h"

#include <string>
#include <vector>

namespace cnnc {

class TestGraph {
  public:
    explicit TestGraph(std::string name = "net") { graph_.name = std::move(name); }

    NodeId input(const std::string &name, Shape shape, Layout layout = Layout::nchw,
                 DType dtype = DType::f32);
    NodeId constant(double value) { return constant(Constant{value}); }
    NodeId constant(Constant value);
    // Infers the type and makes the params, named after the node. The operator must fit.
    NodeId add(Op op, std::vector<NodeId> operands, const std::string &name);
    // The same, or nothing if the operator does not fit or its result exceeds `max_elements`.
    std::optional<NodeId> try_add(Op op, std::vector<NodeId> operands, const std::string &name,
                                  int64_t max_elements);
    // The same with the params of another node of the same operator and operand type.
    NodeId add_shared(NodeId like, std::vector<NodeId> operands, const std::string &name);
    void output(const std::string &name, NodeId node, Layout layout = Layout::nchw);

    const Graph &graph() const { return graph_; }
    Graph finish() { return std::move(graph_); }

  private:
    NodeId push(Op op, TensorType type, const std::string &name);

    Graph graph_;
    int constants_ = 0;
};

// Convolution with one number for every spatial dimension.
Conv conv(int spatial_rank, int64_t out_channels, int64_t kernel, int64_t stride = 1,
          int64_t padding = 0, int64_t groups = 1, bool bias = true);
MaxPool max_pool(int spatial_rank, int64_t kernel, int64_t stride, int64_t padding = 0);
AvgPool avg_pool(int spatial_rank, int64_t kernel, int64_t stride, int64_t padding = 0);

} // namespace cnnc
