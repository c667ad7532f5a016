// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/random/random_graph.h"

#include "compiler/graph/weights.h"
#include "tests/random/generator.h"

#include <cmath>
#include <cstring>
#include <memory>

namespace cnnc {

namespace {

// Whole numbers of a type, spread over [low, high].
template <typename T>
TensorData random_integers(const TensorType &type, uint64_t seed, const std::string &name,
                           int64_t low, int64_t high) {
    const TensorData fractions = random_tensor(type.shape, seed, name, 0, 1);
    const auto count = size_t(element_count(type.shape));
    auto values = std::make_shared<std::vector<T>>(count);
    for (size_t i = 0; i < count; ++i) {
        const auto step = int64_t(std::floor(fractions.floats()[i] * float(high - low + 1)));
        (*values)[i] = T(std::min(low + step, high));
    }
    const auto *bytes = reinterpret_cast<const std::byte *>(values->data());
    return {type, std::move(values), bytes};
}

TensorData random_input(const TensorType &type, uint64_t seed, const std::string &name) {
    switch (type.dtype) {
    case DType::u8:
        return random_integers<uint8_t>(type, seed, name, 0, 255);
    case DType::boolean:
        return random_integers<uint8_t>(type, seed, name, 0, 1);
    case DType::i8:
        return random_integers<int8_t>(type, seed, name, -128, 127);
    case DType::i32:
        return random_integers<int32_t>(type, seed, name, -128, 128);
    case DType::i64:
        return random_integers<int64_t>(type, seed, name, -128, 128);
    default:
        return random_tensor(type.shape, seed, name, -std::sqrt(3.0), std::sqrt(3.0));
    }
}

} // namespace

Graph random_graph(uint64_t seed, const RandomGraphOptions &options) {
    Graph graph = Generator(seed, options).generate();
    random_weights(graph, seed);
    return graph;
}

std::vector<TensorData> random_inputs(const Graph &graph, uint64_t seed) {
    std::vector<TensorData> inputs;
    for (NodeId id : graph.inputs) {
        inputs.push_back(random_input(graph[id].type, seed, graph[id].name));
    }
    return inputs;
}

} // namespace cnnc
