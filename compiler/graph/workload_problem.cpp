// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The normal forms of workloads, as checks: shapes and element types from the anchor through the
// epilogue to the output.
#include "compiler/graph/graph.h"
#include "compiler/graph/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// No view may reach further than this behind its first element: keeps every address computation
// far inside int64_t.
constexpr int64_t max_reach = int64_t(1) << 44;

// Sufficient for "no two elements share a place", and true of every view the passes make: each
// stride steps over all that the smaller strides reach.
bool is_injective(const TensorView &view) {
    std::vector<size_t> dims;
    for (size_t d = 0; d < view.shape.size(); d++)
        if (view.shape[d] > 1)
            dims.push_back(d);
    std::sort(dims.begin(), dims.end(),
              [&](size_t a, size_t b) { return view.strides[a] < view.strides[b]; });
    int64_t reach = 1;
    for (size_t d : dims) {
        if (view.strides[d] < reach)
            return false;
        reach += (view.shape[d] - 1) * view.strides[d];
    }
    return true;
}

bool is_stored(DType dtype) {
    return dtype == DType::f32 || dtype == DType::u8 || dtype == DType::i8 || dtype == DType::i32 ||
           dtype == DType::i64 || dtype == DType::boolean;
}

bool is_number(DType dtype) {
    return dtype == DType::f32 || dtype == DType::i32 || dtype == DType::i64;
}

std::string view_problem(const TensorView &view) {
    if (!is_stored(view.dtype))
        return fmt::format("kernels have no elements of type {}", dtype_name(view.dtype));
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
        [](const MatMul &) { return true; }, [](const MaxPool &) { return true; },
        [](const AvgPool &) { return true; }, [](const Softmax &) { return true; },
        [](const Reduce &) { return true; }, [](const ArgReduce &) { return true; },
        [](const TopK &) { return true; }, [](const Sample &) { return true; },
        [](const Unary &u) { return u.kind == UnaryKind::identity; },
        [](const auto &) { return false; });
}

bool is_spatial(const Op &op) {
    return std::holds_alternative<Conv>(op) || std::holds_alternative<MaxPool>(op) ||
           std::holds_alternative<AvgPool>(op);
}

// Whose operands must lie in places of their own.
bool needs_distinct(const Op &op) {
    return is_spatial(op) || std::holds_alternative<Linear>(op);
}

// ---- what the anchor makes; nothing where it cannot read its operands ----

using Type = std::optional<TensorType>;

bool has_dim(const TensorView &view, int64_t dim) {
    return dim >= 0 && size_t(dim) < view.shape.size();
}

Type anchor_type(const Linear &linear, const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (in.dtype != DType::f32 || in.shape.size() < 2 || linear.out_features < 1)
        return std::nullopt;
    int64_t features = element_count(in.shape) / in.shape[0];
    if (!checked_elements({linear.out_features, features}) ||
        !checked_elements({in.shape[0], linear.out_features}))
        return std::nullopt;
    return TensorType{DType::f32, {in.shape[0], linear.out_features}};
}

Type anchor_type(const MatMul &, const Workload &w) {
    const TensorView &a = w.inputs[0], &b = w.inputs[1];
    size_t rank = a.shape.size();
    if (a.dtype != DType::f32 || b.dtype != DType::f32 || rank < 2 || b.shape.size() != rank ||
        a.shape[rank - 1] != b.shape[rank - 2])
        return std::nullopt;
    if (!std::equal(a.shape.begin(), a.shape.end() - 2, b.shape.begin()))
        return std::nullopt;
    Shape shape = a.shape;
    shape[rank - 1] = b.shape[rank - 1];
    return checked_elements(shape) ? Type({DType::f32, shape}) : std::nullopt;
}

Type anchor_type(const Softmax &softmax, const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (in.dtype != DType::f32 || !has_dim(in, softmax.dim))
        return std::nullopt;
    return TensorType{in.dtype, in.shape};
}

Type anchor_type(const Reduce &reduce, const Workload &w) {
    const TensorView &in = w.inputs[0];
    bool known = reduce.kind != ReduceKind::l2 && reduce.kind != ReduceKind::log_sum_exp;
    bool float_only = reduce.kind == ReduceKind::mean || reduce.kind == ReduceKind::l1;
    if (!known || !reduce.keepdim || reduce.dims.empty() || !is_number(in.dtype) ||
        (float_only && in.dtype != DType::f32))
        return std::nullopt;
    TensorType type{in.dtype, in.shape};
    for (size_t i = 0; i < reduce.dims.size(); i++) {
        if (!has_dim(in, reduce.dims[i]) || (i > 0 && reduce.dims[i] <= reduce.dims[i - 1]))
            return std::nullopt;
        type.shape[size_t(reduce.dims[i])] = 1;
    }
    return type;
}

