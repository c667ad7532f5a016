// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that state values: constants, shapes, ranges; and the choice between two graphs.
#include "compiler/onnx/import_graph.h"
#include "compiler/onnx/onnx_node.h"
#include "compiler/reference/interpret.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

using pb::AttributeProto;

// A tensor attribute's elements.
Result tensor_attribute(OnnxNode &node, const AttributeProto &attribute) {
    if (!attribute.has_t())
        return node.fail<diag::onnx_attribute_kind>(attribute.name(), node.op_type(), "a tensor");
    std::string name = node.proto().output_size() > 0 ? node.proto().output(0) : "";
    std::optional<TensorData> data =
        read_tensor(attribute.t(), name, node.state().files, node.state().diags);
    return data ? Result(known_tensor(*data)) : node.fail_quietly();
}

void import_constant(OnnxNode &node) {
    for (const AttributeProto &attribute : node.proto().attribute()) {
        const std::string &name = attribute.name();
        if (name == "value") {
            Result value = tensor_attribute(node, attribute);
            // A weight that stands here is called after the value.
            if (value && element_count(value->shape()) > 16)
                value->name = node.proto().output_size() > 0 ? node.proto().output(0) : "";
            node.give(0, value);
        } else if (name == "value_int" || name == "value_ints") {
            std::vector<int64_t> values(attribute.ints().begin(), attribute.ints().end());
            if (name == "value_int")
                values = {attribute.i()};
            TensorData data = content_of(values);
            node.give(0, known_tensor(name == "value_int" ? reshaped(data, {}) : data));
        } else if (name == "value_float" || name == "value_floats") {
            std::vector<double> values(attribute.floats().begin(), attribute.floats().end());
            if (name == "value_float")
                values = {attribute.f()};
            Shape shape;
            if (name == "value_floats")
                shape = {int64_t(values.size())};
            node.give(0, known_tensor(content_of({DType::f32, shape}, values)));
        } else {
            node.unsupported("with " + brief(name));
        }
        return;
    }
    node.fail<diag::onnx_attribute_missing>(node.op_type(), "value");
}

void import_constant_of_shape(OnnxNode &node) {
    std::optional<std::vector<int64_t>> shape = node.known_integers(0, "shape");
    if (!shape)
        return;
    Result value = node.scalar(0);
    if (const AttributeProto *attribute = node.attribute("value"))
        value = tensor_attribute(node, *attribute);
    if (!value)
        return;
    if (!has_sound_extents(*shape) || element_count(value->shape()) != 1) {
        node.fail<diag::onnx_input_value>(size_t(0), node.op_type(), shape_text(*shape));
        return;
    }
    if (element_count(*shape) == 0) {
        node.give(0, known_tensor(content_of({value->type.dtype, *shape}, {})));
        return;
    }
    Result single = node.reshape(value, {});
    node.give(0, shape->empty() ? single : node.make(Expand{*shape}, {single}));
}

