// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network as kernels over buffers: what the passes leave for planning, lowering and explaining.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/graph/workload.h"

#include <string>
#include <vector>

namespace cnnc {

// A piece of memory that tensors live in. Tensors that are views of one another (a flattened or
// concatenated tensor and its parts) share one.
struct Buffer {
    enum class Kind : uint8_t {
        input,    // the caller's, read only; `index` into Graph::inputs
        output,   // the caller's; `index` into Graph::outputs
        constant, // `data`, placed with the weights
        temp,     // in the arena
    };
    Kind kind = Kind::temp;
    int index = -1;
    int64_t bytes = 0;
    TensorData data;
    std::string name; // the tensor that made it
};

// A tensor inside a buffer.
struct TensorRef {
    int buffer = -1;
    int64_t offset = 0; // in elements
};

struct Kernel {
    std::string name; // the anchor node's name
    Workload workload;
    std::vector<TensorRef> inputs; // as Workload::inputs
    TensorRef output;
    TensorData weight, bias; // PyTorch's order; undefined where the anchor has none (or no data)
    // Of `graph`: the anchor first, then what was fused, in order. Empty for a copy, which writes
    // the value of `result` to another place.
    std::vector<NodeId> nodes;
    // The node whose value the kernel writes. The workload's output may have another shape (1-D
    // made 2-D, rows collapsed), but the same elements in the same row-major order.
    NodeId result = -1;
    std::vector<std::string> notes; // for explain: what was fused and why, or why not
};

struct KernelGraph {
    Graph graph; // after the graph passes: what the kernels' `nodes` refer to
    std::vector<Buffer> buffers;
    std::vector<Kernel> kernels;    // in order of execution
    std::vector<std::string> notes; // whole-network remarks (views, removed copies)
};

// Broken rules in words, empty when sound: ids in range, views inside their buffers, workload
// valid, written before read, no kernel writing what it reads.
std::vector<std::string> verify(const KernelGraph &kernels);

// For people and golden tests: per kernel its name, workload, where it reads and writes, what was
// fused and why; then the buffers' names and sizes, and the remarks on the whole network.
std::string kernel_graph_text(const KernelGraph &kernels);

} // namespace cnnc
