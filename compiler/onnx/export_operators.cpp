// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What each operator of a network becomes in ONNX: one overload of write() per operator. What ONNX
// has no operator for is put together from others, after the definitions in ops.h.
#include "compiler/onnx/export_elementwise.h"
#include "compiler/onnx/onnx_writer.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

using Ints = std::vector<int64_t>;

Ints joined(Ints a, const Ints &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Ints counted(size_t begin, size_t end) {
    Ints values(end - begin);
    std::iota(values.begin(), values.end(), int64_t(begin));
    return values;
}

// [C] as it multiplies a tensor of this rank.
Shape per_channel(int64_t channels, size_t rank) {
    Shape shape(rank - 1, 1);
    shape[0] = channels;
    return shape;
}

OnnxNames with_params(const OnnxCall &c) {
    OnnxNames names = c.operands;
    names.insert(names.end(), c.params.begin(), c.params.end());
    return names;
}

std::string ones(const OnnxCall &c, int64_t n, double value = 1) {
    return c.out.floats(std::vector<double>(size_t(n), value), {n});
}

// ---- layers ----

void write(const Conv &o, const OnnxCall &c) {
    c.out.node("Conv", with_params(c),
               {{"kernel_shape", o.kernel},
                {"strides", o.stride},
                {"pads", joined(o.pad_lo, o.pad_hi)},
                {"dilations", o.dilation},
                {"group", o.groups}},
               c.result);
}

void write(const ConvTranspose &o, const OnnxCall &c) {
    c.out.node("ConvTranspose", with_params(c),
               {{"kernel_shape", o.kernel},
                {"strides", o.stride},
                {"pads", joined(o.pad_lo, o.pad_hi)},
                {"output_padding", o.output_padding},
                {"dilations", o.dilation},
                {"group", o.groups}},
               c.result);
}

void write(const BatchNorm &o, const OnnxCall &c) {
    OnnxNames inputs = c.operands;
    const int64_t channels = c.shape()[1];
    if (!o.affine) {
        inputs.push_back(ones(c, channels));
        inputs.push_back(ones(c, channels, 0));
    }
    inputs.insert(inputs.end(), c.params.begin(), c.params.end());
    c.out.node("BatchNormalization", inputs, {{"epsilon", o.eps}}, c.result);
}

void write(const InstanceNorm &o, const OnnxCall &c) {
    OnnxNames inputs = with_params(c);
    if (!o.affine)
        inputs = {c.operands[0], ones(c, c.shape()[1]), ones(c, c.shape()[1], 0)};
    c.out.node("InstanceNormalization", inputs, {{"epsilon", o.eps}}, c.result);
}

// Each group as one channel of an instance normalization; then scale and shift per channel.
void write(const GroupNorm &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    const Shape &shape = c.shape();
    std::string x = out.reshape(
        c.operands[0], {shape[0], o.num_groups, element_count(shape) / shape[0] / o.num_groups});
    x = out.node("InstanceNormalization", {x, ones(c, o.num_groups), ones(c, o.num_groups, 0)},
                 {{"epsilon", o.eps}});
    if (!o.affine) {
        out.node("Reshape", {x, out.integers(shape)}, {}, c.result);
        return;
    }
    const Shape channels = per_channel(shape[1], shape.size());
    x = out.node("Mul", {out.reshape(x, shape), out.reshape(c.params[0], channels)});
    out.node("Add", {x, out.reshape(c.params[1], channels)}, {}, c.result);
}

void write(const LayerNorm &o, const OnnxCall &c) {
    OnnxNames inputs = with_params(c);
    if (!o.affine) {
        const Shape &shape = c.shape();
        const Shape last(shape.end() - o.dims, shape.end());
        inputs.push_back(c.out.floats(std::vector<double>(size_t(element_count(last)), 1), last));
    }
    c.out.node("LayerNormalization", inputs, {{"axis", -o.dims}, {"epsilon", o.eps}}, c.result);
}

// ONNX's window of an even size begins one channel later than PyTorch's; then the mean of squares
// is taken as a pooling over channels.
void write(const LocalResponseNorm &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    if (o.size % 2 == 1) {
        out.node("LRN", c.operands,
                 {{"size", o.size}, {"alpha", o.alpha}, {"beta", o.beta}, {"bias", o.k}}, c.result);
        return;
    }
    const Shape &shape = c.shape();
    const std::string &x = c.operands[0];
    std::string y = out.node("Mul", {x, x});
    y = out.reshape(y, {shape[0], 1, shape[1], element_count(shape) / shape[0] / shape[1]});
    y = out.node("AveragePool", {y},
                 {{"kernel_shape", Ints{o.size, 1}},
                  {"pads", Ints{o.size / 2, 0, (o.size - 1) / 2, 0}},
                  {"count_include_pad", true}});
    y = out.node("Mul", {out.reshape(y, shape), out.scalar(o.alpha)});
    y = out.node("Pow", {out.node("Add", {y, out.scalar(o.k)}), out.scalar(o.beta)});
    out.node("Div", {x, y}, {}, c.result);
}

void write(const Normalize &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    auto vector = [&](const std::vector<double> &values) {
        return out.floats(values, per_channel(int64_t(values.size()), c.shape().size()));
    };
    out.node("Div", {out.node("Sub", {c.operands[0], vector(o.mean)}), vector(o.std)}, {},
             c.result);
}

void write(const Linear &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    if (c.shape().size() == 2) {
        out.node("Gemm", with_params(c), {{"transB", true}}, c.result);
        return;
    }
    const std::string weight = out.transpose(c.params[0], {1, 0});
    if (!o.bias) {
        out.node("MatMul", {c.operands[0], weight}, {}, c.result);
        return;
    }
    out.node("Add", {out.node("MatMul", {c.operands[0], weight}), c.params[1]}, {}, c.result);
}

void write(const MatMul &, const OnnxCall &c) {
    c.out.node("MatMul", c.operands, {}, c.result);
}

// ---- pooling ----

// By how much padding has to grow behind for whole windows to give the extents of ceil_mode.
template <class Pool>
Ints missing_padding(const Pool &o, const Ints &dilation, const Shape &in, const Shape &out) {
    Ints missing;
    for (size_t i = 0; i < o.kernel.size(); i++) {
        const int64_t reach = (out[i + 2] - 1) * o.stride[i] + dilation[i] * (o.kernel[i] - 1) + 1;
        missing.push_back(std::max<int64_t>(reach - in[i + 2] - o.pad_lo[i] - o.pad_hi[i], 0));
    }
    return missing;
}

Ints sum(Ints a, const Ints &b) {
    for (size_t i = 0; i < a.size(); i++)
        a[i] += b[i];
    return a;
}

// x with a border of `value` around its spatial dimensions.
std::string padded(const OnnxCall &c, const Ints &lo, const Ints &hi, double value) {
    const Ints none(2, 0);
    const Ints pads = joined(joined(none, lo), joined(none, hi));
    return c.out.node("Pad", {c.operands[0], c.out.integers(pads), c.out.scalar(value)});
}

// Borders are made by Pad where windows could lie in them alone, which AveragePool and MaxPool of
// ONNX do not promise to handle alike.
void write(const MaxPool &o, const OnnxCall &c) {
    const Ints hi = sum(o.pad_hi, missing_padding(o, o.dilation, c.shape(), c.node.type.shape));
    Ints pads = joined(o.pad_lo, hi);
    std::string x = c.operands[0];
    for (size_t i = 0; i < pads.size(); i++)
        if (pads[i] >= o.kernel[i % o.kernel.size()]) {
            x = padded(c, o.pad_lo, hi, -3.4028234663852886e38);
            pads.assign(pads.size(), 0);
            break;
        }
    c.out.node("MaxPool", {x},
               {{"kernel_shape", o.kernel},
                {"strides", o.stride},
                {"pads", pads},
                {"dilations", o.dilation}},
               c.result);
}

// The places that ceil_mode adds behind never count in the mean; padding may.
void write(const AvgPool &o, const OnnxCall &c) {
    const Ints missing = missing_padding(o, Ints(o.kernel.size(), 1), c.shape(), c.node.type.shape);
    const bool whole =
        std::all_of(missing.begin(), missing.end(), [](int64_t m) { return m == 0; });
    std::string x = c.operands[0];
    Ints pads = joined(o.pad_lo, sum(o.pad_hi, missing));
    bool include_pad = o.count_include_pad;
    if (o.count_include_pad && !whole) {
        x = padded(c, o.pad_lo, o.pad_hi, 0);
        pads = joined(Ints(missing.size(), 0), missing);
        include_pad = false;
    }
    c.out.node("AveragePool", {x},
               {{"kernel_shape", o.kernel},
                {"strides", o.stride},
                {"pads", pads},
                {"count_include_pad", include_pad}},
               c.result);
}

void write(const GlobalAvgPool &, const OnnxCall &c) {
    c.out.node("GlobalAveragePool", c.operands, {}, c.result);
}

void write(const GlobalMaxPool &, const OnnxCall &c) {
    c.out.node("GlobalMaxPool", c.operands, {}, c.result);
}

// One dimension after the other: each place is a slice, reduced.
void write_adaptive(const char *reduce, const Ints &size, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    std::string x = c.operands[0];
    for (size_t i = 0; i < size.size(); i++) {
        const auto axis = int64_t(i + 2);
        const int64_t extent = c.shape()[i + 2];
        OnnxNames places;
        for (int64_t o = 0; o < size[i]; o++) {
            const int64_t begin = o * extent / size[i];
            const int64_t end = ((o + 1) * extent + size[i] - 1) / size[i];
            places.push_back(out.reduce(reduce, out.slice(x, axis, begin, end), {axis}, true));
        }
        x = out.node("Concat", places, {{"axis", axis}});
    }
    out.node("Identity", {x}, {}, c.result);
}

void write(const AdaptiveAvgPool &o, const OnnxCall &c) {
    write_adaptive("ReduceMean", o.output_size, c);
}

void write(const AdaptiveMaxPool &o, const OnnxCall &c) {
    write_adaptive("ReduceMax", o.output_size, c);
}

// ---- element by element ----

void write(const Unary &o, const OnnxCall &c) {
    write_unary(o, c);
}

void write(const Binary &o, const OnnxCall &c) {
    write_binary(o.kind, c);
}

void write(const Where &, const OnnxCall &c) {
    c.out.node("Where", c.operands, {}, c.result);
}

void write(const PRelu &o, const OnnxCall &c) {
    std::string slope = c.params[0];
    if (o.num_parameters > 1)
        slope = c.out.reshape(slope, per_channel(o.num_parameters, c.shape().size()));
    c.out.node("PRelu", {c.operands[0], slope}, {}, c.result);
}

// ONNX leaves numbers beyond the narrow types' ranges undefined.
void write(const Cast &o, const OnnxCall &c) {
    std::string x = c.operands[0];
    const bool is_byte = o.dtype == DType::u8 || o.dtype == DType::i8;
    if (is_byte && c.type().dtype == DType::f32)
        x = c.out.node("Clip", {x, c.out.scalar(o.dtype == DType::u8 ? 0 : -128),
                                c.out.scalar(o.dtype == DType::u8 ? 255 : 127)});
    c.out.node("Cast", {x}, {{"to", int64_t(onnx_type(o.dtype))}}, c.result);
}

// ---- reductions ----

void write(const Softmax &o, const OnnxCall &c) {
    c.out.node(o.log ? "LogSoftmax" : "Softmax", c.operands, {{"axis", o.dim}}, c.result);
}

const char *reduce_name(ReduceKind kind) {
    switch (kind) {
    case ReduceKind::sum:
        return "ReduceSum";
    case ReduceKind::mean:
        return "ReduceMean";
    case ReduceKind::amax:
        return "ReduceMax";
    case ReduceKind::amin:
        return "ReduceMin";
    case ReduceKind::prod:
        return "ReduceProd";
    case ReduceKind::l1:
        return "ReduceL1";
    case ReduceKind::l2:
        return "ReduceL2";
    case ReduceKind::sum_square:
        return "ReduceSumSquare";
    case ReduceKind::log_sum_exp:
        return "ReduceLogSumExp";
    }
    return "";
}

void write(const Reduce &o, const OnnxCall &c) {
    c.out.reduce(reduce_name(o.kind), c.operands[0], o.dims, o.keepdim, c.result);
}

void write(const ArgReduce &o, const OnnxCall &c) {
    c.out.node(o.max ? "ArgMax" : "ArgMin", c.operands, {{"axis", o.dim}, {"keepdims", o.keepdim}},
               c.result);
}

void write(const TopK &o, const OnnxCall &c) {
    const std::string other = c.out.unique(c.result + ".TopK");
    const OnnxNames results = o.indices ? OnnxNames{other, c.result} : OnnxNames{c.result, other};
    c.out.node("TopK", {c.operands[0], c.out.integers({o.k})},
               {{"axis", o.dim}, {"largest", o.largest}}, results);
}

// ---- moving elements ----

void write(const Concat &o, const OnnxCall &c) {
    c.out.node("Concat", c.operands, {{"axis", o.dim}}, c.result);
}

void write(const Slice &o, const OnnxCall &c) {
    Ints ends;
    for (size_t d = 0; d < o.starts.size(); d++) {
        const int64_t end = o.starts[d] + o.extents[d] * o.steps[d];
        // Behind the first element, going backwards: ONNX counts negative ends from the back.
        ends.push_back(end < 0 ? -c.shape()[d] - 1 : std::min(end, c.shape()[d]));
    }
    OnnxWriter &out = c.out;
    out.node("Slice",
             {c.operands[0], out.integers(o.starts), out.integers(ends),
              out.integers(counted(0, o.starts.size())), out.integers(o.steps)},
             {}, c.result);
}

void write(const Pad &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    if (o.mode == PadMode::circular) {
        std::string x = c.operands[0];
        for (size_t d = 0; d < o.lo.size(); d++) {
            const int64_t extent = c.shape()[d];
            Ints index;
            for (int64_t i = -o.lo[d]; i < extent + o.hi[d]; i++)
                index.push_back((i % extent + extent) % extent);
            if (o.lo[d] != 0 || o.hi[d] != 0)
                x = out.node("Gather", {x, out.integers(index)}, {{"axis", int64_t(d)}});
        }
        out.node("Identity", {x}, {}, c.result);
        return;
    }
    const char *mode = o.mode == PadMode::constant  ? "constant"
                       : o.mode == PadMode::reflect ? "reflect"
                                                    : "edge";
    OnnxNames inputs = {c.operands[0], out.integers(joined(o.lo, o.hi))};
    if (o.mode == PadMode::constant)
        inputs.push_back(out.scalar(o.value, c.type().dtype));
    out.node("Pad", inputs, {{"mode", mode}}, c.result);
}

void write(const Permute &o, const OnnxCall &c) {
    c.out.node("Transpose", c.operands, {{"perm", o.dims}}, c.result);
}

void write_reshape(const OnnxCall &c) {
    c.out.node("Reshape", {c.operands[0], c.out.integers(c.node.type.shape)}, {}, c.result);
}

void write(const Flatten &, const OnnxCall &c) {
    write_reshape(c);
}

void write(const Reshape &, const OnnxCall &c) {
    write_reshape(c);
}

void write(const Expand &o, const OnnxCall &c) {
    c.out.node("Expand", {c.operands[0], c.out.integers(o.shape)}, {}, c.result);
}

void write(const Tile &o, const OnnxCall &c) {
    c.out.node("Tile", {c.operands[0], c.out.integers(o.repeats)}, {}, c.result);
}

void write(const IndexSelect &o, const OnnxCall &c) {
    c.out.node("Gather", {c.operands[0], c.out.integers(o.index)}, {{"axis", o.dim}}, c.result);
}

// x reshaped, its dimensions exchanged, and brought to the result's shape.
void write_shuffle(const OnnxCall &c, const Shape &shape, const Ints &dims) {
    const std::string x = c.out.transpose(c.out.reshape(c.operands[0], shape), dims);
    c.out.node("Reshape", {x, c.out.integers(c.node.type.shape)}, {}, c.result);
}

void write(const PixelShuffle &o, const OnnxCall &c) {
    c.out.node("DepthToSpace", c.operands, {{"blocksize", o.upscale_factor}, {"mode", "CRD"}},
               c.result);
}

void write(const PixelUnshuffle &o, const OnnxCall &c) {
    const Shape &s = c.shape();
    const int64_t r = o.downscale_factor;
    write_shuffle(c, {s[0], s[1], s[2] / r, r, s[3] / r, r}, {0, 1, 3, 5, 2, 4});
}

void write(const ChannelShuffle &o, const OnnxCall &c) {
    Shape shape = c.shape();
    shape[1] /= o.groups;
    shape.insert(shape.begin() + 1, o.groups);
    Ints dims = counted(0, shape.size());
    std::swap(dims[1], dims[2]);
    write_shuffle(c, shape, dims);
}

// ---- resizing ----

const char *coordinates_name(ResizeCoordinates coordinates) {
    switch (coordinates) {
    case ResizeCoordinates::half_pixel:
        return "half_pixel";
    case ResizeCoordinates::pytorch_half_pixel:
        return "pytorch_half_pixel";
    case ResizeCoordinates::align_corners:
        return "align_corners";
    case ResizeCoordinates::asymmetric:
        return "asymmetric";
    }
    return "";
}

const char *rounding_name(ResizeRounding rounding) {
    switch (rounding) {
    case ResizeRounding::floor:
        return "floor";
    case ResizeRounding::ceil:
        return "ceil";
    case ResizeRounding::round_prefer_floor:
        return "round_prefer_floor";
    case ResizeRounding::round_prefer_ceil:
        return "round_prefer_ceil";
    }
    return "";
}

// Sizes say the scales too where these are what the extents make them.
bool scales_follow(const Resize &o, const Shape &in) {
    for (size_t i = 0; i < o.size.size(); i++)
        if (o.scales[i] != double(o.size[i]) / double(in[i + 2]))
            return false;
    return true;
}

void write(const Resize &o, const OnnxCall &c) {
    OnnxWriter &out = c.out;
    OnnxNames inputs = {c.operands[0], ""};
    if (scales_follow(o, c.shape())) {
        const Shape &in = c.shape();
        inputs.push_back("");
        inputs.push_back(out.integers(joined({in[0], in[1]}, o.size)));
    } else {
        std::vector<double> scales = {1, 1};
        scales.insert(scales.end(), o.scales.begin(), o.scales.end());
        inputs.push_back(out.floats(scales, {int64_t(scales.size())}));
    }
    const char *mode = o.mode == ResizeMode::nearest  ? "nearest"
                       : o.mode == ResizeMode::linear ? "linear"
                                                      : "cubic";
    OnnxAttributes attributes = {
        {"mode", mode}, {"coordinate_transformation_mode", coordinates_name(o.coordinates)}};
    if (o.mode == ResizeMode::nearest)
        attributes.push_back({"nearest_mode", rounding_name(o.rounding)});
    if (o.mode == ResizeMode::cubic)
        attributes.push_back({"cubic_coeff_a", o.cubic_a});
    if (o.antialias) {
        attributes.push_back({"antialias", true});
        attributes.push_back({"exclude_outside", true}); // as PyTorch does
    }
    out.node("Resize", inputs, attributes, c.result);
}

// Inputs and constants have no node; a Sample exists only behind the passes.
bool is_written(const Op &op) {
    return !std::holds_alternative<Input>(op) && !std::holds_alternative<Constant>(op) &&
           !std::holds_alternative<Parameter>(op) && !std::holds_alternative<Sample>(op);
}

void write(const Input &, const OnnxCall &) {}
void write(const Constant &, const OnnxCall &) {}
void write(const Parameter &, const OnnxCall &) {}
void write(const Sample &, const OnnxCall &) {}

} // namespace

bool write_onnx_node(const OnnxCall &call) {
    if (!is_written(call.node.op))
        return false;
    std::visit([&](const auto &op) { write(op, call); }, call.node.op);
    return true;
}

bool needs_opset_18(const Op &op) {
    const auto *resize = std::get_if<Resize>(&op);
    return resize && resize->antialias;
}

} // namespace cnnc
