// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading a node's operands and attributes, making nodes of the network from them.
#include "compiler/onnx/onnx_node.h"

#include "compiler/onnx/order.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace cnnc {

using pb::AttributeProto;

const Result *Scope::find(const std::string &name) const {
    for (const Scope *scope = this; scope; scope = scope->outer) {
        auto value = scope->values.find(name);
        if (value != scope->values.end())
            return &value->second;
    }
    return nullptr;
}

int Scope::uses_of(const std::string &name) const {
    auto count = uses.find(name);
    return count == uses.end() ? 0 : count->second;
}

OnnxNode::OnnxNode(ImportState &state, Scope &scope, const pb::NodeProto &proto, std::string path)
    : state_(state), scope_(scope), proto_(proto), path_(std::move(path)),
      given_(size_t(proto.output_size())) {}

bool OnnxNode::read_inputs(size_t min, size_t max) {
    size_t count = size_t(proto_.input_size());
    while (count > 0 && proto_.input(int(count) - 1).empty())
        --count;
    if (count < min || count > max) {
        std::string range = max == std::numeric_limits<size_t>::max()
                                ? fmt::format("{} or more", min)
                            : min == max ? fmt::format("{}", min)
                                         : fmt::format("{} to {}", min, max);
        fail<diag::onnx_input_count>(op_type(), range, count);
        return false;
    }
    for (size_t i = 0; i < count; ++i) {
        const std::string &name = proto_.input(int(i));
        const Result *value = name.empty() ? nullptr : scope_.find(name);
        if (value && !*value)
            return false;
        inputs_.push_back(value ? *value : Result());
        if (i < min && !value) {
            fail<diag::onnx_input_missing>(op_type(), i);
            return false;
        }
    }
    return true;
}

std::optional<std::vector<int64_t>> OnnxNode::known_integers(size_t i, std::string_view what) {
    if (!input(i).known())
        return unsupported(fmt::format("with computed {}", what));
    return integers_of(input(i).data);
}

std::optional<int64_t> OnnxNode::known_integer(size_t i, std::string_view what) {
    std::optional<std::vector<int64_t>> values = known_integers(i, what);
    if (values && values->size() != 1)
        return fail<diag::onnx_input_length>(i, op_type(), size_t(1), values->size());
    return values ? std::optional(values->front()) : std::nullopt;
}

std::optional<double> OnnxNode::known_number(size_t i, std::string_view what) {
    if (!known_integer(i, what))
        return std::nullopt;
    return to_double(input(i).data).values[0];
}

const AttributeProto *OnnxNode::attribute(std::string_view name) const {
    for (const AttributeProto &attribute : proto_.attribute()) {
        if (attribute.name() == name)
            return &attribute;
    }
    return nullptr;
}

// Files of ONNX's first version do not state the type.
const AttributeProto *OnnxNode::attribute(std::string_view name, int type, std::string_view kind,
                                          bool required) {
    const AttributeProto *found = attribute(name);
    if (!found && required)
        fail<diag::onnx_attribute_missing>(op_type(), name);
    if (found && found->type() != type && found->type() != AttributeProto::UNDEFINED) {
        fail<diag::onnx_attribute_kind>(name, op_type(), kind);
        return nullptr;
    }
    return found;
}

int64_t OnnxNode::integer(std::string_view name, std::optional<int64_t> fallback) {
    auto *found = attribute(name, AttributeProto::INT, "an integer", !fallback);
    return found ? found->i() : fallback.value_or(0);
}

double OnnxNode::number(std::string_view name, std::optional<double> fallback) {
    auto *found = attribute(name, AttributeProto::FLOAT, "a number", !fallback);
    return found ? short_number(found->f()) : fallback.value_or(0);
}

std::string OnnxNode::text(std::string_view name, std::optional<std::string> fallback) {
    auto *found = attribute(name, AttributeProto::STRING, "text", !fallback);
    return found ? found->s() : fallback.value_or("");
}

