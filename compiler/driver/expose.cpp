// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Only references change: kernels find their tensors through them.
#include "compiler/driver/expose.h"

#include "compiler/plan/plan.h"

#include <algorithm>

namespace cnnc {
namespace {

int64_t rounded_up(int64_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

// A node that stands for the extra output; only its type matters.
NodeId add_output_node(Graph &graph, int64_t bytes) {
    Node node;
    node.op = Input{};
    node.type = {DType::u8, {bytes}};
    node.name = "cnnc_results";
    graph.nodes.push_back(std::move(node));
    return NodeId(graph.nodes.size() - 1);
}

} // namespace

KernelGraph expose_results(KernelGraph kernels) {
    std::vector<int64_t> places(kernels.buffers.size(), -1); // in bytes
    int64_t bytes = 0;
    for (size_t i = 0; i < kernels.buffers.size(); ++i) {
        if (kernels.buffers[i].kind != Buffer::Kind::temp)
            continue;
        places[i] = bytes;
        bytes += rounded_up(kernels.buffers[i].bytes);
    }
    if (bytes == 0)
        return kernels;
    const int buffer = int(kernels.buffers.size());
    Buffer results;
    results.kind = Buffer::Kind::output;
    results.index = int(kernels.graph.outputs.size());
    results.bytes = bytes;
    results.name = "cnnc_results";
    kernels.buffers.push_back(results);
    const NodeId node = add_output_node(kernels.graph, bytes);
    kernels.graph.outputs.push_back({results.name, node});

    const auto move = [&](TensorRef &ref, const TensorView &view) {
        const int64_t place = places[size_t(ref.buffer)];
        if (place >= 0)
            ref = {buffer, ref.offset + place / int64_t(dtype_bytes(view.dtype))};
    };
    for (Kernel &kernel : kernels.kernels) {
        for (size_t i = 0; i < kernel.inputs.size(); ++i)
            move(kernel.inputs[i], kernel.workload.inputs[i]);
        move(kernel.output, kernel.workload.output);
    }
    return kernels;
}

} // namespace cnnc
