// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element types and strides for the operators.
#include "compiler/reference/call.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace cnnc::reference {

namespace {

constexpr double two_to_63 = 9223372036854775808.0;

// The bounds of an integer type as doubles; i64's upper bound is one too large, being no double.
std::pair<double, double> bounds(DType dtype) {
    const double bits = double(dtype_bytes(dtype)) * 8;
    if (dtype == DType::u8) {
        return {0, 255};
    }
    const double end = std::ldexp(1.0, int(bits) - 1);
    return {-end, dtype == DType::i64 ? end : end - 1};
}

double saturate(DType to, double value) {
    if (std::isnan(value)) {
        return 0;
    }
    const auto [low, high] = bounds(to);
    return std::clamp(std::trunc(value), low, high) + 0.0; // no -0 among integers
}

} // namespace

const float *Call::param(size_t i) const {
    const TensorData &data = graph.params[size_t(node.params[i])].data;
    assert(data.defined() && data.type.dtype == DType::f32);
    return data.floats();
}

TensorD Call::result() const {
    return {node.type.shape, std::vector<double>(size_t(element_count(node.type.shape)))};
}

bool is_integer(DType dtype) {
    switch (dtype) {
    case DType::u8:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
        return true;
    default:
        return false;
    }
}

double wrap(DType dtype, uint64_t bits) {
    switch (dtype) {
    case DType::u8:
        return double(uint8_t(bits));
    case DType::i8:
        return double(int8_t(bits));
    case DType::i16:
        return double(int16_t(bits));
    case DType::i32:
        return double(int32_t(bits));
    default:
        return double(int64_t(bits));
    }
}

uint64_t integer_bits(double value) {
    if (value >= two_to_63) {
        return uint64_t(std::numeric_limits<int64_t>::max());
    }
    return uint64_t(int64_t(std::max(value, -two_to_63)));
}

double cast(DType from, DType to, double value) {
    if (to == DType::boolean) {
        return value != 0 ? 1 : 0;
    }
    if (!is_integer(to)) {
        return value;
    }
    return is_integer(from) ? wrap(to, integer_bits(value)) : saturate(to, value);
}

int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
    return std::accumulate(begin, end, int64_t(1), std::multiplies<>());
}

std::vector<int64_t> row_major_strides(const Shape &shape) {
    std::vector<int64_t> strides(shape.size());
    int64_t stride = 1;
    for (size_t d = shape.size(); d-- > 0;) {
        strides[d] = stride;
        stride *= shape[d];
    }
    return strides;
}

std::vector<int64_t> broadcast_strides(const Shape &operand, const Shape &result) {
    std::vector<int64_t> strides = row_major_strides(operand);
    for (size_t d = 0; d < operand.size(); ++d) {
        strides[d] = operand[d] == 1 ? 0 : strides[d];
    }
    strides.insert(strides.begin(), result.size() - operand.size(), 0);
    return strides;
}

Lines lines_along(const Shape &shape, int64_t dim) {
    return {product(shape.begin(), shape.begin() + dim), shape[size_t(dim)],
            product(shape.begin() + dim + 1, shape.end())};
}

Extents3 three(const std::vector<int64_t> &v, int64_t missing) {
    Extents3 result = {missing, missing, missing};
    std::copy(v.begin(), v.end(), result.end() - std::ptrdiff_t(v.size()));
    return result;
}

Extents3 spatial(const Shape &shape) {
    return three({shape.begin() + 2, shape.end()}, 1);
}

} // namespace cnnc::reference
