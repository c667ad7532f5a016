// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See export.h. What each operator becomes is in export_operators.cpp.
#include "compiler/onnx/export.h"

#include "compiler/graph/registry.h"
#include "compiler/onnx/onnx_diagnostics.h"
#include "compiler/onnx/onnx_writer.h"

#include <algorithm>
#include <cstring>

namespace cnnc {

using pb::AttributeProto;
using pb::GraphProto;
using pb::ModelProto;
using pb::TensorProto;
using pb::ValueInfoProto;

namespace {

// Protocol buffers cannot be larger; the rest of the model needs room too.
constexpr int64_t max_model_bytes = (int64_t(1) << 31) - (1 << 20);

void set_type(ValueInfoProto &info, const std::string &name, const TensorType &type) {
    info.set_name(name);
    auto *tensor = info.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx_type(type.dtype));
    tensor->mutable_shape();
    for (int64_t extent : type.shape)
        tensor->mutable_shape()->add_dim()->set_dim_value(extent);
}

void add_weight(GraphProto &out, const Param &param) {
    TensorProto &tensor = *out.add_initializer();
    tensor.set_name(param.name);
    tensor.set_data_type(onnx_type(param.type.dtype));
    for (int64_t extent : param.type.shape)
        tensor.add_dims(extent);
    tensor.set_raw_data(param.data.bytes, param.data.byte_count());
}

template <class T>
void append(std::string &bytes, double value) {
    const T number = T(value);
    bytes.append(reinterpret_cast<const char *>(&number), sizeof number);
}

void append(std::string &bytes, DType dtype, double value) {
    switch (dtype) {
    case DType::u8:
    case DType::boolean:
        return append<uint8_t>(bytes, value);
    case DType::i8:
        return append<int8_t>(bytes, value);
    case DType::i32:
        return append<int32_t>(bytes, value);
    case DType::i64:
        return append<int64_t>(bytes, value);
    default:
        return append<float>(bytes, value);
    }
}

class Exporter {
  public:
    Exporter(const Graph &graph, int opset, GraphProto &out)
        : graph_(graph), out_(out), writer_(graph, opset, out), names_(graph.nodes.size()) {}

    bool run(Diagnostics &diags) {
        out_.set_name(graph_.name);
        for (const Param &param : graph_.params)
            add_weight(out_, param);
        bool good = true;
        for (size_t id = 0; id < graph_.nodes.size(); id++)
            good &= write(NodeId(id), diags);
        for (const Output &output : graph_.outputs) {
            set_type(*out_.add_output(), output.name, graph_[output.node].type);
            if (names_[size_t(output.node)] != output.name)
                writer_.node("Identity", {names_[size_t(output.node)]}, {}, OnnxNames{output.name});
        }
        return good;
    }

  private:
    bool write(NodeId id, Diagnostics &diags) {
        const Node &node = graph_[id];
        std::string &name = names_[size_t(id)];
        writer_.begin(node.name);
        if (std::holds_alternative<Input>(node.op)) {
            name = node.name;
            set_type(*out_.add_input(), name, node.type);
        } else if (const auto *constant = std::get_if<Constant>(&node.op)) {
            name = writer_.constant(node.type, constant->values, "constant");
        } else if (std::holds_alternative<Parameter>(node.op)) {
            name = graph_.params[size_t(node.params[0])].name;
        } else {
            name = result_name(id);
            if (!write_onnx_node({node, operands(node), params(node), name, writer_})) {
                diags.report<diag::export_unsupported>(node.span, node.name,
                                                       op_name(node.op, operand_types(node)));
                return false;
            }
        }
        return true;
    }

    // An output that the node alone makes has its name.
    std::string result_name(NodeId id) {
        for (const Output &output : graph_.outputs)
            if (output.node == id)
                return output.name;
        return writer_.unique(graph_[id].name);
    }

    OnnxNames operands(const Node &node) const {
        OnnxNames names;
        for (NodeId input : node.inputs)
            names.push_back(names_[size_t(input)]);
        return names;
    }

    OnnxNames params(const Node &node) const {
        OnnxNames names;
        for (ParamId param : node.params)
            names.push_back(graph_.params[size_t(param)].name);
        return names;
    }

    std::vector<TensorType> operand_types(const Node &node) const {
        std::vector<TensorType> types;
        for (NodeId input : node.inputs)
            types.push_back(graph_[input].type);
        return types;
    }

    const Graph &graph_;
    GraphProto &out_;
    OnnxWriter writer_;
    std::vector<std::string> names_; // per node, of its value
};

int64_t weight_bytes(const Graph &graph) {
    int64_t bytes = 0;
    for (const Param &param : graph.params)
        bytes += int64_t(param.data.byte_count());
    return bytes;
}

} // namespace

int32_t onnx_type(DType dtype) {
    switch (dtype) {
    case DType::f32:
        return TensorProto::FLOAT;
    case DType::f16:
        return TensorProto::FLOAT16;
    case DType::bf16:
        return TensorProto::BFLOAT16;
    case DType::f64:
        return TensorProto::DOUBLE;
    case DType::u8:
        return TensorProto::UINT8;
    case DType::i8:
        return TensorProto::INT8;
    case DType::i16:
        return TensorProto::INT16;
    case DType::i32:
        return TensorProto::INT32;
    case DType::i64:
        return TensorProto::INT64;
    case DType::boolean:
        return TensorProto::BOOL;
    }
    return TensorProto::UNDEFINED;
}

