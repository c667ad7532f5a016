// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shapes, views and element types of data from files.
#include "compiler/import/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace cnnc {
namespace {

float from_half(uint16_t bits) {
    int exponent = (bits >> 10) & 31;
    int mantissa = bits & 1023;
    float magnitude = 0;
    if (exponent == 31)
        magnitude = mantissa != 0 ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = std::ldexp(float(mantissa), -24);
    else
        magnitude = std::ldexp(float(mantissa + 1024), exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

float from_bfloat(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

template <typename Element, typename Convert>
TensorData converted(const TensorData &data, Convert convert) {
    auto *elements = reinterpret_cast<const Element *>(data.bytes);
    std::vector<float> values(size_t(element_count(data.type.shape)));
    std::transform(elements, elements + values.size(), values.begin(), convert);
    return TensorData::from_floats(data.type.shape, std::move(values));
}

} // namespace

std::optional<Shape> shape_from_file(const std::vector<uint64_t> &extents) {
    Shape shape;
    uint64_t elements = 1;
    for (uint64_t extent : extents) {
        // The first test also keeps the extents of an empty tensor within int64_t.
        if (extent > max_elements || (elements != 0 && extent > max_elements / elements))
            return std::nullopt;
        elements *= extent;
        shape.push_back(int64_t(extent));
    }
    return shape;
}

TensorData aligned_view(const TensorType &type, std::shared_ptr<const void> owner,
                        const std::byte *bytes) {
    size_t size = size_t(element_count(type.shape)) * dtype_bytes(type.dtype);
    const bool bools = type.dtype == DType::boolean;
    bool aligned = !bools && reinterpret_cast<uintptr_t>(bytes) % dtype_bytes(type.dtype) == 0;
    if (aligned && size > 0)
        return {type, std::move(owner), bytes};
    // An empty tensor gets a byte of its own: where it lies may be the end of the file.
    auto copy = std::make_shared<std::vector<std::byte>>(std::max<size_t>(size, 1));
    std::copy_n(bytes, size, copy->begin());
    if (bools) // code counts on 0 and 1
        std::replace_if(
            copy->begin(), copy->end(), [](std::byte b) { return b > std::byte(1); }, std::byte(1));
    return {type, copy, copy->data()};
}

bool converts_to_f32(DType dtype) {
    return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 ||
           dtype == DType::f64;
}

TensorData to_f32(const TensorData &data) {
    switch (data.type.dtype) {
    case DType::f16:
        return converted<uint16_t>(data, from_half);
    case DType::bf16:
        return converted<uint16_t>(data, from_bfloat);
    case DType::f64:
        return converted<double>(data, [](double value) { return float(value); });
    default:
        return data;
    }
}

} // namespace cnnc
