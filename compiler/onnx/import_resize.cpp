// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resize and its predecessor Upsample.
#include "compiler/onnx/onnx_node.h"
#include "compiler/reference/interpret.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cnnc {
namespace {

// Per dimension of the operand.
struct Target {
    Shape size;
    std::vector<double> scales;
};

// Numbers by which extents are multiplied; f32 arithmetic, as run times do it.
bool apply_scales(OnnxNode &node, const std::vector<double> &scales,
                  const std::vector<int64_t> &axes, const Shape &shape, Target &target) {
    for (size_t i = 0; i < axes.size(); ++i) {
        auto d = size_t(axes[i]);
        float size = float(scales[i]) * float(shape[d]);
        if (!(scales[i] > 0) || !(size >= 1) || size > float(max_elements)) {
            node.fail<diag::onnx_reshape>(node.op_type(), shape_text(shape),
                                          fmt::format("scaled by {}", scales[i]));
            return false;
        }
        target.size[d] = int64_t(size);
        target.scales[d] = scales[i];
    }
    return true;
}

bool apply_sizes(OnnxNode &node, const std::vector<int64_t> &sizes,
                 const std::vector<int64_t> &axes, const Shape &shape, Target &target) {
    std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller") {
        node.fail<diag::onnx_attribute_value>("keep_aspect_ratio_policy", node.op_type(),
                                              brief(policy));
        return false;
    }
    double common = 0;
    for (size_t i = 0; i < axes.size(); ++i) {
        auto d = size_t(axes[i]);
        if (sizes[i] < 1 || sizes[i] > max_elements || shape[d] < 1) {
            node.fail<diag::onnx_reshape>(node.op_type(), shape_text(shape), shape_text(sizes));
            return false;
        }
        target.size[d] = sizes[i];
        target.scales[d] = double(sizes[i]) / double(shape[d]);
        bool first = i == 0;
        if (first ||
            (policy == "not_larger" ? target.scales[d] < common : target.scales[d] > common))
            common = target.scales[d];
    }
    for (int64_t axis : axes) {
        auto d = size_t(axis);
        if (policy == "stretch")
            break;
        target.scales[d] = common;
        target.size[d] = std::max<int64_t>(1, int64_t(std::floor(common * double(shape[d]) + 0.5)));
    }
    return true;
}

// The numbers of an operand, of which there has to be one per axis.
std::optional<std::vector<double>> numbers_per_axis(OnnxNode &node, size_t i, size_t count,
                                                    std::string_view what) {
    if (!node.known_integers(i, what))
        return std::nullopt;
    std::vector<double> values = to_double(node.input(i).data).values;
    if (values.size() != count)
        return node.fail<diag::onnx_input_length>(i, node.op_type(), count, values.size());
    return values;
}

bool is_given(OnnxNode &node, size_t i) {
    return node.has_input(i) && element_count(node.input(i).shape()) > 0;
}

std::optional<Target> read_target(OnnxNode &node) {
    const Shape &shape = node.input(0).shape();
    Target target{shape, std::vector<double>(shape.size(), 1)};
    std::vector<int64_t> axes(shape.size());
    std::iota(axes.begin(), axes.end(), 0);
    if (std::optional<std::vector<int64_t>> given = node.integers("axes")) {
        if (!node.axes(*given, shape.size()))
            return std::nullopt;
        axes = *given;
        for (int64_t &axis : axes)
            axis += axis < 0 ? int64_t(shape.size()) : 0;
    }
    // The scales are operand 1 at first, and 2 behind the region of interest from 11 on.
    size_t scales_at = node.op_type() == "Resize" && node.opset() >= 11 ? 2 : 1;
    bool done = false;
    if (is_given(node, scales_at)) {
        auto scales = numbers_per_axis(node, scales_at, axes.size(), "scales");
        done = scales && apply_scales(node, *scales, axes, shape, target);
    } else if (scales_at == 2 && is_given(node, 3)) {
        auto sizes = numbers_per_axis(node, 3, axes.size(), "sizes");
        done = sizes && apply_sizes(node, integers_of(node.input(3).data), axes, shape, target);
    } else if (auto *scales = node.attribute("scales")) {
        std::vector<double> values(scales->floats().begin(), scales->floats().end());
        if (values.size() == axes.size())
            done = apply_scales(node, values, axes, shape, target);
        else
            node.fail<diag::onnx_attribute_length>("scales", node.op_type(), axes.size(),
                                                   values.size());
    } else {
        node.fail<diag::onnx_input_missing>(node.op_type(), scales_at);
    }
    return done ? std::optional(target) : std::nullopt;
}

bool read_mode(OnnxNode &node, Resize &resize) {
    std::string mode = node.text("mode", "nearest");
    if (mode == "nearest")
        resize.mode = ResizeMode::nearest;
    else if (mode == "linear" || mode == "bilinear")
        resize.mode = ResizeMode::linear;
    else if (mode == "cubic")
        resize.mode = ResizeMode::cubic;
    else
        node.fail<diag::onnx_attribute_value>("mode", node.op_type(), brief(mode));
    return !node.failed();
}

