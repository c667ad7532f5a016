// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that arrange the same elements in another shape or order.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// The elements of `value` in another shape, which has been checked to hold as many.
void give_reshaped(OnnxNode &node, const Tensor &value, Shape shape) {
    if (!has_sound_extents(shape)) {
        node.fail<diag::onnx_reshape>(node.op_type(), type_text(value.type), shape_text(shape));
        return;
    }
    node.give(0, node.reshape(value, std::move(shape)));
}

int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
    return element_count(Shape(begin, end));
}

// 0 keeps an extent, unless `allow_zero`; -1 is whatever is left.
std::optional<Shape> reshape_target(OnnxNode &node, const Tensor &x,
                                    const std::vector<int64_t> &given) {
    bool allow_zero = node.integer("allowzero", 0) != 0;
    auto fail = [&] {
        return node.fail<diag::onnx_reshape>(node.op_type(), type_text(x.type), shape_text(given));
    };
    if (given.size() > max_onnx_rank)
        return fail();
    Shape shape = given;
    size_t open = shape.size();
    for (size_t d = 0; d < shape.size(); ++d) {
        if (shape[d] == 0 && !allow_zero && d >= x.rank())
            return fail();
        if (shape[d] == 0 && !allow_zero)
            shape[d] = x.shape()[d];
        if (shape[d] < -1 || (shape[d] == -1 && open < shape.size()))
            return fail();
        if (shape[d] == -1)
            open = d;
    }
    int64_t elements = element_count(x.shape());
    if (open < shape.size()) {
        shape[open] = 1;
        std::optional<int64_t> others = checked_elements(shape);
        if (!others || *others == 0 || elements % *others != 0)
            return fail();
        shape[open] = elements / *others;
    }
    if (checked_elements(shape) != elements)
        return fail();
    return shape;
}

void import_reshape(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> given = node.integers("shape");
    if (node.has_input(1))
        given = node.known_integers(1, "shape");
    else if (!given)
        node.fail<diag::onnx_input_missing>(node.op_type(), size_t(1));
    if (!given)
        return;
    if (std::optional<Shape> shape = reshape_target(node, x, *given))
        give_reshaped(node, x, *shape);
}

void import_flatten(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<int64_t> axis = node.axis(node.integer("axis", 1), x.rank(), true);
    if (!axis)
        return;
    auto middle = x.shape().begin() + *axis;
    give_reshaped(node, x, {product(x.shape().begin(), middle), product(middle, x.shape().end())});
}

// The axes of Squeeze and Unsqueeze: an operand from operator set 13 on.
std::optional<std::vector<int64_t>> axes_given(OnnxNode &node) {
    if (node.has_input(1))
        return node.known_integers(1, "axes");
    return node.integers("axes");
}

void import_squeeze(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> given = axes_given(node);
    if (node.failed())
        return;
    Shape shape;
    if (!given) {
        std::copy_if(x.shape().begin(), x.shape().end(), std::back_inserter(shape),
                     [](int64_t extent) { return extent != 1; });
        give_reshaped(node, x, shape);
        return;
    }
    std::optional<std::vector<int64_t>> axes = node.axes(*given, x.rank());
    if (!axes)
        return;
    for (size_t d = 0; d < x.rank(); ++d) {
        bool squeezed = std::binary_search(axes->begin(), axes->end(), int64_t(d));
        if (squeezed && x.shape()[d] != 1) {
            node.fail<diag::onnx_axis>(node.op_type(), int64_t(d), x.rank());
            return;
        }
        if (!squeezed)
            shape.push_back(x.shape()[d]);
    }
    give_reshaped(node, x, shape);
}

void import_unsqueeze(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> given = axes_given(node);
    if (!given) {
        if (!node.failed())
            node.fail<diag::onnx_attribute_missing>(node.op_type(), "axes");
        return;
    }
    size_t rank = x.rank() + given->size();
    std::optional<std::vector<int64_t>> axes = node.axes(*given, rank);
    if (!axes)
        return;
    Shape shape = x.shape();
    for (int64_t axis : *axes) {
        if (shape.size() > max_onnx_rank)
            break;
        shape.insert(shape.begin() + axis, 1);
    }
    give_reshaped(node, x, shape);
}

void import_transpose(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::vector<int64_t> dims(x.rank());
    std::iota(dims.rbegin(), dims.rend(), 0);
    if (std::optional<std::vector<int64_t>> given = node.integers("perm"))
        dims = *given;
    std::vector<int64_t> sorted = dims;
    std::sort(sorted.begin(), sorted.end());
    for (size_t d = 0; d < std::max(sorted.size(), x.rank()); ++d) {
        if (sorted.size() != x.rank() || sorted[d] != int64_t(d)) {
            node.fail<diag::onnx_attribute_value>("perm", node.op_type(), shape_text(dims));
            return;
        }
    }
    node.give(0, node.permute(x, dims));
}

void import_expand(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> given = node.known_integers(1, "shape");
    if (!given)
        return;
    std::optional<Shape> shape;
    if (has_sound_extents(*given))
        shape = broadcast(x.shape(), *given);
    if (!shape || !has_sound_extents(*shape)) {
        node.fail<diag::onnx_reshape>(node.op_type(), type_text(x.type), shape_text(*given));
        return;
    }
    node.give(0, *shape == x.shape() ? Result(x) : node.make(Expand{*shape}, {x}));
}