void import_shape(OnnxNode &node) {
    const Shape &shape = node.input(0).shape();
    auto rank = int64_t(shape.size());
    auto bound = [&](std::string_view name, int64_t fallback) {
        int64_t at = node.integer(name, fallback);
        return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    int64_t start = bound("start", 0), end = std::max(start, bound("end", rank));
    std::vector<int64_t> extents(shape.begin() + start, shape.begin() + end);
    node.give(0, known_tensor(content_of(extents)));
}

void import_size(OnnxNode &node) {
    node.give(0, node.scalar(double(element_count(node.input(0).shape())), DType::i64));
}

void import_range(OnnxNode &node) {
    std::vector<double> bounds;
    for (size_t i = 0; i < 3; ++i) {
        std::optional<double> bound = node.known_number(i, "bounds");
        if (!bound)
            return;
        bounds.push_back(*bound);
    }
    double count = std::max(0.0, std::ceil((bounds[1] - bounds[0]) / bounds[2]));
    if (!(count <= double(max_elements))) {
        node.fail<diag::onnx_input_value>(
            size_t(2), node.op_type(),
            fmt::format("{} for {} to {}", bounds[2], bounds[0], bounds[1]));
        return;
    }
    if (!node.may_make(int64_t(count)))
        return;
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = bounds[0] + double(i) * bounds[2];
    TensorType type{node.input(0).type.dtype, {int64_t(values.size())}};
    node.give(0, known_tensor(content_of(type, values)));
}

void import_eye_like(OnnxNode &node) {
    const Tensor &x = node.input(0);
    int64_t k = node.integer("k", 0);
    OnnxType type = onnx_type_of(int(std::clamp<int64_t>(node.integer("dtype", 1), 0, 100)));
    DType dtype = node.has_attribute("dtype") ? type.computed.value_or(DType::f32) : x.type.dtype;
    if (x.rank() != 2 || !type.computed) {
        node.unsupported("of " + type_text(x.type));
        return;
    }
    if (!node.may_make(element_count(x.shape())))
        return;
    std::vector<double> values(size_t(element_count(x.shape())));
    for (int64_t i = 0; i < x.shape()[0]; ++i) {
        // i + k may lie anywhere.
        if (k >= -i && k < x.shape()[1] - i)
            values[size_t(i * x.shape()[1] + i + k)] = 1;
    }
    node.give(0, known_tensor(content_of({dtype, x.shape()}, values)));
}

// `values` are what stands elsewhere and at the index along a new dimension, `depth` its extent.
void import_one_hot(OnnxNode &node) {
    Result index = node.cast(node.input(0), DType::i64, "index");
    std::optional<int64_t> depth = node.known_integer(1, "depth");
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.input(0).rank() + 1);
    if (!index || !depth || !axis)
        return;
    if (!node.input(2).known() || element_count(node.input(2).shape()) != 2 || *depth < 1) {
        node.unsupported("with computed values");
        return;
    }
    if (*depth > max_elements || !node.may_make(*depth))
        return;
    std::vector<double> values = to_double(node.input(2).data).values;
    std::vector<int64_t> positions(static_cast<size_t>(*depth)), behind = positions;
    for (size_t i = 0; i < positions.size(); ++i) {
        positions[i] = int64_t(i);
        behind[i] = int64_t(i) - *depth;
    }
    Shape along(index->rank() + 1 - size_t(*axis), 1), shape = index->shape();
    along[0] = *depth;
    shape.insert(shape.begin() + *axis, 1);
    index = node.reshape(index, shape, "column");
    auto is_at = [&](const std::vector<int64_t> &list, std::string_view step) {
        Tensor range = known_tensor(reshaped(content_of(list), along));
        return node.make(Binary{BinaryKind::eq}, {index, range}, step);
    };
    Result hit = node.make(Binary{BinaryKind::logical_or},
                           {is_at(positions, "from_front"), is_at(behind, "from_back")}, "hit");
    DType dtype = node.input(2).type.dtype;
    node.give(
        0, node.make(Where(), {hit, node.scalar(values[1], dtype), node.scalar(values[0], dtype)}));
}

// Which of the two graphs counts has to be known; that one takes the node's place.
void import_if(OnnxNode &node) {
    std::optional<int64_t> condition = node.known_integer(0, "condition");
    if (!condition)
        return;
    std::string_view name = *condition != 0 ? "then_branch" : "else_branch";
    const AttributeProto *branch = node.attribute(name);
    if (!branch || !branch->has_g()) {
        node.fail<diag::onnx_attribute_missing>(node.op_type(), name);
        return;
    }
    std::optional<std::vector<Result>> results =
        import_subgraph(node.state(), node.scope(), branch->g(), node.path());
    if (!results)
        node.fail_quietly();
    for (size_t i = 0; results && i < results->size(); ++i)
        node.give(i, (*results)[i]);
}

} // namespace

const std::vector<OnnxRule> &value_rules() {
    static const std::vector<OnnxRule> rules = {
        {"Constant", 0, 0, import_constant}, {"ConstantOfShape", 1, 1, import_constant_of_shape},
        {"EyeLike", 1, 1, import_eye_like},  {"If", 1, 1, import_if},
        {"OneHot", 3, 3, import_one_hot},    {"Range", 3, 3, import_range},
        {"Shape", 1, 1, import_shape},       {"Size", 1, 1, import_size},
    };
    return rules;
}

} // namespace cnnc