std::optional<std::vector<int64_t>> OnnxNode::integers(std::string_view name) {
    auto *found = attribute(name, AttributeProto::INTS, "a list of integers", false);
    if (!found)
        return std::nullopt;
    return std::vector<int64_t>(found->ints().begin(), found->ints().end());
}

std::vector<int64_t> OnnxNode::extents(std::string_view name, size_t count, int64_t fallback) {
    std::vector<int64_t> result(count, fallback);
    std::optional<std::vector<int64_t>> given = integers(name);
    if (!given)
        return result;
    if (given->size() != count) {
        fail<diag::onnx_attribute_length>(name, op_type(), count, given->size());
        return result;
    }
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    for (int64_t value : *given) {
        if (value < -most || value > most) {
            fail<diag::onnx_attribute_value>(name, op_type(), std::to_string(value));
            return result;
        }
    }
    return *given;
}

std::vector<int64_t> OnnxNode::required_extents(std::string_view name, size_t count) {
    attribute(name, AttributeProto::INTS, "a list of integers", true);
    return extents(name, count, 1);
}

std::optional<int64_t> OnnxNode::axis(int64_t value, size_t rank, bool end) {
    auto dims = int64_t(rank);
    if (value < -dims || value > dims || (value == dims && !end))
        return fail<diag::onnx_axis>(op_type(), value, rank);
    return value < 0 ? value + dims : value;
}

std::optional<std::vector<int64_t>> OnnxNode::axes(const std::vector<int64_t> &values,
                                                   size_t rank) {
    std::vector<int64_t> result;
    for (int64_t value : values) {
        std::optional<int64_t> dim = axis(value, rank);
        if (!dim)
            return std::nullopt;
        result.push_back(*dim);
    }
    std::sort(result.begin(), result.end());
    auto twice = std::adjacent_find(result.begin(), result.end());
    if (twice != result.end())
        return fail<diag::onnx_axis_twice>(op_type(), *twice);
    return result;
}

std::optional<size_t> OnnxNode::spatial_rank(const Shape &shape) {
    if (shape.size() < 3 || shape.size() > 5)
        return fail<diag::onnx_rank>(op_type(), "tensors of 3 to 5 dimensions", shape_text(shape));
    return shape.size() - 2;
}

Result OnnxNode::make(Op op, const std::vector<Result> &operands, std::string_view step) {
    std::vector<Tensor> tensors;
    for (const Result &operand : operands) {
        if (!operand || failed_)
            return std::nullopt;
        if (element_count(operand->shape()) == 0)
            return fail<diag::onnx_empty>(op_type(), shape_text(operand->shape()));
        tensors.push_back(*operand);
    }
    std::string name = step.empty() ? path_ : fmt::format("{}.{}", path_, step);
    Result result = state_.builder.add(std::move(op), tensors, name);
    failed_ = failed_ || !result;
    return result;
}

Result OnnxNode::make_layer(Op op, const Result &operand, const std::vector<Tensor> &weights) {
    if (!operand || failed_)
        return std::nullopt;
    for (const Tensor &weight : weights) {
        if (!weight.known())
            return unsupported("with computed weights");
    }
    std::string layer = weights.empty() ? "" : layer_of_weight(weights[0].name);
    if (layer.empty())
        layer = path_;
    Result result = state_.builder.add_layer(std::move(op), *operand, weights, layer, op_type());
    failed_ = failed_ || !result;
    return result;
}

Result OnnxNode::reshape(const Result &value, Shape shape, std::string_view step) {
    if (!value || value->shape() == shape)
        return value;
    if (value->known())
        return known_tensor(reshaped(value->data, std::move(shape)), value->name);
    const Shape &from = value->shape();
    // What flattening says better.
    if (shape.size() == 2 && from.size() > 2 && shape[0] == from[0])
        return make(Flatten{1, int64_t(from.size()) - 1}, {value}, step);
    return make(Reshape{std::move(shape)}, {value}, step);
}

