// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From an operator back to the text of its call: its name and its arguments.
#include "compiler/graph/registry_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

using NamedValues = std::vector<std::pair<std::string, Value>>;

std::string ranked(std::string_view name, size_t spatial_rank) {
    return fmt::format("{}{}d", name, spatial_rank);
}

// For operators whose attributes do not tell.
size_t spatial_rank(const std::vector<TensorType> &operands) {
    const size_t rank = operands.empty() ? 4 : operands[0].shape.size();
    return std::clamp<size_t>(rank, 3, 5) - 2;
}

std::string_view reduce_name(ReduceKind kind) {
    switch (kind) {
    case ReduceKind::sum:
        return "sum";
    case ReduceKind::mean:
        return "mean";
    case ReduceKind::amax:
        return "amax";
    case ReduceKind::amin:
        return "amin";
    case ReduceKind::prod:
        return "prod";
    case ReduceKind::l1:
    case ReduceKind::l2:
        return "norm";
    case ReduceKind::sum_square:
        return "sum_square";
    case ReduceKind::log_sum_exp:
        return "logsumexp";
    }
    return "";
}

NamedValues unary_arguments(const Unary &u) {
    if (u.kind == UnaryKind::gelu || u.kind == UnaryKind::gelu_tanh) {
        return {{"approximate", text(u.kind == UnaryKind::gelu ? "none" : "tanh")}};
    }
    NamedValues values;
    if (u.kind == UnaryKind::clamp) {
        if (u.a != -infinity || u.b == infinity) { // one of the two has to be there
            values.emplace_back("min", number(u.a));
        }
        if (u.b != infinity) {
            values.emplace_back("max", number(u.b));
        }
        return values;
    }
    const double numbers[] = {u.a, u.b};
    const std::vector<ArgSpec> &args = unary_rows()[size_t(u.kind)].args;
    for (size_t i = 0; i < args.size(); ++i) {
        values.emplace_back(args[i].name, number(numbers[i]));
    }
    return values;
}

NamedValues reduce_arguments(const Reduce &r) {
    NamedValues values;
    if (r.kind == ReduceKind::l1 || r.kind == ReduceKind::l2) {
        values.emplace_back("p", integer(r.kind == ReduceKind::l1 ? 1 : 2));
    }
    values.emplace_back("dim", list(r.dims));
    values.emplace_back("keepdim", boolean(r.keepdim));
    return values;
}

NamedValues resize_arguments(const Resize &r) {
    return {{"size", list(r.size)},
            {"scale_factor", list(r.scales)},
            {"mode", text(resize_modes()[size_t(r.mode)])},
            {"antialias", boolean(r.antialias)},
            {"coordinates", text(resize_coordinates()[size_t(r.coordinates)])},
            {"rounding", text(resize_roundings()[size_t(r.rounding)])},
            {"cubic_a", number(r.cubic_a)}};
}

