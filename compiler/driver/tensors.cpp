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

bool is_integer(DType dtype) {
    return dtype != DType::f32 && dtype != DType::f64 && dtype != DType::f16 &&
           dtype != DType::bf16;
}

} // namespace cnnc
