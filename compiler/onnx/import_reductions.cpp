// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, softmax, and where the greatest elements are.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// Which dimensions a reduction goes over: an operand in later operator sets. Without any it is
// all of them, or none at all if the node says so.
std::optional<std::vector<int64_t>> reduced_dims(OnnxNode &node) {
    size_t rank = node.input(0).rank();
    std::optional<std::vector<int64_t>> axes = node.integers("axes");
    if (node.has_input(1)) {
        axes = node.known_integers(1, "axes");
        if (!axes)
            return std::nullopt;
    }
    if (axes && !axes->empty())
        return node.axes(*axes, rank);
    std::vector<int64_t> all(node.integer("noop_with_empty_axes", 0) != 0 ? 0 : rank);
    std::iota(all.begin(), all.end(), 0);
    return all;
}

// What a reduction over no dimensions does to its single elements.
Result of_nothing(OnnxNode &node, ReduceKind kind, const Result &x) {
    switch (kind) {
    case ReduceKind::l1:
    case ReduceKind::l2:
        return node.unary(UnaryKind::abs, x);
    case ReduceKind::sum_square:
        return node.binary(BinaryKind::mul, x, x);
    default:
        return x;
    }
}

Result reduced(OnnxNode &node, ReduceKind kind, std::string_view step = "") {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> dims = reduced_dims(node);
    bool keepdim = node.integer("keepdims", 1) != 0;
    if (!dims || node.failed())
        return std::nullopt;
    if (dims->empty())
        return of_nothing(node, kind, x);
    if (!is_byte(x.type.dtype))
        return node.make(Reduce{kind, *dims, keepdim}, {x}, step);
    Result wide = node.cast(x, DType::i32, "wide");
    return node.cast(node.make(Reduce{kind, *dims, keepdim}, {wide}, "reduced"), x.type.dtype, "");
}

template <ReduceKind kind>
void import_reduce(OnnxNode &node) {
    node.give(0, reduced(node, kind));
}

void import_reduce_log_sum(OnnxNode &node) {
    Result sum = reduced(node, ReduceKind::sum, "sum");
    node.give(0, node.unary(UnaryKind::log, sum));
}

// Before operator set 13 everything from the axis on counts as one dimension.
void import_softmax_of(OnnxNode &node, bool log) {
    const Tensor &x = node.input(0);
    bool old = node.opset() < 13;
    std::optional<int64_t> axis = node.axis(node.integer("axis", old ? 1 : -1), x.rank(), old);
    if (!axis)
        return;
    auto begin = x.shape().begin();
    bool single = size_t(*axis) < x.rank() &&
                  std::all_of(begin + *axis + 1, x.shape().end(), [](auto e) { return e == 1; });
    if (!old || single) {
        node.give(0, node.make(Softmax{*axis, log}, {x}));
        return;
    }
    int64_t rows = element_count(Shape(begin, begin + *axis));
    int64_t columns = element_count(Shape(begin + *axis, x.shape().end()));
    Result flat = node.make(Reshape{{rows, columns}}, {x}, "flat");
    Result result = node.make(Softmax{1, log}, {flat}, "rows");
    node.give(0, node.reshape(result, x.shape()));
}

void import_softmax(OnnxNode &node) {
    import_softmax_of(node, false);
}
void import_log_softmax(OnnxNode &node) {
    import_softmax_of(node, true);
}

Result arg_reduced(OnnxNode &node, bool max) {
    Result x = node.input(0);
    std::optional<int64_t> axis = node.axis(node.integer("axis", 0), x->rank());
    bool keepdim = node.integer("keepdims", 1) != 0;
    if (!axis || node.failed())
        return std::nullopt;
    if (is_byte(x->type.dtype))
        x = node.cast(x, DType::f32, "f32");
    if (node.integer("select_last_index", 0) == 0)
        return node.make(ArgReduce{max, *axis, keepdim}, {x});
    // The last of equals is the first from behind.
    Slice backwards{Shape(x->rank(), 0), x->shape(), Shape(x->rank(), 1)};
    int64_t last = x->shape()[size_t(*axis)] - 1;
    backwards.starts[size_t(*axis)] = last;
    backwards.steps[size_t(*axis)] = -1;
    Result position = node.make(ArgReduce{max, *axis, keepdim},
                                {node.make(backwards, {x}, "backwards")}, "position");
    return node.binary(BinaryKind::sub, node.scalar(double(last), DType::i64), position);
}

