// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workloads: views, validity and sizes. Their text form is in workload_text.cpp.
#include "compiler/graph/workload.h"

#include "compiler/graph/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <numeric>

namespace cnnc {
namespace {

// No view may reach further than this behind its first element: keeps every address computation
// far inside int64_t.
constexpr int64_t max_reach = int64_t(1) << 44;

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

// Sufficient for "no two elements share a place", and true of every view the passes make: each
// stride steps over all that the smaller strides reach.
bool is_injective(const TensorView &view) {
    std::vector<size_t> dims = dims_by_stride(view);
    int64_t reach = 1;
    for (size_t i = dims.size(); i-- > 0;) {
        if (view.strides[dims[i]] < reach)
            return false;
        reach += (view.shape[dims[i]] - 1) * view.strides[dims[i]];
    }
    return true;
}

std::string view_problem(const TensorView &view) {
    if (view.strides.size() != view.shape.size())
        return "a view needs one stride per dimension";
    for (int64_t extent : view.shape)
        if (extent < 1)
            return "extents must be positive";
    if (!checked_elements(view.shape))
        return "too many elements";
    int64_t reach = 0;
    for (size_t d = 0; d < view.shape.size(); d++) {
        int64_t stride = view.strides[d];
        if (stride < 0)
            return "strides must not be negative";
        if (view.shape[d] > 1 && stride > (max_reach - reach) / (view.shape[d] - 1))
            return "strides reach too far";
        reach += (view.shape[d] - 1) * stride;
    }
    return "";
}

bool is_anchor(const Op &op) {
    return match(
        op, [](const Conv &) { return true; }, [](const Linear &) { return true; },
        [](const MaxPool &) { return true; }, [](const AvgPool &) { return true; },
        [](const GlobalAvgPool &) { return true; }, [](const Softmax &) { return true; },
        [](const Unary &u) { return u.kind == UnaryKind::identity; },
        [](const auto &) { return false; });
}

bool is_spatial(const Op &op) {
    return std::holds_alternative<Conv>(op) || std::holds_alternative<MaxPool>(op) ||
           std::holds_alternative<AvgPool>(op) || std::holds_alternative<GlobalAvgPool>(op);
}

int64_t features(const TensorView &view) {
    return std::accumulate(view.shape.begin() + 1, view.shape.end(), int64_t(1),
                           std::multiplies<int64_t>());
}

// The shape the anchor writes, or nothing when it cannot read its operand.
std::optional<Shape> anchor_shape(const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (const auto *linear = std::get_if<Linear>(&w.anchor)) {
        if (in.shape.size() < 2 || linear->out_features < 1 ||
            !checked_elements({linear->out_features, features(in)}))
            return std::nullopt;
        return Shape{in.shape[0], linear->out_features};
    }
    if (const auto *softmax = std::get_if<Softmax>(&w.anchor)) {
        if (softmax->dim < 0 || size_t(softmax->dim) >= in.shape.size())
            return std::nullopt;
        return in.shape;
    }
    if (std::holds_alternative<Unary>(w.anchor))
        return in.shape;
    Diagnostics ignored;
    auto type = infer_type(w.anchor, {{in.dtype, in.shape}}, {}, ignored);
    return type ? std::optional(type->shape) : std::nullopt;
}

std::string operand_problem(const TensorView &operand, const TensorView &output) {
    if (operand.shape.size() != output.shape.size())
        return "an epilogue operand needs the output's rank";
    for (size_t d = 0; d < output.shape.size(); d++) {
        if (operand.shape[d] == output.shape[d])
            continue;
        if (operand.shape[d] != 1)
            return "an epilogue operand does not broadcast to the output";
        if (operand.strides[d] != 0)
            return "a broadcast dimension needs stride 0";
    }
    return "";
}

std::string epilogue_problem(const Workload &w) {
    int next_input = 1;
    for (const EpilogueStep &step : w.epilogue) {
        if (step.input < -1 || (step.input >= 0 && step.input != next_input))
            return "epilogue operands must be numbered in the order of their use";
        if (step.input < 0)
            continue;
        if (!std::holds_alternative<Binary>(step.op))
            return "only a binary step has an operand";
        if (size_t(next_input) >= w.inputs.size())
            return "an epilogue operand is missing";
        if (auto problem = operand_problem(w.inputs[size_t(next_input)], w.output);
            !problem.empty())
            return problem;
        next_input++;
    }
    return size_t(next_input) == w.inputs.size() ? "" : "an input is never read";
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

std::string workload_problem(const Workload &w) {
    if (!is_anchor(w.anchor))
        return "no anchor operator";
    if (w.inputs.empty())
        return "the anchor's operand is missing";
    for (const TensorView &view : w.inputs)
        if (auto problem = view_problem(view); !problem.empty())
            return problem;
    if (auto problem = view_problem(w.output); !problem.empty())
        return problem;
    if (!is_injective(w.output))
        return "elements of the output share a place";
    // Only a pointwise kernel may read a broadcast operand.
    if (!std::holds_alternative<Unary>(w.anchor) && !is_injective(w.inputs[0]))
        return "elements of the anchor's operand share a place";
    if (is_spatial(w.anchor) && w.inputs[0].shape.size() != 4 && w.inputs[0].shape.size() != 5)
        return "convolution and pooling are 2-D or 3-D";
    std::optional<Shape> shape = anchor_shape(w);
    if (!shape)
        return "the anchor cannot read its operand";
    if (*shape != w.output.shape)
        return fmt::format("the anchor writes {} but the output is {}", shape_text(*shape),
                           shape_text(w.output.shape));
    return epilogue_problem(w);
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
