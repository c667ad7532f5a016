// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pooling, over windows and over everything.
#include "compiler/onnx/onnx_node.h"
#include "compiler/onnx/padding.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace cnnc {
namespace {

bool all_ones(const std::vector<int64_t> &values) {
    return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

// The window that every pooling has; nothing after a report.
struct PoolWindow {
    std::vector<int64_t> kernel, stride, dilation;
    Padding padding;
    bool ceil_mode = false;
};

std::optional<PoolWindow> read_pool(OnnxNode &node) {
    const Shape &shape = node.input(0).shape();
    std::optional<size_t> spatial = node.spatial_rank(shape);
    if (!spatial)
        return std::nullopt;
    PoolWindow pool;
    pool.kernel = node.required_extents("kernel_shape", *spatial);
    pool.stride = node.extents("strides", *spatial, 1);
    pool.dilation = node.extents("dilations", *spatial, 1);
    pool.ceil_mode = node.integer("ceil_mode", 0) != 0;
    if (node.failed())
        return std::nullopt;
    auto padding = read_padding(node, shape, {pool.kernel, pool.stride, pool.dilation});
    if (!padding)
        return std::nullopt;
    pool.padding = *padding;
    return pool;
}

// Padding of more than half a window, which pooling itself does not take, as a step before it.
Result pad_before(OnnxNode &node, const Result &x, PoolWindow &pool, double value) {
    bool wide = false;
    for (size_t d = 0; d < pool.kernel.size(); ++d)
        wide = wide || std::max(pool.padding.lo[d], pool.padding.hi[d]) > pool.kernel[d] / 2;
    if (!wide || !x || pool.ceil_mode)
        return x;
    Pad pad{{0, 0}, {0, 0}, PadMode::constant, value};
    for (size_t d = 0; d < pool.kernel.size(); ++d) {
        pad.lo.push_back(std::exchange(pool.padding.lo[d], 0));
        pad.hi.push_back(std::exchange(pool.padding.hi[d], 0));
    }
    return node.make(pad, {x}, "padded");
}

void import_max_pool(OnnxNode &node) {
    std::optional<PoolWindow> pool = read_pool(node);
    if (!pool)
        return;
    if (node.is_used(1)) {
        node.unsupported("with indices");
        return;
    }
    DType dtype = node.input(0).type.dtype;
    bool convert = is_byte(dtype);
    Result x = convert ? node.cast(node.input(0), DType::f32, "f32") : node.input(0);
    x = pad_before(node, x, *pool, -double(std::numeric_limits<float>::max()));
    MaxPool op{pool->kernel,     pool->stride,   pool->padding.lo,
               pool->padding.hi, pool->dilation, pool->ceil_mode};
    Result result = node.make(op, {x}, convert ? "pooled" : "");
    node.give(0, convert ? node.cast(result, dtype, "") : result);
}

void import_average_pool(OnnxNode &node) {
    std::optional<PoolWindow> pool = read_pool(node);
    if (!pool)
        return;
    if (!all_ones(pool->dilation)) {
        node.unsupported("with dilations");
        return;
    }
    bool include_padding = node.integer("count_include_pad", 0) != 0;
    Result x = node.input(0);
    if (include_padding)
        x = pad_before(node, x, *pool, 0);
    node.give(0, node.make(AvgPool{pool->kernel, pool->stride, pool->padding.lo, pool->padding.hi,
                                   pool->ceil_mode, include_padding},
                           {x}));
}

// (sum of |x|^p)^(1/p): an average, times the number of elements of a window.
void import_lp_pool(OnnxNode &node) {
    std::optional<PoolWindow> pool = read_pool(node);
    if (!pool)
        return;
    if (!all_ones(pool->dilation) || pool->ceil_mode) {
        node.unsupported("with dilations or ceil_mode");
        return;
    }
    auto p = double(node.integer("p", 2));
    double size = 1;
    for (int64_t extent : pool->kernel)
        size *= double(extent);
    Result x = node.unary(UnaryKind::abs, node.input(0), 0, 0, "abs");
    Result powers = node.binary(BinaryKind::pow, x, node.scalar(p), "power");
    Result mean = node.make(
        AvgPool{pool->kernel, pool->stride, pool->padding.lo, pool->padding.hi, false, true},
        {powers}, "mean");
    Result sum = node.binary(BinaryKind::mul, mean, node.scalar(size), "sum");
    node.give(0, node.binary(BinaryKind::pow, sum, node.scalar(1 / p)));
}

// Over all dimensions but the first two, which stay as extents of 1.
Result over_space(OnnxNode &node, ReduceKind kind) {
    const Tensor &x = node.input(0);
    if (x.rank() < 2)
        return node.fail<diag::onnx_rank>(node.op_type(), "tensors of 2 dimensions or more",
                                          type_text(x.type));
    std::vector<int64_t> dims(x.rank() - 2);
    std::iota(dims.begin(), dims.end(), 2);
    return dims.empty() ? Result(x) : node.make(Reduce{kind, dims, true}, {x});
}

bool has_spatial_rank(const Tensor &x) {
    return x.rank() >= 3 && x.rank() <= 5;
}

void import_global_average_pool(OnnxNode &node) {
    const Tensor &x = node.input(0);
    node.give(0, has_spatial_rank(x) ? node.make(GlobalAvgPool(), {x})
                                     : over_space(node, ReduceKind::mean));
}

void import_global_max_pool(OnnxNode &node) {
    const Tensor &x = node.input(0);
    node.give(0, has_spatial_rank(x) ? node.make(GlobalMaxPool(), {x})
                                     : over_space(node, ReduceKind::amax));
}

void import_global_lp_pool(OnnxNode &node) {
    int64_t p = node.integer("p", 2);
    if (p != 1 && p != 2)
        node.unsupported("with p beside 1 and 2");
    else
        node.give(0, over_space(node, p == 1 ? ReduceKind::l1 : ReduceKind::l2));
}

} // namespace

const std::vector<OnnxRule> &pool_rules() {
    static const std::vector<OnnxRule> rules = {
        {"AveragePool", 1, 1, import_average_pool},
        {"GlobalAveragePool", 1, 1, import_global_average_pool},
        {"GlobalLpPool", 1, 1, import_global_lp_pool},
        {"GlobalMaxPool", 1, 1, import_global_max_pool},
        {"LpPool", 1, 1, import_lp_pool},
        {"MaxPool", 1, 1, import_max_pool},
    };
    return rules;
}

} // namespace cnnc