// One overload per operator; a missing one does not compile.
struct ArgumentsOf {
    NamedValues operator()(const Input &i) const {
        return {{"layout", text(i.layout == Layout::nhwc ? "nhwc" : "nchw")}};
    }
    NamedValues operator()(const Constant &c) const {
        return {{"values", nested(c)}, {"dtype", text(dtype_name(c.type.dtype))}};
    }
    NamedValues operator()(const Parameter &p) const {
        NamedValues values = {{"shape", list(p.shape)}};
        if (p.dtype != DType::f32) {
            values.emplace_back("dtype", text(dtype_name(p.dtype)));
        }
        return values;
    }
    NamedValues operator()(const Conv &c) const {
        return {{"out_channels", integer(c.out_channels)},
                {"kernel", list(c.kernel)},
                {"stride", list(c.stride)},
                {"padding", pairs(c.pad_lo, c.pad_hi)},
                {"dilation", list(c.dilation)},
                {"groups", integer(c.groups)},
                {"bias", boolean(c.bias)}};
    }
    NamedValues operator()(const ConvTranspose &c) const {
        return {{"out_channels", integer(c.out_channels)},
                {"kernel", list(c.kernel)},
                {"stride", list(c.stride)},
                {"padding", pairs(c.pad_lo, c.pad_hi)},
                {"output_padding", list(c.output_padding)},
                {"groups", integer(c.groups)},
                {"bias", boolean(c.bias)},
                {"dilation", list(c.dilation)}};
    }
    NamedValues operator()(const BatchNorm &b) const {
        return {{"eps", number(b.eps)}, {"affine", boolean(b.affine)}};
    }
    NamedValues operator()(const InstanceNorm &n) const {
        return {{"eps", number(n.eps)}, {"affine", boolean(n.affine)}};
    }
    NamedValues operator()(const GroupNorm &n) const {
        return {{"num_groups", integer(n.num_groups)},
                {"eps", number(n.eps)},
                {"affine", boolean(n.affine)}};
    }
    NamedValues operator()(const LayerNorm &n) const {
        return {{"eps", number(n.eps)},
                {"elementwise_affine", boolean(n.affine)},
                {"bias", boolean(n.affine && n.bias)},
                {"dims", integer(n.dims)}};
    }
    NamedValues operator()(const LocalResponseNorm &n) const {
        return {{"size", integer(n.size)},
                {"alpha", number(n.alpha)},
                {"beta", number(n.beta)},
                {"k", number(n.k)}};
    }
    NamedValues operator()(const Normalize &n) const {
        return {{"mean", list(n.mean)}, {"std", list(n.std)}};
    }
    NamedValues operator()(const Linear &l) const {
        return {{"out_features", integer(l.out_features)}, {"bias", boolean(l.bias)}};
    }
    NamedValues operator()(const MatMul &) const { return {}; }
    NamedValues operator()(const MaxPool &p) const {
        return {{"kernel", list(p.kernel)},
                {"stride", list(p.stride)},
                {"padding", pairs(p.pad_lo, p.pad_hi)},
                {"dilation", list(p.dilation)},
                {"ceil_mode", boolean(p.ceil_mode)}};
    }
    NamedValues operator()(const AvgPool &p) const {
        return {{"kernel", list(p.kernel)},
                {"stride", list(p.stride)},
                {"padding", pairs(p.pad_lo, p.pad_hi)},
                {"ceil_mode", boolean(p.ceil_mode)},
                {"count_include_pad", boolean(p.count_include_pad)}};
    }
    NamedValues operator()(const GlobalAvgPool &) const { return {}; }
    NamedValues operator()(const GlobalMaxPool &) const { return {}; }
    NamedValues operator()(const AdaptiveAvgPool &p) const {
        return {{"output_size", list(p.output_size)}};
    }
    NamedValues operator()(const AdaptiveMaxPool &p) const {
        return {{"output_size", list(p.output_size)}};
    }
    NamedValues operator()(const Unary &u) const { return unary_arguments(u); }
    NamedValues operator()(const Binary &) const { return {}; }
    NamedValues operator()(const Where &) const { return {}; }
    NamedValues operator()(const PRelu &p) const {
        return {{"num_parameters", integer(p.num_parameters)}};
    }
    NamedValues operator()(const Cast &c) const { return {{"dtype", text(dtype_name(c.dtype))}}; }
    NamedValues operator()(const Softmax &s) const { return {{"dim", integer(s.dim)}}; }
    NamedValues operator()(const Reduce &r) const { return reduce_arguments(r); }
    NamedValues operator()(const ArgReduce &r) const {
        return {{"dim", integer(r.dim)}, {"keepdim", boolean(r.keepdim)}};
    }
    NamedValues operator()(const TopK &t) const {
        return {{"k", integer(t.k)}, {"dim", integer(t.dim)}, {"largest", boolean(t.largest)}};
    }
    NamedValues operator()(const Concat &c) const { return {{"dim", integer(c.dim)}}; }
    NamedValues operator()(const Slice &s) const {
        return {{"starts", list(s.starts)}, {"extents", list(s.extents)}, {"steps", list(s.steps)}};
    }
    NamedValues operator()(const Pad &p) const {
        return {{"padding", pairs(p.lo, p.hi)},
                {"mode", text(pad_modes()[size_t(p.mode)])},
                {"value", number(p.value)}};
    }
    NamedValues operator()(const Permute &p) const { return {{"dims", list(p.dims)}}; }
    NamedValues operator()(const Flatten &f) const {
        return {{"start_dim", integer(f.start_dim)}, {"end_dim", integer(f.end_dim)}};
    }
    NamedValues operator()(const Reshape &r) const { return {{"shape", list(r.shape)}}; }
    NamedValues operator()(const Expand &e) const { return {{"shape", list(e.shape)}}; }
    NamedValues operator()(const Tile &t) const { return {{"repeats", list(t.repeats)}}; }
    NamedValues operator()(const IndexSelect &s) const {
        return {{"dim", integer(s.dim)}, {"index", list(s.index)}};
    }
    NamedValues operator()(const Resize &r) const { return resize_arguments(r); }
    NamedValues operator()(const PixelShuffle &p) const {
        return {{"upscale_factor", integer(p.upscale_factor)}};
    }
    NamedValues operator()(const PixelUnshuffle &p) const {
        return {{"downscale_factor", integer(p.downscale_factor)}};
    }
    NamedValues operator()(const ChannelShuffle &c) const {
        return {{"groups", integer(c.groups)}};
    }
    NamedValues operator()(const Sample &s) const {
        return {{"kind", text(sample_kinds()[size_t(s.kind)])},
                {"dims", list(s.dims)},
                {"fill", number(s.fill)}};
    }
};

// The values of a constant from `begin`, nested like the dimensions from `depth` on.
Value nested_from(const Constant &constant, size_t depth, size_t &next) {
    const Shape &shape = constant.type.shape;
    if (depth == shape.size()) {
        const double value = constant.values[next++];
        switch (constant.type.dtype) {
        case DType::boolean:
            return boolean(value != 0);
        case DType::f32:
            return number(value);
        default:
            return integer(int64_t(value));
        }
    }
    ValueList entries;
    for (int64_t i = 0; i < shape[depth]; ++i) {
        entries.push_back(nested_from(constant, depth + 1, next));
    }
    return {std::move(entries)};
}

