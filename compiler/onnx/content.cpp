// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Conversions of known elements.
#include "compiler/onnx/content.h"

#include "compiler/import/convert.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace cnnc {
namespace {

// Calls f with a value of the element type's C++ type. Bools are bytes.
template <typename F>
auto with_type(DType dtype, F &&f) {
    switch (dtype) {
    case DType::f32:
        return f(float());
    case DType::i8:
        return f(int8_t());
    case DType::i32:
        return f(int32_t());
    case DType::i64:
        return f(int64_t());
    default:
        return f(uint8_t()); // u8 and bool
    }
}

struct Buffer {
    std::shared_ptr<std::vector<std::byte>> bytes;
    TensorData data;
};

Buffer make_buffer(const TensorType &type) {
    size_t size = size_t(element_count(type.shape)) * dtype_bytes(type.dtype);
    auto bytes = std::make_shared<std::vector<std::byte>>(std::max<size_t>(size, 1));
    return {bytes, {type, bytes, bytes->data()}};
}

template <typename T>
T limited(double value) {
    if constexpr (std::is_same_v<T, float>) {
        return float(value);
    } else {
        using Limits = std::numeric_limits<T>;
        if (std::isnan(value))
            return 0;
        if (value <= double(Limits::min()))
            return Limits::min();
        return value >= double(Limits::max()) ? Limits::max() : T(value);
    }
}

template <typename From, typename To>
TensorData widened(const TensorData &data, DType dtype) {
    Buffer result = make_buffer({dtype, data.type.shape});
    auto *to = reinterpret_cast<To *>(result.bytes->data());
    for (size_t i = 0; i < size_t(element_count(data.type.shape)); ++i) {
        From from;
        std::memcpy(&from, data.bytes + i * sizeof from, sizeof from);
        to[i] = To(from);
    }
    return result.data;
}

} // namespace

TensorData computed_form(const TensorData &data) {
    switch (data.type.dtype) {
    case DType::f16:
    case DType::bf16:
    case DType::f64:
        return to_f32(data);
    case DType::i16:
        return widened<int16_t, int32_t>(data, DType::i32);
    case DType::boolean: {
        TensorData result = widened<uint8_t, bool>(data, DType::boolean);
        return result;
    }
    default:
        return data;
    }
}

double short_number(float value) {
    std::string digits = fmt::format("{}", value);
    double number = value;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

std::vector<int64_t> integers_of(const TensorData &data) {
    size_t count = size_t(element_count(data.type.shape));
    return with_type(data.type.dtype, [&](auto zero) {
        auto *elements = reinterpret_cast<const decltype(zero) *>(data.bytes);
        std::vector<int64_t> values(count);
        for (size_t i = 0; i < count; ++i) {
            if constexpr (std::is_same_v<decltype(zero), float>)
                values[i] = limited<int64_t>(elements[i]);
            else
                values[i] = int64_t(elements[i]);
        }
        return values;
    });
}

TensorData content_of(const TensorType &type, const std::vector<double> &values) {
    assert(size_t(element_count(type.shape)) == values.size());
    Buffer result = make_buffer(type);
    with_type(type.dtype, [&](auto zero) {
        using T = decltype(zero);
        auto *elements = reinterpret_cast<T *>(result.bytes->data());
        for (size_t i = 0; i < values.size(); ++i)
            elements[i] = type.dtype == DType::boolean ? T(values[i] != 0) : limited<T>(values[i]);
    });
    return result.data;
}

TensorData content_of(const std::vector<int64_t> &values) {
    Buffer result = make_buffer({DType::i64, {int64_t(values.size())}});
    std::copy(values.begin(), values.end(), reinterpret_cast<int64_t *>(result.bytes->data()));
    return result.data;
}

TensorData reshaped(TensorData data, Shape shape) {
    assert(element_count(data.type.shape) == element_count(shape));
    data.type.shape = std::move(shape);
    return data;
}

TensorData picked(const TensorType &type, const std::vector<const TensorData *> &sources,
                  const std::vector<double> &positions, double fill) {
    Buffer result = make_buffer(type);
    TensorData filler = content_of({type.dtype, {}}, {fill});
    size_t size = dtype_bytes(type.dtype);
    std::vector<int64_t> ends;
    int64_t end = 0;
    for (const TensorData *source : sources)
        ends.push_back(end += element_count(source->type.shape));
    for (size_t i = 0; i < positions.size(); ++i) {
        const std::byte *from = filler.bytes;
        if (positions[i] >= 0) {
            auto position = int64_t(positions[i]);
            size_t k = size_t(std::upper_bound(ends.begin(), ends.end(), position) - ends.begin());
            int64_t begin = k == 0 ? 0 : ends[k - 1];
            from = sources[k]->bytes + size_t(position - begin) * size;
        }
        std::memcpy(result.bytes->data() + i * size, from, size);
    }
    return result.data;
}

TensorData permuted(const TensorData &data, const std::vector<int64_t> &dims) {
    const Shape &from = data.type.shape;
    size_t rank = from.size(), size = dtype_bytes(data.type.dtype);
    Shape strides(rank, 1), shape(rank), steps(rank);
    for (size_t d = rank; d-- > 1;)
        strides[d - 1] = strides[d] * from[d];
    for (size_t d = 0; d < rank; ++d) {
        shape[d] = from[size_t(dims[d])];
        steps[d] = strides[size_t(dims[d])];
    }
    Buffer result = make_buffer({data.type.dtype, shape});
    Shape at(rank, 0);
    int64_t source = 0, count = element_count(shape);
    for (int64_t i = 0; i < count; ++i) {
        std::memcpy(result.bytes->data() + size_t(i) * size, data.bytes + size_t(source) * size,
                    size);
        for (size_t d = rank; d-- > 0;) {
            source += steps[d];
            if (++at[d] < shape[d])
                break;
            source -= steps[d] * shape[d];
            at[d] = 0;
        }
    }
    return result.data;
}

} // namespace cnnc
