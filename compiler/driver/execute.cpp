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
    return std::max<size_t>(64, size_t(element_count(type.shape)) * sizeof(float));
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
        memory.inputs.emplace_back(size_t(element_count(node.type.shape)));
        scatter(inputs[i].floats(), node.type.shape, layout_strides(node.type.shape, layout),
                memory.inputs.back().data());
    }
    for (const Output &output : graph.outputs)
        memory.outputs.emplace_back(bytes_of(graph[output.node].type));
    return memory;
}

std::vector<float> output_values(const Graph &graph, const CallMemory &memory, size_t index) {
    const Output &output = graph.outputs[index];
    const Shape &shape = graph[output.node].type.shape;
    std::vector<float> values(size_t(element_count(shape)));
    gather(memory.outputs[index].as<float>(), shape, layout_strides(shape, output.layout),
           values.data());
    return values;
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
