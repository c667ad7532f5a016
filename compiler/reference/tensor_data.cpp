// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Between typed bytes and doubles.
#include "compiler/reference/call.h"

#include <cassert>
#include <cstring>
#include <memory>

namespace cnnc {

namespace {

// Calls f with a value of the C++ type that stores `dtype`'s elements.
template <typename F>
void with_storage(DType dtype, const F &f) {
    switch (dtype) {
    case DType::f32:
        return f(float());
    case DType::f64:
        return f(double());
    case DType::u8:
    case DType::boolean:
        return f(uint8_t());
    case DType::i8:
        return f(int8_t());
    case DType::i16:
        return f(int16_t());
    case DType::i32:
        return f(int32_t());
    case DType::i64:
        return f(int64_t());
    case DType::f16:
    case DType::bf16:
        break;
    }
    assert(false && "no network computes with this type");
}

} // namespace

TensorD to_double(const TensorData &data) {
    assert(data.defined());
    TensorD result = {data.type.shape, {}};
    result.values.resize(size_t(element_count(data.type.shape)));
    with_storage(data.type.dtype, [&](auto element) {
        for (size_t i = 0; i < result.values.size(); ++i) {
            std::memcpy(&element, data.bytes + i * sizeof(element), sizeof(element));
            result.values[i] = double(element);
        }
    });
    return result;
}

TensorData to_tensor_data(const TensorD &value, DType dtype) {
    const size_t size = value.values.size() * dtype_bytes(dtype);
    auto bytes = std::make_shared<std::vector<std::byte>>(size);
    with_storage(dtype, [&](auto element) {
        for (size_t i = 0; i < value.values.size(); ++i) {
            if (reference::is_integer(dtype)) {
                element = decltype(element)(reference::integer_bits(value.values[i]));
            } else {
                element = decltype(element)(value.values[i]);
            }
            std::memcpy(bytes->data() + i * sizeof(element), &element, sizeof(element));
        }
    });
    const std::byte *data = bytes->data();
    return {{dtype, value.shape}, std::move(bytes), data};
}

} // namespace cnnc
