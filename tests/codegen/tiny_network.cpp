// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/codegen/tiny_network.h"

namespace cnnc {
namespace {

Buffer buffer(Buffer::Kind kind, int index, int64_t bytes) {
    Buffer buffer;
    buffer.kind = kind;
    buffer.index = index;
    buffer.bytes = bytes;
    return buffer;
}

Graph tiny_graph(const std::string &name) {
    Graph graph;
    graph.name = name;
    graph.nodes.resize(2);
    graph.nodes[0].op = Input{};
    graph.nodes[0].name = "x";
    graph.nodes[0].type = {DType::f32, {1, 3}};
    graph.nodes[1].op = Unary{};
    graph.nodes[1].name = "twice";
    graph.nodes[1].type = {DType::f32, {1, 2}};
    graph.inputs = {0};
    graph.outputs.resize(1);
    graph.outputs[0].name = "y";
    graph.outputs[0].node = 1;
    return graph;
}

} // namespace

Kernel tiny_kernel(const std::string &name, Op anchor, int64_t features,
                   std::vector<TensorRef> inputs, TensorRef output) {
    Kernel kernel;
    kernel.name = name;
    kernel.workload.anchor = std::move(anchor);
    kernel.workload.inputs.assign(inputs.size(), row_major(DType::f32, {1, features}));
    kernel.workload.output = row_major(DType::f32, {1, 2});
    kernel.inputs = std::move(inputs);
    kernel.output = output;
    return kernel;
}

TinyNetwork tiny_network(const std::string &name, float bias) {
    TinyNetwork net;
    net.name = name;
    net.kernels.graph = tiny_graph(name);
    auto &buffers = net.kernels.buffers;
    buffers = {buffer(Buffer::Kind::input, 0, 12), buffer(Buffer::Kind::temp, -1, 8),
               buffer(Buffer::Kind::constant, -1, 8), buffer(Buffer::Kind::temp, -1, 16),
               buffer(Buffer::Kind::output, 0, 8)};
    buffers[2].data = TensorData::from_floats({1, 2}, {0.5f, 0.25f});
    auto &kernels = net.kernels.kernels;
    kernels.push_back(tiny_kernel("fc", Linear{2, true}, 3, {{0, 0}}, {1, 0}));
    kernels[0].weight = TensorData::from_floats({2, 3}, {1, 2, 3, 4, 5, 6});
    kernels[0].bias = TensorData::from_floats({2}, {bias, 20});
    // Written behind the start of its buffer, as a part of a concatenation is.
    kernels.push_back(tiny_kernel("add", Unary{}, 2, {{1, 0}, {2, 0}}, {3, 2}));
    kernels.push_back(tiny_kernel("twice", Unary{}, 2, {{3, 2}}, {4, 0}));
    net.plan.offsets = {-1, 0, -1, 64, -1};
    net.plan.arena_bytes = 80;
    net.plan.lower_bound = 24;
    return net;
}

LibraryRequest library_request(const TinyNetwork &net) {
    LibraryRequest request;
    request.name = net.name;
    request.kernels = &net.kernels;
    request.plan = &net.plan;
    request.weights_file = net.weights_file;
    return request;
}

LibraryVariant tiny_variant(const std::string &name, const Target &target,
                            const std::vector<CompiledKernel> &compiled) {
    LibraryVariant variant;
    variant.name = name;
    variant.target = target;
    for (const CompiledKernel &kernel : compiled)
        variant.compiled.push_back(&kernel);
    variant.schedules = {{"gemm", {{"tile_n", 2}}}, {"pointwise", {}}, {"pointwise", {}}};
    variant.schedule_origins = {"default", "override", "default"};
    return variant;
}

void write_library(const Workshop &shop, const std::string &name, const Library &library) {
    shop.write("lib" + name + ".a", library_archive(library));
    shop.write(name + ".h", library.header);
    shop.write(name + ".json", library.manifest);
    shop.write(name + "-config.cmake", library.cmake_config);
    shop.write(name + ".pc", library.pkg_config);
    if (!library.weights.empty())
        shop.write(name + ".weights", library.weights);
}

} // namespace cnnc
