// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which weights each operator has.
#include "compiler/graph/graph.h"

namespace cnnc {

namespace {

using Specs = std::vector<ParamSpec>;

TensorType f32(Shape shape) {
    return {DType::f32, std::move(shape)};
}

Specs weight_and_bias(Shape weight, bool bias, int64_t outputs) {
    Specs specs = {{"weight", f32(std::move(weight))}};
    if (bias) {
        specs.push_back({"bias", f32({outputs})});
    }
    return specs;
}

Specs affine(bool affine, const Shape &shape, bool bias = true) {
    Specs specs;
    if (affine) {
        specs.push_back({"weight", f32(shape)});
    }
    if (affine && bias) {
        specs.push_back({"bias", f32(shape)});
    }
    return specs;
}

} // namespace

std::vector<ParamSpec> param_types(const Op &op, const std::vector<TensorType> &operands) {
    const auto channels = [&] { return operands[0].shape[1]; };
    return match(
        op,
        [&](const Parameter &p) -> Specs {
            return {{"", {p.dtype, p.shape}}};
        },
        [&](const Conv &c) {
            Shape weight = {c.out_channels, channels() / c.groups};
            weight.insert(weight.end(), c.kernel.begin(), c.kernel.end());
            return weight_and_bias(std::move(weight), c.bias, c.out_channels);
        },
        [&](const ConvTranspose &c) {
            Shape weight = {channels(), c.out_channels / c.groups};
            weight.insert(weight.end(), c.kernel.begin(), c.kernel.end());
            return weight_and_bias(std::move(weight), c.bias, c.out_channels);
        },
        [&](const Linear &l) {
            return weight_and_bias({l.out_features, operands[0].shape.back()}, l.bias,
                                   l.out_features);
        },
        [&](const BatchNorm &b) {
            Specs specs = affine(b.affine, {channels()});
            specs.push_back({"running_mean", f32({channels()})});
            specs.push_back({"running_var", f32({channels()})});
            return specs;
        },
        [&](const InstanceNorm &n) { return affine(n.affine, {channels()}); },
        [&](const GroupNorm &n) { return affine(n.affine, {channels()}); },
        [&](const LayerNorm &n) {
            const Shape &shape = operands[0].shape;
            return affine(n.affine, Shape(shape.end() - n.dims, shape.end()), n.bias);
        },
        [&](const PRelu &p) -> Specs {
            return {{"weight", f32({p.num_parameters})}};
        },
        [](const auto &) { return Specs(); });
}

} // namespace cnnc