Type anchor_type(const ArgReduce &arg, const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (!arg.keepdim || !is_number(in.dtype) || !has_dim(in, arg.dim))
        return std::nullopt;
    TensorType type{DType::i64, in.shape};
    type.shape[size_t(arg.dim)] = 1;
    return type;
}

Type anchor_type(const TopK &top, const Workload &w) {
    const TensorView &in = w.inputs[0];
    if (!is_number(in.dtype) || !has_dim(in, top.dim) || top.k < 1 ||
        top.k > in.shape[size_t(top.dim)])
        return std::nullopt;
    TensorType type{top.indices ? DType::i64 : in.dtype, in.shape};
    type.shape[size_t(top.dim)] = top.k;
    return type;
}

Type anchor_type(const Sample &sample, const Workload &w) {
    const TensorView &in = w.inputs[0];
    bool weighted = sample.kind == SampleKind::weighted_sum;
    if (weighted ? in.dtype != DType::f32 && in.dtype != DType::u8
                 : sample.kind == SampleKind::max && in.dtype != DType::f32)
        return std::nullopt;
    if (sample.dims.empty())
        return std::nullopt;
    TensorType type{weighted ? DType::f32 : in.dtype, in.shape};
    size_t next = 1;
    for (size_t i = 0; i < sample.dims.size(); i++) {
        if (!has_dim(in, sample.dims[i]) || (i > 0 && sample.dims[i] <= sample.dims[i - 1]))
            return std::nullopt;
        const Shape table = w.inputs[next].shape;
        if (table.size() != 2 || (sample.kind == SampleKind::pick && table[1] != 1))
            return std::nullopt;
        if (!(w.inputs[next++] == row_major(DType::i32, table)) ||
            (weighted && !(w.inputs[next++] == row_major(DType::f32, table))))
            return std::nullopt;
        type.shape[size_t(sample.dims[i])] = table[0];
    }
    return checked_elements(type.shape) ? Type(type) : std::nullopt;
}

Type anchor_type(const Unary &, const Workload &w) {
    return TensorType{w.inputs[0].dtype, w.inputs[0].shape};
}

// Convolution and pooling.
template <class T>
Type anchor_type(const T &, const Workload &w) {
    const TensorView &in = w.inputs[0];
    Diagnostics ignored;
    return in.dtype == DType::f32 ? infer_type(w.anchor, {{in.dtype, in.shape}}, {}, ignored)
                                  : std::nullopt;
}

Type anchor_type(const Workload &w) {
    return std::visit([&](const auto &op) { return anchor_type(op, w); }, w.anchor);
}

// ---- epilogue ----

// What a Unary makes of elements of this type.
std::optional<DType> unary_type(UnaryKind kind, DType v) {
    switch (kind) {
    case UnaryKind::identity:
        return v;
    case UnaryKind::relu:
    case UnaryKind::clamp:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::sign:
        return is_number(v) ? std::optional(v) : std::nullopt;
    case UnaryKind::logical_not:
        return v == DType::boolean ? std::optional(v) : std::nullopt;
    case UnaryKind::is_nan:
        return v == DType::f32 ? std::optional(DType::boolean) : std::nullopt;
    default:
        return v == DType::f32 ? std::optional(v) : std::nullopt;
    }
}

std::optional<DType> binary_type(BinaryKind kind, DType v) {
    switch (kind) {
    case BinaryKind::div:
    case BinaryKind::pow:
    case BinaryKind::prelu:
        return v == DType::f32 ? std::optional(v) : std::nullopt;
    case BinaryKind::eq:
    case BinaryKind::ne:
    case BinaryKind::lt:
    case BinaryKind::le:
    case BinaryKind::gt:
    case BinaryKind::ge:
        return DType::boolean;
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor:
        return v == DType::boolean ? std::optional(v) : std::nullopt;
    default:
        return is_number(v) ? std::optional(v) : std::nullopt;
    }
}