void import_arg_max(OnnxNode &node) {
    node.give(0, arg_reduced(node, true));
}
void import_arg_min(OnnxNode &node) {
    node.give(0, arg_reduced(node, false));
}

// 1 where the greatest element is, 0 elsewhere. Before operator set 13 as with softmax.
void import_hardmax(OnnxNode &node) {
    const Tensor &x = node.input(0);
    bool old = node.opset() < 13;
    std::optional<int64_t> axis = node.axis(node.integer("axis", old ? 1 : -1), x.rank(), old);
    if (!axis)
        return;
    Result value = x;
    if (old) {
        auto begin = x.shape().begin();
        value = node.reshape(x,
                             {element_count(Shape(begin, begin + *axis)),
                              element_count(Shape(begin + *axis, x.shape().end()))},
                             "flat");
        axis = 1;
    }
    if (!value)
        return;
    int64_t extent = value->shape()[size_t(*axis)];
    if (!node.may_make(extent))
        return;
    std::vector<int64_t> positions(static_cast<size_t>(extent));
    std::iota(positions.begin(), positions.end(), 0);
    Shape along(value->rank() - size_t(*axis), 1);
    along[0] = extent;
    Result range = known_tensor(reshaped(content_of(positions), along));
    Result greatest = node.make(ArgReduce{true, *axis, true}, {value}, "greatest");
    Result is_greatest = node.binary(BinaryKind::eq, greatest, range, "is_greatest");
    node.give(0, node.reshape(node.cast(is_greatest, DType::f32, old ? "rows" : ""), x.shape()));
}

void import_top_k(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), x.rank());
    TopK top;
    if (node.opset() < 10) {
        top.k = node.integer("k");
    } else if (!node.has_input(1)) {
        node.fail<diag::onnx_input_missing>("TopK", size_t(1));
    } else if (std::optional<int64_t> k = node.known_integer(1, "k")) {
        top.k = *k;
    }
    if (!axis || node.failed())
        return;
    top.dim = *axis;
    top.largest = node.integer("largest", 1) != 0;
    if (node.is_used(0))
        node.give(0, node.make(top, {x}, "values"));
    top.indices = true;
    if (node.is_used(1))
        node.give(1, node.make(top, {x}, "indices"));
}

} // namespace

const std::vector<OnnxRule> &reduction_rules() {
    static const std::vector<OnnxRule> rules = {
        {"ArgMax", 1, 1, import_arg_max},
        {"ArgMin", 1, 1, import_arg_min},
        {"Hardmax", 1, 1, import_hardmax},
        {"LogSoftmax", 1, 1, import_log_softmax},
        {"ReduceL1", 1, 2, import_reduce<ReduceKind::l1>},
        {"ReduceL2", 1, 2, import_reduce<ReduceKind::l2>},
        {"ReduceLogSum", 1, 2, import_reduce_log_sum},
        {"ReduceLogSumExp", 1, 2, import_reduce<ReduceKind::log_sum_exp>},
        {"ReduceMax", 1, 2, import_reduce<ReduceKind::amax>},
        {"ReduceMean", 1, 2, import_reduce<ReduceKind::mean>},
        {"ReduceMin", 1, 2, import_reduce<ReduceKind::amin>},
        {"ReduceProd", 1, 2, import_reduce<ReduceKind::prod>},
        {"ReduceSum", 1, 2, import_reduce<ReduceKind::sum>},
        {"ReduceSumSquare", 1, 2, import_reduce<ReduceKind::sum_square>},
        {"Softmax", 1, 1, import_softmax},
        {"TopK", 1, 2, import_top_k},
    };
    return rules;
}

} // namespace cnnc
