// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Normalizations. Their scales and offsets are weights.
#include "compiler/onnx/onnx_node.h"
#include "compiler/reference/interpret.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cnnc {
namespace {

void import_batch_norm(OnnxNode &node) {
    bool old_training = node.opset() < 7 && node.integer("is_test", 0) == 0;
    if (node.integer("training_mode", 0) != 0 || old_training || node.is_used(1)) {
        node.unsupported("in training");
        return;
    }
    if (node.opset() < 9 && node.integer("spatial", 1) == 0) {
        node.unsupported("with spatial = 0");
        return;
    }
    BatchNorm norm;
    norm.eps = node.number("epsilon", 1e-5);
    node.give(0, node.make_layer(norm, node.input(0),
                                 {node.input(1), node.input(2), node.input(3), node.input(4)}));
}

void import_instance_norm(OnnxNode &node) {
    InstanceNorm norm;
    norm.eps = node.number("epsilon", 1e-5);
    norm.affine = true;
    node.give(0, node.make_layer(norm, node.input(0), {node.input(1), node.input(2)}));
}

// Until operator set 21 there is one number per group, not per channel.
Tensor per_channel(OnnxNode &node, const Tensor &weight, int64_t groups, int64_t channels) {
    bool per_group = node.opset() < 21 && weight.known() && weight.shape() == Shape{groups} &&
                     groups > 0 && channels % groups == 0;
    if (!per_group || groups == channels)
        return weight;
    std::vector<double> values;
    for (double value : to_double(weight.data).values)
        values.insert(values.end(), size_t(channels / groups), value);
    return known_tensor(content_of({weight.type.dtype, {channels}}, values), weight.name);
}

void import_group_norm(OnnxNode &node) {
    const Tensor &x = node.input(0);
    if (x.rank() < 2) {
        node.fail<diag::onnx_rank>("GroupNormalization", "tensors of 2 dimensions or more",
                                   type_text(x.type));
        return;
    }
    GroupNorm norm;
    norm.num_groups = node.integer("num_groups");
    norm.eps = node.number("epsilon", 1e-5);
    int64_t channels = x.shape()[1];
    node.give(0, node.make_layer(norm, x,
                                 {per_channel(node, node.input(1), norm.num_groups, channels),
                                  per_channel(node, node.input(2), norm.num_groups, channels)}));
}

// The second and third result of a LayerNormalization: the mean, and 1 / sqrt(variance + eps).
void give_statistics(OnnxNode &node, const LayerNorm &norm) {
    const Tensor &x = node.input(0);
    std::vector<int64_t> dims(static_cast<size_t>(norm.dims));
    std::iota(dims.begin(), dims.end(), int64_t(x.rank()) - norm.dims);
    if (!node.is_used(1) && !node.is_used(2))
        return;
    Result mean = node.make(Reduce{ReduceKind::mean, dims, true}, {x}, "mean");
    node.give(1, mean);
    if (!node.is_used(2))
        return;
    Result centred = node.binary(BinaryKind::sub, x, mean, "centred");
    Result square = node.binary(BinaryKind::mul, centred, centred, "square");
    Result variance = node.make(Reduce{ReduceKind::mean, dims, true}, {square}, "variance");
    Result shifted = node.binary(BinaryKind::add, variance, node.scalar(norm.eps), "shifted");
    node.give(2, node.unary(UnaryKind::rsqrt, shifted, 0, 0, "deviation"));
}

void import_layer_norm(OnnxNode &node) {
    const Tensor &x = node.input(0), &scale = node.input(1);
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), x.rank());
    if (!axis)
        return;
    LayerNorm norm;
    norm.dims = int64_t(x.rank()) - *axis;
    norm.eps = node.number("epsilon", 1e-5);
    norm.bias = node.has_input(2);
    give_statistics(node, norm);
    Shape normalized(x.shape().begin() + *axis, x.shape().end());
    bool layer = scale.known() && scale.shape() == normalized &&
                 (!norm.bias || (node.input(2).known() && node.input(2).shape() == normalized));
    if (layer) {
        std::vector<Tensor> weights = {scale};
        if (norm.bias)
            weights.push_back(node.input(2));
        node.give(0, node.make_layer(norm, x, weights));
        return;
    }
    norm.affine = false;
    bool bias = std::exchange(norm.bias, false);
    Result result = node.make(norm, {x}, "normalized");
    result = node.binary(BinaryKind::mul, result, scale, bias ? "scaled" : "");
    node.give(0, bias ? node.binary(BinaryKind::add, result, node.input(2)) : result);
}

void import_lrn(OnnxNode &node) {
    LocalResponseNorm norm;
    norm.size = node.integer("size");
    norm.alpha = node.number("alpha", 1e-4);
    norm.beta = node.number("beta", 0.75);
    norm.k = node.number("bias", 1);
    // An even window begins one channel earlier in PyTorch.
    if (norm.size % 2 == 0)
        node.unsupported("of even size");
    else
        node.give(0, node.make(norm, {node.input(0)}));
}

// (x - mean) / (sqrt(variance) + 1e-9)
void import_mean_variance_norm(OnnxNode &node) {
    const Tensor &x = node.input(0);
    auto dims = node.axes(node.integers("axes").value_or(std::vector<int64_t>{0, 2, 3}), x.rank());
    if (!dims)
        return;
    if (dims->empty()) {
        node.fail<diag::onnx_attribute_value>("axes", node.op_type(), "[]");
        return;
    }
    Result mean = node.make(Reduce{ReduceKind::mean, *dims, true}, {x}, "mean");
    Result centred = node.binary(BinaryKind::sub, x, mean, "centred");
    Result square = node.binary(BinaryKind::mul, centred, centred, "square");
    Result variance = node.make(Reduce{ReduceKind::mean, *dims, true}, {square}, "variance");
    Result deviation = node.unary(UnaryKind::sqrt, variance, 0, 0, "deviation");
    Result divisor = node.binary(BinaryKind::add, deviation, node.scalar(1e-9), "divisor");
    node.give(0, node.binary(BinaryKind::div, centred, divisor));
}

// x / (sum of |x|^p)^(1/p)
void import_lp_norm(OnnxNode &node) {
    int64_t p = node.integer("p", 2);
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.input(0).rank());
    if (!axis)
        return;
    if (p != 1 && p != 2) {
        node.unsupported("with p beside 1 and 2");
        return;
    }
    ReduceKind kind = p == 1 ? ReduceKind::l1 : ReduceKind::l2;
    Result length = node.make(Reduce{kind, {*axis}, true}, {node.input(0)}, "length");
    node.give(0, node.binary(BinaryKind::div, node.input(0), length));
}

} // namespace

const std::vector<OnnxRule> &norm_rules() {
    static const std::vector<OnnxRule> rules = {
        {"BatchNormalization", 5, 5, import_batch_norm},
        {"GroupNormalization", 3, 3, import_group_norm},
        {"InstanceNormalization", 3, 3, import_instance_norm},
        {"LRN", 1, 1, import_lrn},
        {"LayerNormalization", 2, 3, import_layer_norm},
        {"LpNormalization", 1, 1, import_lp_norm},
        {"MeanVarianceNormalization", 1, 1, import_mean_variance_norm},
    };
    return rules;
}

} // namespace cnnc
