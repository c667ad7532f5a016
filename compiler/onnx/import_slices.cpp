// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that take parts of tensors, and padding.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

Slice whole(const Shape &shape) {
    return {Shape(shape.size(), 0), shape, Shape(shape.size(), 1)};
}

// One dimension of a Slice: Python's rules, with bounds as far out as they like.
void cut(Slice &slice, size_t dim, int64_t extent, int64_t start, int64_t end, int64_t step) {
    if (extent == 0)
        return;
    auto from_front = [&](int64_t at) { return at < 0 ? at + extent : at; };
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    start = std::clamp(from_front(start), std::max<int64_t>(low, 0), high);
    end = std::clamp(from_front(end), low, high);
    // A step beyond the extent takes one element, whatever it is.
    step = std::clamp(step, -extent - 1, extent + 1);
    int64_t distance = step > 0 ? end - start : start - end, stride = std::abs(step);
    int64_t count = distance <= 0 ? 0 : (distance + stride - 1) / stride;
    slice.starts[dim] = start;
    slice.extents[dim] = count;
    slice.steps[dim] = count > 1 ? step : 1;
}

// The part of a tensor. Nothing is left of some known tensors, and that is a value too.
Result sliced(OnnxNode &node, const Tensor &x, const Slice &slice, std::string_view step = "") {
    if (slice.extents == x.shape() &&
        std::all_of(slice.steps.begin(), slice.steps.end(), [](int64_t s) { return s == 1; }))
        return x;
    if (x.known() && element_count(slice.extents) == 0)
        return known_tensor(content_of({x.type.dtype, slice.extents}, {}));
    if (element_count(slice.extents) == 0)
        return node.fail<diag::onnx_empty>(node.op_type(), shape_text(slice.extents));
    return node.make(slice, {x}, step);
}

// The lists of a Slice: attributes at first, operands from operator set 10 on.
struct SliceLists {
    std::vector<int64_t> starts, ends, axes, steps;
};

std::optional<SliceLists> read_slice(OnnxNode &node) {
    SliceLists lists;
    std::optional<std::vector<int64_t>> starts, ends, axes, steps;
    if (node.has_input(1) && node.has_input(2)) {
        starts = node.known_integers(1, "bounds");
        ends = node.known_integers(2, "bounds");
        if (node.has_input(3))
            axes = node.known_integers(3, "axes");
        if (node.has_input(4))
            steps = node.known_integers(4, "steps");
    } else {
        starts = node.integers("starts");
        ends = node.integers("ends");
        axes = node.integers("axes");
    }
    if (node.failed())
        return std::nullopt;
    if (!starts || !ends)
        return node.fail<diag::onnx_attribute_missing>(node.op_type(), starts ? "ends" : "starts");
    size_t count = starts->size();
    if (!axes) {
        axes.emplace(count);
        std::iota(axes->begin(), axes->end(), 0);
    }
    if (!steps)
        steps.emplace(count, 1);
    for (const auto &[list, name] :
         {std::pair(&*ends, "ends"), std::pair(&*axes, "axes"), std::pair(&*steps, "steps")}) {
        if (list->size() != count)
            return node.fail<diag::onnx_attribute_length>(name, node.op_type(), count,
                                                          list->size());
    }
    return SliceLists{*starts, *ends, *axes, *steps};
}

void import_slice(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<SliceLists> lists = read_slice(node);
    if (!lists || !node.axes(lists->axes, x.rank()))
        return;
    Slice slice = whole(x.shape());
    for (size_t i = 0; i < lists->starts.size(); ++i) {
        if (lists->steps[i] == 0) {
            node.fail<diag::onnx_attribute_value>("steps", node.op_type(), "0");
            return;
        }
        int64_t axis = lists->axes[i] < 0 ? lists->axes[i] + int64_t(x.rank()) : lists->axes[i];
        cut(slice, size_t(axis), x.shape()[size_t(axis)], lists->starts[i], lists->ends[i],
            lists->steps[i]);
    }
    node.give(0, sliced(node, x, slice));
}

// The lengths of the parts a Split makes.
std::optional<std::vector<int64_t>> split_sizes(OnnxNode &node, int64_t extent) {
    auto parts = int64_t(node.proto().output_size());
    std::optional<std::vector<int64_t>> sizes = node.integers("split");
    if (node.has_input(1)) {
        sizes = node.known_integers(1, "sizes");
        if (!sizes)
            return std::nullopt;
    }
    if (!sizes) {
        // Equal ones, of which the last may be shorter.
        int64_t size = (extent + parts - 1) / parts;
        sizes.emplace(size_t(parts), size);
        int64_t last = extent - size * (parts - 1);
        bool even = last == size || (node.has_attribute("num_outputs") && last > 0);
        if (!even)
            return node.fail<diag::onnx_split>(extent, fmt::format("equal size, {}", parts));
        sizes->back() = last;
    }
    int64_t sum = 0;
    for (int64_t size : *sizes)
        sum = size < 0 || size > extent ? extent + 1 : std::min(sum + size, extent + 1);
    if (sum != extent || int64_t(sizes->size()) != parts)
        return node.fail<diag::onnx_split>(extent, shape_text(*sizes));
    return sizes;
}

