// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Builds models by ONNX's own message classes.
#include "tests/onnx/model_builder.h"

#include "compiler/graph/registry.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

namespace cnnc {

Attribute::Attribute(std::string name, int64_t i) {
    proto.set_name(std::move(name));
    proto.set_type(pb::AttributeProto::INT);
    proto.set_i(i);
}

Attribute::Attribute(std::string name, double f) {
    proto.set_name(std::move(name));
    proto.set_type(pb::AttributeProto::FLOAT);
    proto.set_f(float(f));
}

Attribute::Attribute(std::string name, const char *s) {
    proto.set_name(std::move(name));
    proto.set_type(pb::AttributeProto::STRING);
    proto.set_s(s);
}

Attribute::Attribute(std::string name, std::initializer_list<int64_t> ints) {
    proto.set_name(std::move(name));
    proto.set_type(pb::AttributeProto::INTS);
    for (int64_t i : ints)
        proto.add_ints(i);
}

ModelBuilder::ModelBuilder(int64_t opset) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(opset);
    graph().set_name("test");
}

ModelBuilder &ModelBuilder::input(const std::string &name, const Shape &shape, int type) {
    pb::ValueInfoProto &info = *graph().add_input();
    info.set_name(name);
    auto *tensor = info.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (int64_t extent : shape) {
        auto *dim = tensor->mutable_shape()->add_dim();
        if (extent >= 0)
            dim->set_dim_value(extent);
    }
    return *this;
}

ModelBuilder &ModelBuilder::floats(const std::string &name, const Shape &shape,
                                   const std::vector<float> &values) {
    pb::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(1);
    for (int64_t extent : shape)
        tensor.add_dims(extent);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return *this;
}

ModelBuilder &ModelBuilder::integers(const std::string &name, const Shape &shape,
                                     const std::vector<int64_t> &values) {
    pb::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(7);
    for (int64_t extent : shape)
        tensor.add_dims(extent);
    for (int64_t value : values)
        tensor.add_int64_data(value);
    return *this;
}

ModelBuilder &ModelBuilder::node(const std::string &op_type, const std::vector<std::string> &inputs,
                                 const std::vector<std::string> &outputs,
                                 const std::vector<Attribute> &attributes,
                                 const std::string &name) {
    pb::NodeProto &node = *graph().add_node();
    node.set_op_type(op_type);
    node.set_name(name);
    for (const std::string &input : inputs)
        node.add_input(input);
    for (const std::string &output : outputs)
        node.add_output(output);
    for (const Attribute &attribute : attributes)
        *node.add_attribute() = attribute.proto;
    return *this;
}

ModelBuilder &ModelBuilder::output(const std::string &name) {
    graph().add_output()->set_name(name);
    return *this;
}

FileBytes as_file(const std::string &bytes) {
    auto owner = std::make_shared<std::string>(bytes);
    return {owner, reinterpret_cast<const std::byte *>(owner->data()), owner->size()};
}

std::string messages(const std::string &bytes, const OnnxImportOptions &options) {
    Diagnostics diags;
    std::optional<Graph> graph = parse_onnx("net.onnx", as_file(bytes), options, diags);
    EXPECT_NE(graph.has_value(), diags.has_errors());
    return diags.render(SourceManager());
}

std::optional<Graph> imported(const ModelBuilder &model, const OnnxImportOptions &options) {
    Diagnostics diags;
    std::optional<Graph> graph = parse_onnx("net.onnx", as_file(model.bytes()), options, diags);
    EXPECT_TRUE(graph.has_value()) << diags.render(SourceManager());
    if (graph) {
        for (const std::string &problem : verify(*graph))
            ADD_FAILURE() << problem;
    }
    return graph;
}

std::vector<double> computed(const ModelBuilder &model, const std::vector<float> &input) {
    std::optional<Graph> graph = imported(model);
    if (!graph || graph->inputs.size() != 1)
        return {};
    const Shape &shape = (*graph)[graph->inputs[0]].type.shape;
    return interpret(*graph, {TensorData::from_floats(shape, input)})[0].values;
}

std::string summary(const Graph &graph) {
    std::string text;
    for (const Node &node : graph.nodes) {
        if (std::holds_alternative<Input>(node.op) || std::holds_alternative<Constant>(node.op))
            continue;
        std::vector<TensorType> types;
        std::string operands;
        for (NodeId input : node.inputs) {
            const Constant *constant = std::get_if<Constant>(&graph[input].op);
            types.push_back(graph[input].type);
            operands += operands.empty() ? "" : ", ";
            operands += constant && constant->is_scalar() ? number_text(constant->value())
                                                          : graph[input].name;
        }
        text += fmt::format("{} = {}({})\n", node.name, op_name(node.op, types), operands);
    }
    return text;
}

} // namespace cnnc