// Whether an operator's first argument goes without saying what it is.
bool has_plain_first(const std::string &name) {
    static constexpr std::string_view names[] = {
        "out_channels", "out_features", "shape", "values", "num_groups", "k", "dtype"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

} // namespace

Value integer(int64_t i) {
    return {i};
}
Value number(double d) {
    return {d};
}
Value boolean(bool b) {
    return {b};
}
Value text(std::string_view s) {
    return {std::string(s)};
}

Value list(const std::vector<int64_t> &entries) {
    ValueList values;
    for (int64_t entry : entries) {
        values.push_back(integer(entry));
    }
    return {std::move(values)};
}

Value list(const std::vector<double> &entries) {
    ValueList values;
    for (double entry : entries) {
        values.push_back(number(entry));
    }
    return {std::move(values)};
}

Value pairs(const std::vector<int64_t> &lo, const std::vector<int64_t> &hi) {
    ValueList values;
    for (size_t i = 0; i < lo.size(); ++i) {
        values.push_back(list(std::vector<int64_t>{lo[i], hi[i]}));
    }
    return {std::move(values)};
}

Value nested(const Constant &constant) {
    size_t next = 0;
    return nested_from(constant, 0, next);
}

std::string op_name(const Op &op, const std::vector<TensorType> &operands) {
    using std::string;
    return match(
        op, [](const Input &) -> string { return "input"; },
        [](const Constant &) -> string { return "tensor"; },
        [](const Parameter &) -> string { return "parameter"; },
        [](const Conv &c) { return ranked("conv", c.kernel.size()); },
        [](const ConvTranspose &c) { return ranked("conv_transpose", c.kernel.size()); },
        [](const BatchNorm &) -> string { return "batch_norm"; },
        [](const InstanceNorm &) -> string { return "instance_norm"; },
        [](const GroupNorm &) -> string { return "group_norm"; },
        [](const LayerNorm &) -> string { return "layer_norm"; },
        [](const LocalResponseNorm &) -> string { return "local_response_norm"; },
        [](const Normalize &) -> string { return "normalize"; },
        [](const Linear &) -> string { return "linear"; },
        [](const MatMul &) -> string { return "matmul"; },
        [](const MaxPool &p) { return ranked("max_pool", p.kernel.size()); },
        [](const AvgPool &p) { return ranked("avg_pool", p.kernel.size()); },
        [&](const GlobalAvgPool &) { return ranked("global_avg_pool", spatial_rank(operands)); },
        [&](const GlobalMaxPool &) { return ranked("global_max_pool", spatial_rank(operands)); },
        [](const AdaptiveAvgPool &p) { return ranked("adaptive_avg_pool", p.output_size.size()); },
        [](const AdaptiveMaxPool &p) { return ranked("adaptive_max_pool", p.output_size.size()); },
        [](const Unary &u) { return string(unary_name(u.kind)); },
        [](const Binary &b) { return string(binary_name(b.kind)); },
        [](const Where &) -> string { return "where"; },
        [](const PRelu &) -> string { return "prelu"; },
        [](const Cast &) -> string { return "cast"; },
        [](const Softmax &s) -> string { return s.log ? "log_softmax" : "softmax"; },
        [](const Reduce &r) { return string(reduce_name(r.kind)); },
        [](const ArgReduce &r) -> string { return r.max ? "argmax" : "argmin"; },
        [](const TopK &t) -> string { return t.indices ? "topk_indices" : "topk_values"; },
        [](const Concat &) -> string { return "concat"; },
        [](const Slice &) -> string { return "strided_slice"; },
        [](const Pad &) -> string { return "pad"; },
        [](const Permute &) -> string { return "permute"; },
        [](const Flatten &) -> string { return "flatten"; },
        [](const Reshape &) -> string { return "reshape"; },
        [](const Expand &) -> string { return "expand"; },
        [](const Tile &) -> string { return "tile"; },
        [](const IndexSelect &) -> string { return "index_select"; },
        [](const Resize &) -> string { return "interpolate"; },
        [](const PixelShuffle &) -> string { return "pixel_shuffle"; },
        [](const PixelUnshuffle &) -> string { return "pixel_unshuffle"; },
        [](const ChannelShuffle &) -> string { return "channel_shuffle"; },
        [](const Sample &) -> string { return "sample"; });
}

std::vector<std::pair<std::string, Value>> op_arguments(const Op &op) {
    return std::visit(ArgumentsOf{}, op);
}

std::vector<std::string> argument_texts(const Op &op) {
    std::vector<std::string> texts;
    for (const auto &[name, value] : op_arguments(op)) {
        const bool plain = texts.empty() && has_plain_first(name);
        texts.push_back(plain ? value_text(value) : name + "=" + value_text(value));
    }
    return texts;
}

} // namespace cnnc
