// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions and matrix products.
#include "compiler/onnx/onnx_node.h"
#include "compiler/onnx/padding.h"
#include "compiler/reference/interpret.h"

#include <algorithm>

namespace cnnc {
namespace {

// Weights made of others; the same ones every time, so that layers can share them.
template <typename F>
Tensor made_from(OnnxNode &node, const Tensor &weight, const std::string &how, F &&make) {
    auto &made = node.state().made;
    auto key = std::make_pair(weight.data.bytes, how);
    auto found = made.find(key);
    if (found == made.end())
        found = made.emplace(key, std::make_pair(weight.data, make(weight.data))).first;
    return known_tensor(found->second.second, weight.name);
}

Tensor transposed(OnnxNode &node, const Tensor &weight) {
    return made_from(node, weight, "transposed", [](const TensorData &data) {
        return permuted(data, {1, 0});
    });
}

Tensor scaled(OnnxNode &node, const Tensor &weight, double factor) {
    if (factor == 1)
        return weight;
    return made_from(node, weight, fmt::format("times {}", factor), [&](const TensorData &data) {
        std::vector<double> values = to_double(data).values;
        for (double &value : values)
            value *= factor;
        return content_of(data.type, values);
    });
}

// The weights of a convolution as its operands give them: a kernel and, maybe, a bias.
std::optional<std::vector<Tensor>> kernel_and_bias(OnnxNode &node, size_t spatial) {
    const Shape &kernel = node.input(1).shape();
    if (kernel.size() != spatial + 2)
        return node.fail<diag::onnx_weight_type>("weight", node.op_type(),
                                                 fmt::format("of {} dimensions", spatial + 2),
                                                 type_text(node.input(1).type));
    std::vector<Tensor> weights = {node.input(1)};
    if (node.has_input(2))
        weights.push_back(node.input(2));
    return weights;
}

// What convolutions both ways have in common.
template <typename Op>
bool read_window(OnnxNode &node, size_t spatial, Op &op) {
    const Shape &kernel = node.input(1).shape();
    op.kernel = node.has_attribute("kernel_shape")
                    ? node.extents("kernel_shape", spatial, 1)
                    : std::vector<int64_t>(kernel.begin() + 2, kernel.end());
    op.stride = node.extents("strides", spatial, 1);
    op.dilation = node.extents("dilations", spatial, 1);
    op.groups = node.integer("group", 1);
    op.bias = node.has_input(2);
    return !node.failed();
}

void import_conv(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<size_t> spatial = node.spatial_rank(x.shape());
    if (!spatial)
        return;
    auto weights = kernel_and_bias(node, *spatial);
    Conv conv;
    if (!weights || !read_window(node, *spatial, conv))
        return;
    conv.out_channels = node.input(1).shape()[0];
    std::optional<Padding> padding =
        read_padding(node, x.shape(), {conv.kernel, conv.stride, conv.dilation});
    if (!padding)
        return;
    conv.pad_lo = padding->lo;
    conv.pad_hi = padding->hi;
    node.give(0, node.make_layer(conv, x, *weights));
}

// The padding that gives a transposed convolution the output it is asked for.
bool pad_to_output(OnnxNode &node, const Shape &shape, const std::vector<int64_t> &output,
                   bool more_behind, ConvTranspose &conv) {
    for (size_t d = 0; d < output.size(); ++d) {
        __int128 whole = __int128(conv.stride[d]) * (shape[d + 2] - 1) + conv.output_padding[d] +
                         __int128(conv.kernel[d] - 1) * conv.dilation[d] + 1;
        __int128 total = whole - output[d];
        constexpr int64_t most = int64_t(1) << 31;
        if (total > most || total < -most) {
            node.fail<diag::onnx_attribute_value>("output_shape", node.op_type(),
                                                  shape_text(output));
            return false;
        }
        int64_t padding = std::max<int64_t>(int64_t(total), 0);
        conv.output_padding[d] += padding - int64_t(total);
        conv.pad_lo[d] = more_behind ? padding / 2 : padding - padding / 2;
        conv.pad_hi[d] = padding - conv.pad_lo[d];
    }
    return true;
}

void import_conv_transpose(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<size_t> spatial = node.spatial_rank(x.shape());
    if (!spatial)
        return;
    auto weights = kernel_and_bias(node, *spatial);
    ConvTranspose conv;
    if (!weights || !read_window(node, *spatial, conv))
        return;
    conv.output_padding = node.extents("output_padding", *spatial, 0);
    __int128 channels = __int128(node.input(1).shape()[1]) * conv.groups;
    if (channels > max_elements || channels < 0) {
        node.fail<diag::onnx_attribute_value>("group", node.op_type(), std::to_string(conv.groups));
        return;
    }
    conv.out_channels = int64_t(channels);
    std::string how = node.text("auto_pad", "NOTSET");
    bool same = how == "SAME_UPPER" || how == "SAME_LOWER";
    std::vector<int64_t> output = node.extents("output_shape", *spatial, 0);
    if (same && !node.has_attribute("output_shape")) {
        for (size_t d = 0; d < *spatial; ++d)
            output[d] = std::min(x.shape()[d + 2], int64_t(1) << 31) * conv.stride[d];
    }
    conv.pad_lo.assign(*spatial, 0);
    conv.pad_hi.assign(*spatial, 0);
    if (same || node.has_attribute("output_shape")) {
        if (node.failed() || !pad_to_output(node, x.shape(), output, how == "SAME_UPPER", conv))
            return;
    } else {
        std::optional<Padding> padding =
            read_padding(node, x.shape(), {conv.kernel, conv.stride, conv.dilation});
        if (!padding)
            return;
        conv.pad_lo = padding->lo;
        conv.pad_hi = padding->hi;
    }
    node.give(0, node.make_layer(conv, x, *weights));
}

// A known matrix [in, out] as a linear layer's weight.
Result linear(OnnxNode &node, const Result &x, const Tensor &weight, const Tensor *bias) {
    Linear layer;
    layer.out_features = weight.shape()[0];
    layer.bias = bias != nullptr;
    std::vector<Tensor> weights = {weight};
    if (bias)
        weights.push_back(*bias);
    return node.make_layer(layer, x, weights);
}

bool is_known_matrix(const Tensor &value) {
    return value.known() && value.rank() == 2 && value.type.dtype == DType::f32 &&
           element_count(value.shape()) > 0;
}

void import_mat_mul(OnnxNode &node) {
    Result a = node.input(0), b = node.input(1);
    bool row = a->rank() == 1, column = b->rank() == 1;
    if (a->rank() == 0 || b->rank() == 0) {
        node.fail<diag::onnx_rank>(node.op_type(), "tensors of 1 dimension or more",
                                   type_text((a->rank() == 0 ? a : b)->type));
        return;
    }
    if (!a->known() && is_known_matrix(*b)) {
        if (a->shape().back() == b->shape()[0]) {
            node.give(0, linear(node, a, transposed(node, *b), nullptr));
            return;
        }
    }
    if (row)
        a = node.reshape(a, {1, a->shape()[0]}, "row");
    if (column)
        b = node.reshape(b, {b->shape()[0], 1}, "column");
    Result product = node.make(MatMul(), {a, b}, row || column ? "product" : "");
    if (!product)
        return;
    Shape shape = product->shape();
    if (column)
        shape.pop_back();
    if (row)
        shape.erase(shape.end() - (column ? 1 : 2));
    node.give(0, node.reshape(product, shape));
}

// A known addend that is the same for every row: a bias of `features` numbers.
std::optional<Tensor> as_bias(OnnxNode &node, const Tensor &addend, int64_t features,
                              double factor) {
    int64_t count = element_count(addend.shape());
    bool is_row = addend.rank() <= 2 && (count == 1 || count == features) && count > 0 &&
                  (addend.rank() == 0 || addend.shape().back() == count);
    if (!addend.known() || !is_row || addend.type.dtype != DType::f32)
        return std::nullopt;
    Tensor whole = addend;
    if (count != features) {
        whole = made_from(
            node, addend, fmt::format("repeated {}", features), [&](const TensorData &data) {
                std::vector<double> values(size_t(features), to_double(data).values[0]);
                return content_of({DType::f32, {features}}, values);
            });
    }
    return scaled(node, known_tensor(reshaped(whole.data, {features}), whole.name), factor);
}

void import_gemm(OnnxNode &node) {
    const Tensor &b = node.input(1);
    if (node.input(0).rank() != 2 || b.rank() != 2) {
        node.fail<diag::onnx_rank>(
            "Gemm", "two matrices",
            fmt::format("{} and {}", type_text(node.input(0).type), type_text(b.type)));
        return;
    }
    double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
    bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
    bool has_addend = node.has_input(2) && beta != 0;
    Result a = node.input(0);
    if (trans_a)
        a = node.permute(a, {1, 0}, "transposed");
    std::optional<Tensor> bias;
    if (!node.failed() && has_addend)
        bias = as_bias(node, node.input(2), b.shape()[trans_b ? 0 : 1], beta);
    if (!node.failed() && is_known_matrix(b) && a && !a->known() && (bias || !has_addend)) {
        Tensor weight = scaled(node, trans_b ? b : transposed(node, b), alpha);
        node.give(0, linear(node, a, weight, bias ? &*bias : nullptr));
        return;
    }
    Result factor = trans_b ? node.permute(b, {1, 0}, "weight") : Result(b);
    Result product = node.make(MatMul(), {a, factor}, has_addend || alpha != 1 ? "product" : "");
    if (alpha != 1)
        product =
            node.binary(BinaryKind::mul, product, node.scalar(alpha), has_addend ? "scaled" : "");
    if (has_addend) {
        Result addend = node.input(2);
        if (beta != 1)
            addend = node.binary(BinaryKind::mul, addend, node.scalar(beta), "addend");
        product = node.binary(BinaryKind::add, product, addend);
    }
    node.give(0, product);
}

} // namespace

const std::vector<OnnxRule> &layer_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Conv", 2, 3, import_conv},
        {"ConvTranspose", 2, 3, import_conv_transpose},
        {"Gemm", 2, 3, import_gemm},
        {"MatMul", 2, 2, import_mat_mul},
    };
    return rules;
}

} // namespace cnnc
