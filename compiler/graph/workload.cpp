// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workloads: views, operands and sizes. Their validity is workload_problem.cpp's, their text form
// workload_text.cpp's.
#include "compiler/graph/workload.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// Dimensions with more than one element, the widest stride first.
std::vector<size_t> dims_by_stride(const TensorView &view) {
    std::vector<size_t> dims;
    for (size_t d = 0; d < view.shape.size(); d++)
        if (view.shape[d] > 1)
            dims.push_back(d);
    std::sort(dims.begin(), dims.end(),
              [&](size_t a, size_t b) { return view.strides[a] > view.strides[b]; });
    return dims;
}

int64_t features(const TensorView &view) {
    return std::accumulate(view.shape.begin() + 1, view.shape.end(), int64_t(1),
                           std::multiplies<int64_t>());
}

int64_t distinct_elements(const TensorView &view) {
    int64_t n = 1;
    for (size_t d = 0; d < view.shape.size(); d++)
        if (view.strides[d] != 0)
            n *= view.shape[d];
    return n;
}

int64_t view_bytes(const TensorView &view) {
    return distinct_elements(view) * int64_t(dtype_bytes(view.dtype));
}

} // namespace

TensorView row_major(DType dtype, const Shape &shape) {
    TensorView view{dtype, shape, std::vector<int64_t>(shape.size())};
    int64_t stride = 1;
    for (size_t d = shape.size(); d-- > 0;) {
        view.strides[d] = stride;
        stride *= shape[d];
    }
    return view;
}

TensorView channels_last(DType dtype, const Shape &shape) {
    if (shape.size() < 3)
        return row_major(dtype, shape);
    TensorView view{dtype, shape, std::vector<int64_t>(shape.size())};
    view.strides[1] = 1;
    int64_t stride = shape[1];
    for (size_t d = shape.size(); d-- > 2;) {
        view.strides[d] = stride;
        stride *= shape[d];
    }
    view.strides[0] = stride;
    return view;
}

bool is_dense(const TensorView &view) {
    std::vector<size_t> dims = dims_by_stride(view);
    int64_t expected = 1;
    for (size_t i = dims.size(); i-- > 0;) {
        if (view.strides[dims[i]] != expected)
            return false;
        expected *= view.shape[dims[i]];
    }
    return true;
}

bool Workload::operator==(const Workload &o) const {
    return workload_text(*this) == workload_text(o);
}

size_t anchor_operands(const Op &anchor) {
    if (std::holds_alternative<MatMul>(anchor))
        return 2;
    if (const auto *sample = std::get_if<Sample>(&anchor))
        return 1 + sample->dims.size() * (sample->kind == SampleKind::weighted_sum ? 2 : 1);
    return 1;
}

std::optional<TensorType> workload_weight(const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (const auto *conv = std::get_if<Conv>(&w.anchor)) {
        Shape shape{conv->out_channels, in.shape[1] / conv->groups};
        shape.insert(shape.end(), conv->kernel.begin(), conv->kernel.end());
        return TensorType{in.dtype, shape};
    }
    if (const auto *linear = std::get_if<Linear>(&w.anchor))
        return TensorType{in.dtype, {linear->out_features, features(in)}};
    return std::nullopt;
}

std::optional<TensorType> workload_bias(const Workload &w) {
    const DType dtype = w.inputs[0].dtype;
    if (const auto *conv = std::get_if<Conv>(&w.anchor); conv && conv->bias)
        return TensorType{dtype, {conv->out_channels}};
    if (const auto *linear = std::get_if<Linear>(&w.anchor); linear && linear->bias)
        return TensorType{dtype, {linear->out_features}};
    return std::nullopt;
}

int64_t workload_macs(const Workload &w) {
    if (std::holds_alternative<MatMul>(w.anchor))
        return element_count(w.output.shape) * w.inputs[0].shape.back();
    auto weight = workload_weight(w);
    if (!weight)
        return 0;
    int64_t per_output = element_count(weight->shape) / weight->shape[0];
    return element_count(w.output.shape) * per_output;
}

int64_t workload_bytes(const Workload &w) {
    int64_t bytes = view_bytes(w.output);
    for (const TensorView &view : w.inputs)
        bytes += view_bytes(view);
    for (const auto &type : {workload_weight(w), workload_bias(w)})
        if (type)
            bytes += element_count(type->shape) * int64_t(dtype_bytes(type->dtype));
    return bytes;
}

} // namespace cnnc