bool read_coordinates(OnnxNode &node, const Target &target, Resize &resize) {
    bool old = node.op_type() == "Upsample" || node.opset() < 11;
    std::string how =
        old ? "asymmetric" : node.text("coordinate_transformation_mode", "half_pixel");
    // The symmetric kind differs where extents do not come out even.
    if (how == "half_pixel_symmetric") {
        const Shape &shape = node.input(0).shape();
        bool even = true;
        for (size_t d = 0; d < shape.size(); ++d)
            even = even && double(target.size[d]) == target.scales[d] * double(shape[d]);
        if (even)
            how = "half_pixel";
    }
    if (how == "half_pixel")
        resize.coordinates = ResizeCoordinates::half_pixel;
    else if (how == "pytorch_half_pixel")
        resize.coordinates = ResizeCoordinates::pytorch_half_pixel;
    else if (how == "align_corners")
        resize.coordinates = ResizeCoordinates::align_corners;
    else if (how == "asymmetric")
        resize.coordinates = ResizeCoordinates::asymmetric;
    else
        node.unsupported("with coordinates " + brief(how));
    return !node.failed();
}

bool read_rounding(OnnxNode &node, Resize &resize) {
    bool old = node.op_type() == "Upsample" || node.opset() < 11;
    std::string how = old ? "floor" : node.text("nearest_mode", "round_prefer_floor");
    if (how == "floor")
        resize.rounding = ResizeRounding::floor;
    else if (how == "ceil")
        resize.rounding = ResizeRounding::ceil;
    else if (how == "round_prefer_floor")
        resize.rounding = ResizeRounding::round_prefer_floor;
    else if (how == "round_prefer_ceil")
        resize.rounding = ResizeRounding::round_prefer_ceil;
    else
        node.fail<diag::onnx_attribute_value>("nearest_mode", node.op_type(), brief(how));
    return !node.failed();
}

using Dims = std::vector<int64_t>;

// An order of the dimensions in which those that change are spatial, N and C first; nothing if
// there is none.
std::optional<Dims> spatial_order(const Shape &from, const Shape &to) {
    size_t rank = from.size();
    auto changes = [&](size_t d) { return from[d] != to[d]; };
    if (rank < 3 || rank > 5 || changes(0) || (changes(1) && changes(rank - 1)))
        return std::nullopt;
    Dims order(rank);
    std::iota(order.begin(), order.end(), 0);
    if (changes(1)) { // channels last
        std::iota(order.begin() + 2, order.end(), 1);
        order[1] = int64_t(rank) - 1;
    }
    return order;
}

Dims inverse(const Dims &order) {
    Dims result(order.size());
    for (size_t d = 0; d < order.size(); ++d)
        result[size_t(order[d])] = int64_t(d);
    return result;
}

Result resized(OnnxNode &node, Resize resize, const Target &target, const Dims &order) {
    Result x = node.input(0);
    DType dtype = x->type.dtype;
    for (size_t d = 2; d < x->rank(); ++d) {
        resize.size.push_back(target.size[size_t(order[d])]);
        resize.scales.push_back(target.scales[size_t(order[d])]);
    }
    bool permutes = !std::is_sorted(order.begin(), order.end());
    bool converts = dtype != DType::f32;
    x = node.cast(x, DType::f32, "f32");
    x = node.permute(x, order, "channels_first");
    x = node.make(resize, {x}, permutes || converts ? "resized" : "");
    x = node.permute(x, inverse(order), converts ? "channels_last" : "");
    return converts ? node.cast(x, dtype, "") : x;
}

bool shrinks(const Shape &from, const Shape &to) {
    for (size_t d = 0; d < from.size(); d++)
        if (to[d] < from[d])
            return true;
    return false;
}

// What positions beyond the border count: with antialias nothing (PyTorch's way, exclude_outside in
// ONNX), otherwise the border's value, which for linear is the same thing.
bool read_borders(OnnxNode &node, bool shrinks, Resize &resize) {
    const bool excluded = node.integer("exclude_outside", 0) != 0;
    resize.antialias = node.integer("antialias", 0) != 0 && resize.mode != ResizeMode::nearest;
    if (resize.mode == ResizeMode::linear && !shrinks)
        resize.antialias = false;
    if (resize.antialias && !excluded) {
        node.unsupported("with antialias and without exclude_outside");
        return false;
    }
    if (resize.mode == ResizeMode::cubic && excluded && !resize.antialias) {
        node.unsupported("with exclude_outside");
        return false;
    }
    return true;
}

void import_resize(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<Target> target = read_target(node);
    Resize resize;
    if (!target || !read_mode(node, resize) || !read_coordinates(node, *target, resize) ||
        !read_rounding(node, resize))
        return;
    resize.cubic_a = node.number("cubic_coeff_a", -0.75);
    if (!read_borders(node, shrinks(x.shape(), target->size), resize))
        return;
    if (resize.mode != ResizeMode::nearest)
        resize.rounding = ResizeRounding::floor;
    if (target->size == x.shape()) {
        node.give(0, x);
        return;
    }
    std::optional<Dims> order = spatial_order(x.shape(), target->size);
    if (!order) {
        node.unsupported("of other than spatial dimensions");
        return;
    }
    node.give(0, resized(node, resize, *target, *order));
}

} // namespace

const std::vector<OnnxRule> &resize_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Resize", 1, 4, import_resize},
        {"Upsample", 1, 2, import_resize},
    };
    return rules;
}

} // namespace cnnc
