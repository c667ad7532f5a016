// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Walking strided tensors.
#include "compiler/driver/tensors.h"

#include "compiler/graph/workload.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace cnnc {
namespace {

// Visits every element in logical order with its place.
template <typename Visit>
void for_each_place(const Shape &shape, const std::vector<int64_t> &strides, const Visit &visit) {
    const int64_t count = element_count(shape);
    Shape index(shape.size(), 0);
    int64_t place = 0;
    for (int64_t i = 0; i < count; ++i) {
        visit(i, place);
        for (size_t d = shape.size(); d-- > 0;) {
            place += strides[d];
            if (++index[d] < shape[d])
                break;
            place -= strides[d] * shape[d];
            index[d] = 0;
        }
    }
}

// Calls visit with a null pointer to the C++ type of the elements.
template <typename Visit>
void with_element_type(DType dtype, const Visit &visit) {
    switch (dtype) {
    case DType::f32:
        return visit(static_cast<float *>(nullptr));
    case DType::u8:
    case DType::boolean:
        return visit(static_cast<uint8_t *>(nullptr));
    case DType::i8:
        return visit(static_cast<int8_t *>(nullptr));
    case DType::i32:
        return visit(static_cast<int32_t *>(nullptr));
    case DType::i64:
        return visit(static_cast<int64_t *>(nullptr));
    case DType::f16:
    case DType::bf16:
    case DType::f64:
    case DType::i16:
        break;
    }
    assert(false && "no tensor of a network has this type");
}

// Calls copy with bytes of one element at a time, whatever it is.
template <typename Copy>
void with_element_size(DType dtype, const Copy &copy) {
    switch (dtype_bytes(dtype)) {
    case 1:
        return copy(uint8_t());
    case 2:
        return copy(uint16_t());
    case 4:
        return copy(uint32_t());
    default:
        return copy(uint64_t());
    }
}

} // namespace

std::vector<int64_t> layout_strides(const Shape &shape, Layout layout) {
    const TensorView view =
        layout == Layout::nhwc ? channels_last(DType::f32, shape) : row_major(DType::f32, shape);
    return view.strides;
}

void scatter(const void *logical, const TensorType &type, const std::vector<int64_t> &strides,
             void *memory) {
    with_element_size(type.dtype, [&](auto element) {
        using Element = decltype(element);
        const auto *from = static_cast<const Element *>(logical);
        auto *to = static_cast<Element *>(memory);
        for_each_place(type.shape, strides, [&](int64_t i, int64_t place) { to[place] = from[i]; });
    });
}

void gather(const void *memory, const TensorType &type, const std::vector<int64_t> &strides,
            void *logical) {
    with_element_size(type.dtype, [&](auto element) {
        using Element = decltype(element);
        const auto *from = static_cast<const Element *>(memory);
        auto *to = static_cast<Element *>(logical);
        for_each_place(type.shape, strides, [&](int64_t i, int64_t place) { to[i] = from[place]; });
    });
}

TensorData gathered(const void *memory, const TensorType &type,
                    const std::vector<int64_t> &strides) {
    const size_t bytes = size_t(element_count(type.shape)) * dtype_bytes(type.dtype);
    auto values = std::make_shared<std::vector<std::byte>>(bytes);
    gather(memory, type, strides, values->data());
    return {type, values, values->data()};
}

std::vector<double> values_of(const TensorData &data) {
    std::vector<double> numbers(size_t(element_count(data.type.shape)));
    with_element_type(data.type.dtype, [&](auto *null) {
        const auto *elements =
            reinterpret_cast<const std::remove_pointer_t<decltype(null)> *>(data.bytes);
        for (size_t i = 0; i < numbers.size(); ++i)
            numbers[i] = double(elements[i]);
    });
    return numbers;
}

TensorData tensor_of(const TensorType &type, const std::vector<double> &numbers) {
    auto values =
        std::make_shared<std::vector<std::byte>>(numbers.size() * dtype_bytes(type.dtype));
    with_element_type(type.dtype, [&](auto *null) {
        using Element = std::remove_pointer_t<decltype(null)>;
        for (size_t i = 0; i < numbers.size(); ++i) {
            const auto element = static_cast<Element>(numbers[i]);
            std::memcpy(values->data() + i * sizeof element, &element, sizeof element);
        }
    });
    return {type, values, values->data()};
}

bool is_integer(DType dtype) {
    return dtype != DType::f32 && dtype != DType::f64 && dtype != DType::f16 &&
           dtype != DType::bf16;
}

} // namespace cnnc