// ---- OnnxWriter ----

OnnxWriter::OnnxWriter(const Graph &graph, int opset, GraphProto &out)
    : graph_(graph), opset_(opset), out_(out) {
    for (const Param &param : graph.params)
        names_.insert(param.name);
    for (NodeId input : graph.inputs)
        names_.insert(graph[input].name);
    for (const Output &output : graph.outputs)
        names_.insert(output.name);
}

std::string OnnxWriter::unique(const std::string &wanted) {
    std::string name = wanted;
    for (int i = 1; !names_.insert(name).second; i++)
        name = wanted + "." + std::to_string(i);
    return name;
}

std::string OnnxWriter::node(const char *op, const OnnxNames &inputs,
                             const OnnxAttributes &attributes, const std::string &result) {
    const std::string name = result.empty() ? unique(current_ + "." + op) : result;
    node(op, inputs, attributes, OnnxNames{name});
    return name;
}

void OnnxWriter::node(const char *op, const OnnxNames &inputs, const OnnxAttributes &attributes,
                      const OnnxNames &results) {
    auto &node = *out_.add_node();
    node.set_op_type(op);
    node.set_name(results[0]);
    for (const std::string &input : inputs)
        node.add_input(input);
    for (const std::string &result : results)
        node.add_output(result);
    for (const OnnxAttribute &a : attributes) {
        AttributeProto &attribute = *node.add_attribute();
        attribute.set_name(a.name);
        switch (a.kind) {
        case OnnxAttribute::Kind::integer:
            attribute.set_type(AttributeProto::INT);
            attribute.set_i(a.i);
            break;
        case OnnxAttribute::Kind::number:
            attribute.set_type(AttributeProto::FLOAT);
            attribute.set_f(float(a.f));
            break;
        case OnnxAttribute::Kind::integers:
            attribute.set_type(AttributeProto::INTS);
            for (int64_t i : a.ints)
                attribute.add_ints(i);
            break;
        case OnnxAttribute::Kind::text:
            attribute.set_type(AttributeProto::STRING);
            attribute.set_s(a.s);
            break;
        }
    }
}

std::string OnnxWriter::constant(const TensorType &type, const std::vector<double> &values,
                                 const std::string &wanted) {
    TensorProto &tensor = *out_.add_initializer();
    tensor.set_name(unique(wanted));
    tensor.set_data_type(onnx_type(type.dtype));
    for (int64_t extent : type.shape)
        tensor.add_dims(extent);
    std::string bytes;
    for (double value : values)
        append(bytes, type.dtype, value);
    tensor.set_raw_data(bytes);
    return tensor.name();
}

std::string OnnxWriter::floats(const std::vector<double> &values, const Shape &shape) {
    return constant({DType::f32, shape}, values, current_ + ".constant");
}

std::string OnnxWriter::integers(const std::vector<int64_t> &values) {
    return constant({DType::i64, {int64_t(values.size())}}, {values.begin(), values.end()},
                    current_ + ".constant");
}

std::string OnnxWriter::scalar(double value, DType dtype) {
    return constant({dtype, {}}, {value}, current_ + ".constant");
}

std::string OnnxWriter::reshape(const std::string &x, const Shape &shape) {
    return node("Reshape", {x, integers(shape)});
}

std::string OnnxWriter::transpose(const std::string &x, const std::vector<int64_t> &dims) {
    return node("Transpose", {x}, {{"perm", dims}});
}

std::string OnnxWriter::reduce(const char *op, const std::string &x,
                               const std::vector<int64_t> &axes, bool keepdims,
                               const std::string &result) {
    if (opset_ >= 18 || std::strcmp(op, "ReduceSum") == 0)
        return node(op, {x, integers(axes)}, {{"keepdims", keepdims}}, result);
    return node(op, {x}, {{"axes", axes}, {"keepdims", keepdims}}, result);
}

std::string OnnxWriter::slice(const std::string &x, int64_t axis, int64_t begin, int64_t end) {
    return node("Slice", {x, integers({begin}), integers({end}), integers({axis})});
}

std::optional<std::string> export_onnx(const Graph &graph, Diagnostics &diags) {
    if (const int64_t bytes = weight_bytes(graph); bytes > max_model_bytes) {
        diags.report<diag::export_too_large>(Span(), graph.name, bytes, max_model_bytes);
        return std::nullopt;
    }
    const bool newer = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                   [](const Node &node) { return needs_opset_18(node.op); });
    ModelProto model;
    model.set_ir_version(8);
    model.set_producer_name("cnnc");
    auto &opset = *model.add_opset_import();
    opset.set_domain("");
    opset.set_version(newer ? 18 : 17);
    if (!Exporter(graph, newer ? 18 : 17, *model.mutable_graph()).run(diags))
        return std::nullopt;
    return model.SerializeAsString();
}

} // namespace cnnc