Result OnnxNode::permute(const Result &value, std::vector<int64_t> dims, std::string_view step) {
    if (std::is_sorted(dims.begin(), dims.end()))
        return value;
    return make(Permute{std::move(dims)}, {value}, step);
}

Result OnnxNode::cast(const Result &value, DType dtype, std::string_view step) {
    if (!value || value->type.dtype == dtype)
        return value;
    if (value->known() && element_count(value->shape()) == 0)
        return known_tensor(content_of({dtype, value->shape()}, {}));
    return make(Cast{dtype}, {value}, step);
}

Result OnnxNode::widen(const Result &value, DType wide) {
    return value && is_byte(value->type.dtype) ? cast(value, wide, "wide") : value;
}

Result OnnxNode::unary(UnaryKind kind, const Result &value, double a, double b,
                       std::string_view step) {
    return make(Unary{kind, a, b}, {value}, step);
}

Result OnnxNode::binary(BinaryKind kind, const Result &a, const Result &b, std::string_view step) {
    return make(Binary{kind}, {a, b}, step);
}

Result OnnxNode::scalar(double value, DType dtype) const {
    return known_tensor(content_of({dtype, {}}, {value}));
}

bool OnnxNode::is_used(size_t output) const {
    return output < given_.size() && !proto_.output(int(output)).empty() &&
           scope_.uses_of(proto_.output(int(output))) > 0;
}

void OnnxNode::give(size_t output, Result value) {
    if (output >= given_.size())
        return;
    given_[output] = true;
    if (value && !failed_)
        state_.builder.note_given(value->node);
    const std::string &name = proto_.output(int(output));
    if (!name.empty())
        scope_.values[name] = failed_ ? Result() : std::move(value);
}

void OnnxNode::finish() {
    for (size_t i = 0; i < given_.size(); ++i) {
        if (given_[i])
            continue;
        if (!failed_ && is_used(i))
            unsupported(fmt::format("with output {}", i));
        give(i, std::nullopt);
    }
}

std::nullopt_t OnnxNode::unsupported(const std::string &what) {
    failed_ = true;
    std::string domain = proto_.domain();
    if (domain == "ai.onnx")
        domain.clear();
    std::string kind = brief(domain.empty() ? op_type() : domain + "." + op_type());
    if (!what.empty())
        kind += " " + what;
    state_.unsupported[kind].push_back(node_title(proto_));
    return std::nullopt;
}

bool OnnxNode::may_make(int64_t elements) {
    FoldBudget &budget = state_.builder.budget();
    bool few = elements <= budget.elements;
    if (few)
        budget.elements -= elements;
    else
        unsupported("of so many elements");
    return few;
}

namespace {

std::map<std::string_view, OnnxRule> make_rules() {
    std::map<std::string_view, OnnxRule> all;
    for (auto *group : {&arithmetic_rules(), &einsum_rules(), &elementwise_rules(), &layer_rules(),
                        &norm_rules(), &pool_rules(), &reduction_rules(), &resize_rules(),
                        &shape_rules(), &slice_rules(), &value_rules()}) {
        for (const OnnxRule &rule : *group)
            all.emplace(rule.name, rule);
    }
    return all;
}

const std::map<std::string_view, OnnxRule> &rules_by_name() {
    static const std::map<std::string_view, OnnxRule> rules = make_rules();
    return rules;
}

} // namespace

const OnnxRule *find_onnx_rule(std::string_view op_type) {
    auto rule = rules_by_name().find(op_type);
    return rule == rules_by_name().end() ? nullptr : &rule->second;
}

std::vector<OnnxRule> onnx_rules() {
    std::vector<OnnxRule> rules;
    for (const auto &[name, rule] : rules_by_name())
        rules.push_back(rule);
    return rules;
}

} // namespace cnnc
