// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element types, shapes, broadcasting.
#include "compiler/graph/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>

namespace cnnc {

namespace {

struct DTypeInfo {
    DType dtype;
    std::string_view name;
    size_t bytes;
};

// In the order of the enumeration.
constexpr DTypeInfo dtypes[] = {
    {DType::f32, "f32", 4},      {DType::f16, "f16", 2}, {DType::bf16, "bf16", 2},
    {DType::f64, "f64", 8},      {DType::u8, "u8", 1},   {DType::i8, "i8", 1},
    {DType::i16, "i16", 2},      {DType::i32, "i32", 4}, {DType::i64, "i64", 8},
    {DType::boolean, "bool", 1},
};

const DTypeInfo &info(DType dtype) {
    const DTypeInfo &result = dtypes[size_t(dtype)];
    assert(result.dtype == dtype);
    return result;
}

} // namespace

std::string_view dtype_name(DType dtype) {
    return info(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
    for (const DTypeInfo &d : dtypes) {
        if (d.name == name) {
            return d.dtype;
        }
    }
    return std::nullopt;
}

size_t dtype_bytes(DType dtype) {
    return info(dtype).bytes;
}

bool is_computed(DType dtype) {
    return std::find(std::begin(computed_dtypes), std::end(computed_dtypes), dtype) !=
           std::end(computed_dtypes);
}

std::optional<int64_t> checked_elements(const Shape &shape) {
    if (std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; })) {
        return std::nullopt;
    }
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
        return 0;
    }
    int64_t elements = 1;
    for (int64_t extent : shape) {
        if (extent > max_elements / elements) {
            return std::nullopt;
        }
        elements *= extent;
    }
    return elements;
}

int64_t element_count(const Shape &shape) {
    std::optional<int64_t> elements = checked_elements(shape);
    assert(elements);
    return *elements;
}

std::string shape_text(const Shape &shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string type_text(const TensorType &type) {
    return fmt::format("{}{}", dtype_name(type.dtype), shape_text(type.shape));
}

std::optional<Shape> broadcast(const Shape &a, const Shape &b) {
    const Shape &longer = a.size() >= b.size() ? a : b;
    const Shape &shorter = a.size() >= b.size() ? b : a;
    Shape result = longer;
    const size_t behind = longer.size() - shorter.size();
    for (size_t i = 0; i < shorter.size(); ++i) {
        int64_t &extent = result[behind + i];
        if (extent == 1) {
            extent = shorter[i];
        } else if (shorter[i] != 1 && shorter[i] != extent) {
            return std::nullopt;
        }
    }
    return result;
}

TensorData TensorData::from_floats(Shape shape, std::vector<float> values) {
    assert(element_count(shape) == int64_t(values.size()));
    auto owner = std::make_shared<const std::vector<float>>(std::move(values));
    const auto *bytes = reinterpret_cast<const std::byte *>(owner->data());
    return {{DType::f32, std::move(shape)}, std::move(owner), bytes};
}

} // namespace cnnc