void import_split(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::optional<int64_t> axis = node.axis(node.integer("axis", 0), x.rank());
    if (!axis || node.proto().output_size() == 0)
        return;
    auto dim = size_t(*axis);
    std::optional<std::vector<int64_t>> sizes = split_sizes(node, x.shape()[dim]);
    if (!sizes)
        return;
    Slice slice = whole(x.shape());
    for (size_t i = 0; i < sizes->size(); ++i) {
        slice.extents[dim] = (*sizes)[i];
        if (node.is_used(i))
            node.give(i, sliced(node, x, slice, fmt::format("part{}", i)));
        slice.starts[dim] += (*sizes)[i];
    }
}

// Positions with equal distances are a slice.
std::optional<int64_t> common_step(const std::vector<int64_t> &index) {
    int64_t step = index.size() > 1 ? index[1] - index[0] : 1;
    if (step == 0)
        return std::nullopt;
    for (size_t i = 1; i < index.size(); ++i) {
        if (index[i] - index[i - 1] != step)
            return std::nullopt;
    }
    return step;
}

Result gathered(OnnxNode &node, const Tensor &x, size_t dim, const std::vector<int64_t> &index,
                std::string_view step) {
    std::optional<int64_t> distance = common_step(index);
    if (!distance)
        return node.make(IndexSelect{int64_t(dim), index}, {x}, step);
    Slice slice = whole(x.shape());
    slice.starts[dim] = index[0];
    slice.extents[dim] = int64_t(index.size());
    slice.steps[dim] = *distance;
    return sliced(node, x, slice, step);
}

void import_gather(OnnxNode &node) {
    const Tensor &x = node.input(0), &indices = node.input(1);
    std::optional<int64_t> axis = node.axis(node.integer("axis", 0), x.rank());
    if (!axis)
        return;
    std::optional<std::vector<int64_t>> index = node.known_integers(1, "indices");
    if (!index)
        return;
    auto dim = size_t(*axis);
    int64_t extent = x.shape()[dim];
    for (int64_t &i : *index) {
        if (i < -extent || i >= extent) {
            node.fail<diag::onnx_index>(i, extent);
            return;
        }
        i += i < 0 ? extent : 0;
    }
    Shape shape(x.shape().begin(), x.shape().begin() + *axis);
    shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
    shape.insert(shape.end(), x.shape().begin() + *axis + 1, x.shape().end());
    if (index->empty() || !has_sound_extents(shape)) {
        node.fail<diag::onnx_empty>(node.op_type(), shape_text(shape));
        return;
    }
    bool direct = indices.rank() == 1;
    node.give(0, node.reshape(gathered(node, x, dim, *index, direct ? "" : "gathered"), shape));
}

// What is padded how much: attributes at first, operands from operator set 11 on.
struct PadLists {
    std::vector<int64_t> pads, axes;
    double value = 0;
};

std::optional<PadLists> read_pads(OnnxNode &node) {
    PadLists lists;
    size_t rank = node.input(0).rank();
    lists.axes.resize(rank);
    std::iota(lists.axes.begin(), lists.axes.end(), 0);
    if (!node.has_input(1)) {
        lists.pads = node.extents(node.opset() < 2 ? "paddings" : "pads", 2 * rank, 0);
        lists.value = node.number("value", 0);
        return node.failed() ? std::nullopt : std::optional(lists);
    }
    if (node.has_input(3)) {
        std::optional<std::vector<int64_t>> axes = node.known_integers(3, "axes");
        if (!axes || !node.axes(*axes, rank))
            return std::nullopt;
        lists.axes = *axes;
    }
    std::optional<std::vector<int64_t>> pads = node.known_integers(1, "pads");
    if (!pads)
        return std::nullopt;
    if (pads->size() != 2 * lists.axes.size())
        return node.fail<diag::onnx_input_length>(size_t(1), node.op_type(), 2 * lists.axes.size(),
                                                  pads->size());
    lists.pads = *pads;
    if (node.has_input(2)) {
        std::optional<double> value = node.known_number(2, "value");
        if (!value)
            return std::nullopt;
        lists.value = node.input(2).type.dtype == DType::f32 ? short_number(float(*value)) : *value;
    }
    return lists;
}

void import_pad(OnnxNode &node) {
    const Tensor &x = node.input(0);
    std::string mode = node.text("mode", "constant");
    std::optional<PadLists> lists = read_pads(node);
    if (!lists)
        return;
    Pad pad{Shape(x.rank(), 0), Shape(x.rank(), 0), PadMode::constant, lists->value};
    if (mode == "reflect")
        pad.mode = PadMode::reflect;
    else if (mode == "edge")
        pad.mode = PadMode::replicate;
    else if (mode == "wrap")
        pad.mode = PadMode::circular;
    else if (mode != "constant")
        node.fail<diag::onnx_attribute_value>("mode", node.op_type(), brief(mode));
    if (pad.mode != PadMode::constant)
        pad.value = 0;
    size_t count = lists->axes.size();
    bool any = false;
    for (size_t i = 0; i < count; ++i) {
        auto dim = size_t(lists->axes[i] < 0 ? lists->axes[i] + int64_t(x.rank()) : lists->axes[i]);
        pad.lo[dim] = lists->pads[i];
        pad.hi[dim] = lists->pads[count + i];
        any = any || pad.lo[dim] != 0 || pad.hi[dim] != 0;
    }
    if (!node.failed())
        node.give(0, any ? node.make(pad, {x}) : Result(x));
}

} // namespace

const std::vector<OnnxRule> &slice_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Gather", 2, 2, import_gather},
        {"Pad", 1, 4, import_pad},
        {"Slice", 1, 5, import_slice},
        {"Split", 1, 2, import_split},
    };
    return rules;
}

} // namespace cnnc