size_t operand_count(const EpilogueStep &step) {
    return match(
        step.op, [](const Unary &) { return size_t(0); }, [](const Cast &) { return size_t(0); },
        [](const Binary &) { return size_t(1); }, [](const Where &) { return size_t(2); });
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

// The operands of one step; `next` is the input that has to come next.
std::string step_problem(const EpilogueStep &step, const Workload &w, int &next) {
    if (step.operands.size() != operand_count(step))
        return "a step has the wrong number of operands";
    if (step.position < 0 || size_t(step.position) > step.operands.size())
        return "a step's value has no such position";
    for (const StepOperand &operand : step.operands) {
        if (operand.input < -1 || (operand.input >= 0 && operand.input != next))
            return "epilogue operands must be numbered in the order of their use";
        if (operand.input < 0)
            continue;
        if (size_t(next) >= w.inputs.size())
            return "an epilogue operand is missing";
        if (auto problem = operand_problem(w.inputs[size_t(next)], w.output); !problem.empty())
            return problem;
        next++;
    }
    return "";
}

std::string epilogue_problem(const Workload &w, DType v) {
    int next = int(anchor_operands(w.anchor));
    for (const EpilogueStep &step : w.epilogue) {
        if (auto problem = step_problem(step, w, next); !problem.empty())
            return problem;
        auto result = step_dtype(step, w, v);
        if (!result)
            return fmt::format("a step cannot work on {} and its operands", dtype_name(v));
        v = *result;
    }
    if (size_t(next) != w.inputs.size())
        return "an input is never read";
    if (v != w.output.dtype)
        return fmt::format("the result is {} but the output {}", dtype_name(v),
                           dtype_name(w.output.dtype));
    return "";
}

} // namespace

DType step_operand_dtype(const EpilogueStep &step, size_t i, const Workload &w, DType v) {
    auto own = [&](size_t which) -> std::optional<DType> {
        int input = step.operands[which].input;
        return input >= 0 ? std::optional(w.inputs[size_t(input)].dtype) : std::nullopt;
    };
    if (auto dtype = own(i))
        return *dtype;
    if (!std::holds_alternative<Where>(step.op))
        return v;
    if (step.position > 0)
        return i == 0 ? DType::boolean : v;
    return own(1 - i).value_or(DType::f32);
}

std::optional<DType> step_dtype(const EpilogueStep &step, const Workload &w, DType v) {
    std::vector<DType> types;
    for (size_t i = 0; i < step.operands.size(); i++)
        types.push_back(step_operand_dtype(step, i, w, v));
    types.insert(types.begin() + step.position, v);
    return match(
        step.op, [&](const Unary &u) { return unary_type(u.kind, v); },
        [&](const Cast &c) { return is_stored(c.dtype) ? std::optional(c.dtype) : std::nullopt; },
        [&](const Binary &b) {
            return types[0] == types[1] ? binary_type(b.kind, v) : std::nullopt;
        },
        [&](const Where &) {
            return types[0] == DType::boolean && types[1] == types[2] ? std::optional(types[1])
                                                                      : std::nullopt;
        });
}

DType anchor_dtype(const Workload &w) {
    return match(
        w.anchor, [](const ArgReduce &) { return DType::i64; },
        [&](const TopK &t) { return t.indices ? DType::i64 : w.inputs[0].dtype; },
        [&](const Sample &s) {
            return s.kind == SampleKind::weighted_sum ? DType::f32 : w.inputs[0].dtype;
        },
        [&](const auto &) { return w.inputs[0].dtype; });
}

std::string workload_problem(const Workload &w) {
    if (!is_anchor(w.anchor))
        return "no anchor operator";
    if (w.inputs.size() < anchor_operands(w.anchor))
        return "the anchor's operand is missing";
    for (const TensorView &view : w.inputs)
        if (auto problem = view_problem(view); !problem.empty())
            return problem;
    if (auto problem = view_problem(w.output); !problem.empty())
        return problem;
    if (!is_injective(w.output))
        return "elements of the output share a place";
    if (needs_distinct(w.anchor) && !is_injective(w.inputs[0]))
        return "elements of the anchor's operand share a place";
    if (is_spatial(w.anchor) && w.inputs[0].shape.size() != 4 && w.inputs[0].shape.size() != 5)
        return "convolution and pooling are 2-D or 3-D";
    std::optional<TensorType> type = anchor_type(w);
    if (!type)
        return "the anchor cannot read its operand";
    if (type->shape != w.output.shape)
        return fmt::format("the anchor writes {} but the output is {}", shape_text(type->shape),
                           shape_text(w.output.shape));
    return epilogue_problem(w, type->dtype);
}

} // namespace cnnc
