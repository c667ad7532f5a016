// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See constants.h.
#include "compiler/passes/constants.h"

#include <cassert>
#include <cstring>

namespace cnnc {
namespace {

template <class T>
void encode_as(const std::vector<double> &values, std::byte *to) {
    for (size_t i = 0; i < values.size(); i++) {
        const T value = T(values[i]);
        std::memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
}

template <class T>
std::vector<double> decode_as(const TensorData &data) {
    std::vector<double> values(size_t(element_count(data.type.shape)));
    for (size_t i = 0; i < values.size(); i++) {
        T value;
        std::memcpy(&value, data.bytes + i * sizeof(T), sizeof(T));
        values[i] = double(value);
    }
    return values;
}

} // namespace

TensorData encode(const TensorType &type, const std::vector<double> &values) {
    assert(int64_t(values.size()) == element_count(type.shape));
    const size_t bytes = values.size() * dtype_bytes(type.dtype);
    // Words, so that every element is aligned.
    auto words = std::make_shared<std::vector<uint64_t>>(bytes / sizeof(uint64_t) + 1);
    auto *to = reinterpret_cast<std::byte *>(words->data());
    switch (type.dtype) {
    case DType::f32:
        encode_as<float>(values, to);
        break;
    case DType::u8:
    case DType::boolean:
        encode_as<uint8_t>(values, to);
        break;
    case DType::i8:
        encode_as<int8_t>(values, to);
        break;
    case DType::i32:
        encode_as<int32_t>(values, to);
        break;
    case DType::i64:
        encode_as<int64_t>(values, to);
        break;
    default:
        assert(false && "networks compute with no other types");
    }
    return {type, std::move(words), to};
}

std::vector<double> decode(const TensorData &data) {
    switch (data.type.dtype) {
    case DType::f32:
        return decode_as<float>(data);
    case DType::u8:
    case DType::boolean:
        return decode_as<uint8_t>(data);
    case DType::i8:
        return decode_as<int8_t>(data);
    case DType::i32:
        return decode_as<int32_t>(data);
    case DType::i64:
        return decode_as<int64_t>(data);
    default:
        assert(false && "networks compute with no other types");
        return {};
    }
}

bool is_constant(const Op &op) {
    return std::holds_alternative<Constant>(op) || std::holds_alternative<Parameter>(op);
}

std::optional<std::vector<double>> constant_values(const Graph &graph, NodeId id) {
    const Node &node = graph[id];
    if (const auto *constant = std::get_if<Constant>(&node.op))
        return constant->values;
    if (!std::holds_alternative<Parameter>(node.op))
        return std::nullopt;
    const TensorData &data = graph.params[size_t(node.params[0])].data;
    return data.defined() ? std::optional(decode(data)) : std::nullopt;
}

std::optional<double> scalar_value(const Graph &graph, NodeId id) {
    if (!is_constant(graph[id].op) || element_count(graph[id].type.shape) != 1)
        return std::nullopt;
    const auto values = constant_values(graph, id);
    return values ? std::optional((*values)[0]) : std::nullopt;
}

} // namespace cnnc
