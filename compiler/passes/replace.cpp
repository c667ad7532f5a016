// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See replace.h.
#include "compiler/passes/replace.h"

#include "compiler/passes/constants.h"

#include <cassert>

namespace cnnc {

std::vector<NodeId> Replacement::inputs() const {
    std::vector<NodeId> result;
    for (size_t i = 0; i < node().inputs.size(); i++)
        result.push_back(input(i));
    return result;
}

std::string Replacement::name(const std::string &role) {
    return role.empty() ? node().name : to_.fresh_name(node().name + "." + role);
}

NodeId Replacement::add(Op op, std::vector<NodeId> inputs, const std::string &role) {
    return to_.append(std::move(op), std::move(inputs), name(role), node().span);
}

NodeId Replacement::unary(UnaryKind kind, NodeId x, const std::string &role) {
    return add(Unary{kind}, {x}, role);
}

NodeId Replacement::binary(BinaryKind kind, NodeId a, NodeId b, const std::string &role) {
    return add(Binary{kind}, {a, b}, role);
}

NodeId Replacement::binary(BinaryKind kind, NodeId a, double b, const std::string &role) {
    const NodeId value = number(b, at(a).type.dtype);
    return binary(kind, a, value, role);
}

NodeId Replacement::number(double value, DType dtype) {
    return constant({dtype, {}}, {value}, "number");
}

NodeId Replacement::constant(TensorType type, std::vector<double> values, const std::string &role) {
    Node node;
    node.op = Constant{type, std::move(values)};
    node.type = std::move(type);
    node.name = name(role);
    node.span = this->node().span;
    return to_.append(std::move(node));
}

NodeId Replacement::add_parameter(const TensorType &type, TensorData data,
                                  const std::string &role) {
    const std::string own_name = name(role);
    const ParamId param =
        to_.add_param({to_.free_path(own_name, {""}, id_), type, std::move(data), node().span});
    return to_.append(
        {Parameter{type.shape, type.dtype}, {}, {param}, type, own_name, node().span});
}

NodeId Replacement::parameter(size_t i, Shape shape, const std::string &role) {
    const Param &old = from_.params[size_t(node().params[i])];
    const TensorType type{old.type.dtype, std::move(shape)};
    assert(element_count(type.shape) == element_count(old.type.shape));
    TensorData data = old.data;
    if (data.defined())
        data.type = type;
    return add_parameter(type, std::move(data), role);
}

NodeId Replacement::new_parameter(Shape shape, const std::vector<double> &values,
                                  const std::string &role) {
    const TensorType type{DType::f32, std::move(shape)};
    return add_parameter(type, values.empty() ? TensorData{} : encode(type, values), role);
}

NodeId Replacement::layer(Op op, NodeId x, const std::string &path,
                          const std::vector<TensorData> &weights, const std::string &role) {
    const std::vector<ParamSpec> specs = param_types(op, {at(x).type});
    std::vector<std::string> roles;
    for (const ParamSpec &spec : specs)
        roles.push_back(spec.role);
    const std::string free = to_.free_path(path, roles, id_);
    std::vector<ParamId> params;
    for (size_t i = 0; i < specs.size(); i++)
        params.push_back(
            to_.add_param({free + "." + specs[i].role, specs[i].type,
                           i < weights.size() ? weights[i] : TensorData{}, node().span}));
    const NodeId id = add(std::move(op), {x}, role);
    to_.set_params(id, std::move(params));
    return id;
}

void Replacement::copy_as(Op op, NodeId x) {
    const NodeId id = to_.copy(id_);
    to_.replace(id, std::move(op), {x});
}

Graph replace_nodes(const Graph &graph, const std::function<bool(Replacement &)> &rule) {
    Rewriter rewriter(graph);
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        Replacement replacement(graph, rewriter, NodeId(n));
        if (!rule(replacement))
            rewriter.copy(NodeId(n));
    }
    return rewriter.finish();
}

std::vector<int> count_uses(const Graph &graph) {
    std::vector<int> uses(graph.nodes.size(), 0);
    for (const Node &node : graph.nodes)
        for (NodeId input : node.inputs)
            uses[size_t(input)]++;
    for (const Output &output : graph.outputs)
        uses[size_t(output.node)]++;
    return uses;
}

const std::vector<int> &UseCounts::before(const Replacement &r) {
    new_.resize(r.graph().nodes.size(), 1);
    if (r.old_id() > 0)
        new_[size_t(r.mapped(r.old_id() - 1))] = old_[size_t(r.old_id() - 1)];
    return new_;
}

} // namespace cnnc
