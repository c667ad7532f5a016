// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element types, shapes and constant tensor data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

enum class DType : uint8_t { f32, f16, bf16, f64, u8, i8, i16, i32, i64, boolean };

std::string_view dtype_name(DType dtype); // "f32", ..., "bool"
std::optional<DType> dtype_from_name(std::string_view name);
size_t dtype_bytes(DType dtype);
// The element types that networks compute with (the others only occur in files).
constexpr DType computed_dtypes[] = {DType::f32, DType::u8,  DType::i8,
                                     DType::i32, DType::i64, DType::boolean};
bool is_computed(DType dtype);

// Extents in PyTorch's order: N, C, then the spatial ones (D, H, W). A scalar has rank 0.
using Shape = std::vector<int64_t>;

// No tensor of a network may hold more elements than this; it keeps every byte count of a whole
// network far inside int64_t.
constexpr int64_t max_elements = int64_t(1) << 36;

// Product of the extents, or nothing when it exceeds max_elements.
std::optional<int64_t> checked_elements(const Shape &shape);
// Product of the extents of a shape that has been checked.
int64_t element_count(const Shape &shape);
std::string shape_text(const Shape &shape); // "[1, 64, 56, 56]"

struct TensorType {
    DType dtype = DType::f32;
    Shape shape;

    bool operator==(const TensorType &o) const { return dtype == o.dtype && shape == o.shape; }
    bool operator!=(const TensorType &o) const { return !(*this == o); }
};

std::string type_text(const TensorType &type); // "f32[1, 64, 56, 56]"

// NumPy's broadcasting of two shapes, or nothing when they do not fit.
std::optional<Shape> broadcast(const Shape &a, const Shape &b);

// Constant elements, dense, row-major in `type.shape`'s order. `owner` keeps the bytes alive (a
// vector, or a mapped file); copies of a TensorData share them.
struct TensorData {
    TensorType type;
    std::shared_ptr<const void> owner;
    const std::byte *bytes = nullptr;

    static TensorData from_floats(Shape shape, std::vector<float> values); // dtype f32
    // `type.dtype` must be f32 and `bytes` 4-byte aligned.
    const float *floats() const { return reinterpret_cast<const float *>(bytes); }
    size_t byte_count() const {
        return size_t(element_count(type.shape)) * dtype_bytes(type.dtype);
    }
    bool defined() const { return bytes != nullptr; }
};

} // namespace cnnc