void import_tile(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<std::vector<int64_t>> repeats = node.known_integers(1, "repeats");
    if (!repeats)
        return;
    if (repeats->size() != x.rank()) {
        node.fail<diag::onnx_input_length>(size_t(1), node.op_type(), x.rank(), repeats->size());
        return;
    }
    bool once = std::all_of(repeats->begin(), repeats->end(), [](int64_t r) { return r == 1; });
    node.give(0, once ? Result(x) : node.make(Tile{*repeats}, {x}));
}

void import_concat(OnnxNode &node) {
    std::vector<Result> parts;
    size_t rank = node.input(0).rank();
    std::optional<int64_t> fallback = node.opset() < 4 ? std::optional<int64_t>(1) : std::nullopt;
    std::optional<int64_t> axis = node.axis(node.integer("axis", fallback), rank);
    if (!axis || node.failed())
        return;
    for (size_t i = 0; i < node.input_count(); ++i) {
        if (!node.has_input(i)) {
            node.fail<diag::onnx_input_missing>(node.op_type(), i);
            return;
        }
        if (element_count(node.input(i).shape()) > 0)
            parts.push_back(node.input(i));
    }
    if (parts.size() <= 1)
        node.give(0, parts.empty() ? Result(node.input(0)) : parts[0]);
    else
        node.give(0, node.make(Concat{*axis}, parts));
}

// The block size of DepthToSpace and back, for tensors of this shape; nothing after a report.
std::optional<int64_t> block_size(OnnxNode &node, const Tensor &x, bool from_depth) {
    int64_t block = node.integer("blocksize");
    if (node.failed())
        return std::nullopt;
    if (x.rank() != 4)
        return node.fail<diag::onnx_rank>(node.op_type(), "tensors of 4 dimensions",
                                          type_text(x.type));
    const Shape &shape = x.shape();
    bool fits = block >= 1 && block < (int64_t(1) << 15);
    if (fits && from_depth)
        fits = shape[1] % (block * block) == 0;
    else if (fits)
        fits = shape[2] % block == 0 && shape[3] % block == 0;
    if (!fits)
        return node.fail<diag::onnx_attribute_value>(
            "blocksize", node.op_type(), fmt::format("{} for {}", block, type_text(x.type)));
    return block;
}

void import_depth_to_space(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::string mode = node.text("mode", "DCR");
    std::optional<int64_t> block = block_size(node, x, true);
    if (!block)
        return;
    int64_t b = *block;
    if (mode == "CRD") {
        node.give(0, node.make(PixelShuffle{b}, {x}));
        return;
    }
    if (mode != "DCR") {
        node.fail<diag::onnx_attribute_value>("mode", node.op_type(), brief(mode));
        return;
    }
    const Shape &s = x.shape();
    int64_t channels = s[1] / (b * b);
    Result blocks = node.reshape(x, {s[0], b, b, channels, s[2], s[3]}, "blocks");
    Result order = node.permute(blocks, {0, 3, 4, 1, 5, 2}, "order");
    node.give(0, node.reshape(order, {s[0], channels, s[2] * b, s[3] * b}));
}

void import_space_to_depth(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<int64_t> block = block_size(node, x, false);
    if (!block)
        return;
    int64_t b = *block;
    const Shape &s = x.shape();
    Result blocks = node.reshape(x, {s[0], s[1], s[2] / b, b, s[3] / b, b}, "blocks");
    Result order = node.permute(blocks, {0, 3, 5, 1, 2, 4}, "order");
    node.give(0, node.reshape(order, {s[0], s[1] * b * b, s[2] / b, s[3] / b}));
}

// One triangle of each matrix, zeros in the other.
void import_trilu(OnnxNode &node) {
    const Tensor &x = node.input(0);
    int64_t k = 0;
    if (node.has_input(1)) {
        std::optional<int64_t> given = node.known_integer(1, "k");
        if (!given)
            return;
        k = *given;
    }
    if (x.rank() < 2) {
        node.fail<diag::onnx_rank>("Trilu", "matrices", type_text(x.type));
        return;
    }
    if (!node.may_make(x.shape()[x.rank() - 2] * x.shape().back()))
        return;
    bool upper = node.integer("upper", 1) != 0;
    int64_t rows = x.shape()[x.rank() - 2], columns = x.shape().back();
    std::vector<double> kept;
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < columns; ++column)
            kept.push_back(upper ? column - row >= k : column - row <= k);
    }
    Tensor mask = known_tensor(content_of({DType::boolean, {rows, columns}}, kept));
    node.give(0, node.make(Where(), {mask, x, node.scalar(0, x.type.dtype)}));
}

} // namespace

const std::vector<OnnxRule> &shape_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Concat", 1, -1, import_concat},      {"DepthToSpace", 1, 1, import_depth_to_space},
        {"Expand", 2, 2, import_expand},       {"Flatten", 1, 1, import_flatten},
        {"Reshape", 1, 2, import_reshape},     {"SpaceToDepth", 1, 1, import_space_to_depth},
        {"Squeeze", 1, 2, import_squeeze},     {"Tile", 2, 2, import_tile},
        {"Trilu", 1, 2, import_trilu},         {"Transpose", 1, 1, import_transpose},
        {"Unsqueeze", 1, 2, import_unsqueeze},
    };
    return rules;
}

} // namespace cnnc
