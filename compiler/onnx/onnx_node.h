// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One node of a model while it is imported: its operands, attributes and results. Whatever is wrong
// with any of them is reported once; then the node has failed, and what it makes is nothing.
#pragma once

#include "compiler/onnx/network_builder.h"
#include "compiler/onnx/onnx_diagnostics.h"

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace cnnc {

// What nodes do that is not supported, in words, and the nodes.
using Unsupported = std::map<std::string, std::vector<std::string>>;

// Element types with less than 32 bits. Arithmetic of theirs is done in a wider type and cut down,
// which is how it is defined.
inline bool is_byte(DType dtype) {
    return dtype == DType::u8 || dtype == DType::i8;
}

// The values of a graph by name; nothing where the node that gives one has failed.
struct Scope {
    const Scope *outer = nullptr;
    std::unordered_map<std::string, Result> values = {};
    std::unordered_map<std::string, int> uses = {}; // how often nodes and outputs name each value

    const Result *find(const std::string &name) const;
    int uses_of(const std::string &name) const;
};

// What all nodes of a model have in common.
struct ImportState {
    Diagnostics &diags;
    NetworkBuilder builder;
    ModelFiles files;
    int64_t opset = 0;
    Unsupported unsupported = {};
    // Weights that were made of others: transposed, scaled. Each once, so that layers share them.
    std::map<std::pair<const std::byte *, std::string>, std::pair<TensorData, TensorData>> made =
        {};
};

class OnnxNode {
  public:
    OnnxNode(ImportState &state, Scope &scope, const pb::NodeProto &proto, std::string path);

    const std::string &op_type() const { return proto_.op_type(); }
    const pb::NodeProto &proto() const { return proto_; }
    const std::string &path() const { return path_; }
    int64_t opset() const { return state_.opset; }
    ImportState &state() { return state_; }
    Scope &scope() { return scope_; }
    bool failed() const { return failed_; }

    // Operands. Those that the operator's rule requires are there.
    size_t input_count() const { return inputs_.size(); }
    bool has_input(size_t i) const { return i < inputs_.size() && inputs_[i].has_value(); }
    const Tensor &input(size_t i) const { return *inputs_[i]; }
    const std::string &input_name(size_t i) const { return proto_.input(int(i)); }
    // False if an operand's node has failed.
    bool read_inputs(size_t min, size_t max);
    // The elements of an operand that has to be known; `what` names it where it is not ("shape").
    std::optional<std::vector<int64_t>> known_integers(size_t i, std::string_view what);
    std::optional<int64_t> known_integer(size_t i, std::string_view what);
    std::optional<double> known_number(size_t i, std::string_view what);

    // Attributes. Without a fallback they are required.
    const pb::AttributeProto *attribute(std::string_view name) const;
    bool has_attribute(std::string_view name) const { return attribute(name) != nullptr; }
    int64_t integer(std::string_view name, std::optional<int64_t> fallback = {});
    double number(std::string_view name, std::optional<double> fallback = {});
    std::string text(std::string_view name, std::optional<std::string> fallback = {});
    std::optional<std::vector<int64_t>> integers(std::string_view name);
    // With one entry per spatial dimension or the like, and of a size to calculate with.
    std::vector<int64_t> extents(std::string_view name, size_t count, int64_t fallback);
    std::vector<int64_t> required_extents(std::string_view name, size_t count);
    // An axis with negative ones counted from the end; `rank` itself is one too if `end`.
    std::optional<int64_t> axis(int64_t value, size_t rank, bool end = false);
    // Axes in ascending order.
    std::optional<std::vector<int64_t>> axes(const std::vector<int64_t> &values, size_t rank);
    // The rank of a convolution's or pooling's window for a tensor of this shape.
    std::optional<size_t> spatial_rank(const Shape &shape);

    // Whether as many elements may be made of nothing; otherwise the node is unsupported.
    bool may_make(int64_t elements);

    // Making nodes. Those on the way to the result have their `step` behind the node's name.
    Result make(Op op, const std::vector<Result> &operands, std::string_view step = "");
    Result make_layer(Op op, const Result &operand, const std::vector<Tensor> &weights);
    Result reshape(const Result &value, Shape shape, std::string_view step = "");
    Result permute(const Result &value, std::vector<int64_t> dims, std::string_view step = "");
    Result cast(const Result &value, DType dtype, std::string_view step = "cast");
    Result widen(const Result &value, DType wide = DType::i32); // bytes only
    Result unary(UnaryKind kind, const Result &value, double a = 0, double b = 0,
                 std::string_view step = "");
    Result binary(BinaryKind kind, const Result &a, const Result &b, std::string_view step = "");
    Result scalar(double value, DType dtype = DType::f32) const;

    // Results.
    bool is_used(size_t output) const;
    void give(size_t output, Result value);
    void finish(); // what was not given has failed

    template <typename D, typename... Args>
    std::nullopt_t fail(const Args &...args) {
        failed_ = true;
        state_.diags.report<D>({}, args...);
        return std::nullopt;
    }
    // Where it has been told what is wrong already.
    std::nullopt_t fail_quietly() {
        failed_ = true;
        return std::nullopt;
    }
    // Remembers it for the report at the end.
    std::nullopt_t unsupported(const std::string &what = "");

  private:
    const pb::AttributeProto *attribute(std::string_view name, int type, std::string_view kind,
                                        bool required);

    ImportState &state_;
    Scope &scope_;
    const pb::NodeProto &proto_;
    std::string path_;
    std::vector<Result> inputs_;
    bool failed_ = false;
    std::vector<bool> given_;
};

// What an ONNX operator becomes, and between how many inputs it takes (-1: any number).
struct OnnxRule {
    std::string_view name;
    int min_inputs, max_inputs;
    void (*import)(OnnxNode &node);
};
const OnnxRule *find_onnx_rule(std::string_view op_type);
std::vector<OnnxRule> onnx_rules(); // all of them, by name

// The rules by theme.
const std::vector<OnnxRule> &layer_rules();
const std::vector<OnnxRule> &pool_rules();
const std::vector<OnnxRule> &norm_rules();
const std::vector<OnnxRule> &arithmetic_rules();
const std::vector<OnnxRule> &einsum_rules();
const std::vector<OnnxRule> &elementwise_rules();
const std::vector<OnnxRule> &reduction_rules();
const std::vector<OnnxRule> &shape_rules();
const std::vector<OnnxRule> &slice_rules();
const std::vector<OnnxRule> &resize_rules();
const std::vector<OnnxRule> &value_rules();

} // namespace cnnc
