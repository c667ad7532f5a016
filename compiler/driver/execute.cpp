// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The parent's side of running a compiled network.
#include "compiler/driver/execute.h"

#include "compiler/codegen/child.h"
#include "compiler/driver/tensors.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc {
namespace {

// A page more than enough for outputs without elements.
size_t bytes_of(const TensorType &type) {
    return std::max<size_t>(64, size_t(element_count(type.shape)) * dtype_bytes(type.dtype));
}

constexpr double run_timeout_seconds = 600;

} // namespace

std::vector<const void *> CallMemory::input_pointers() const {
    std::vector<const void *> pointers;
    for (const auto &input : inputs)
        pointers.push_back(input.data());
    return pointers;
}

std::vector<void *> CallMemory::output_pointers() const {
    std::vector<void *> pointers;
    for (const SharedMemory &output : outputs)
        pointers.push_back(output.as<void>());
    return pointers;
}

CallMemory make_call_memory(const Graph &graph, const std::vector<TensorData> &inputs) {
    CallMemory memory;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const Node &node = graph[graph.inputs[i]];
        const Layout layout = std::get<Input>(node.op).layout;
        memory.inputs.emplace_back(inputs[i].byte_count());
        scatter(inputs[i].bytes, node.type, layout_strides(node.type.shape, layout),
                memory.inputs.back().data());
    }
    for (const Output &output : graph.outputs)
        memory.outputs.emplace_back(bytes_of(graph[output.node].type));
    return memory;
}

TensorData output_tensor(const Graph &graph, const CallMemory &memory, size_t index) {
    const Output &output = graph.outputs[index];
    const TensorType &type = graph[output.node].type;
    return gathered(memory.outputs[index].as<void>(), type,
                    layout_strides(type.shape, output.layout));
}

void in_child(double timeout_seconds, const std::function<void()> &work) {
    const Child child = run_child([&](int) { work(); }, timeout_seconds);
    if (!child.failure.empty())
        throw Failure{exit_bug,
                      fmt::format("the compiled network could not be run: {}", child.failure)};
}

void run_once(const Library &library, int threads, const CallMemory &memory) {
    in_child(run_timeout_seconds, [&] {
        LoadedNetwork network(library);
        NetworkContext context = network.create(threads);
        context.run(memory.input_pointers(), memory.output_pointers());
    });
}

} // namespace cnnc
