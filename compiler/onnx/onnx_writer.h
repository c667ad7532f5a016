// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An ONNX graph under construction: nodes, constants and unique names. Private to export*.cpp.
#pragma once

#include "compiler/graph/graph.h"

#include "compiler/onnx/proto.h"

#include <string>
#include <unordered_set>
#include <vector>

namespace cnnc {

// An attribute of a node.
struct OnnxAttribute {
    enum class Kind { integer, number, integers, text };
    OnnxAttribute(const char *name, int64_t i) : name(name), i(i) {}
    OnnxAttribute(const char *name, bool b) : name(name), i(b ? 1 : 0) {}
    OnnxAttribute(const char *name, double f) : name(name), kind(Kind::number), f(f) {}
    OnnxAttribute(const char *name, std::vector<int64_t> v)
        : name(name), kind(Kind::integers), ints(std::move(v)) {}
    OnnxAttribute(const char *name, const char *s) : name(name), kind(Kind::text), s(s) {}

    std::string name;
    Kind kind = Kind::integer;
    int64_t i = 0;
    double f = 0;
    std::string s;
    std::vector<int64_t> ints;
};
using OnnxAttributes = std::vector<OnnxAttribute>;
using OnnxNames = std::vector<std::string>;

int32_t onnx_type(DType dtype);

class OnnxWriter {
  public:
    OnnxWriter(const Graph &graph, int opset, pb::GraphProto &out);

    // Adds a node and returns the name of its first result. `result` is the name wanted for it.
    std::string node(const char *op, const OnnxNames &inputs, const OnnxAttributes &attributes = {},
                     const std::string &result = "");
    // A node of several results.
    void node(const char *op, const OnnxNames &inputs, const OnnxAttributes &attributes,
              const OnnxNames &results);

    // Constants.
    std::string floats(const std::vector<double> &values, const Shape &shape);
    std::string integers(const std::vector<int64_t> &values); // i64, rank 1
    std::string scalar(double value, DType dtype = DType::f32);
    std::string constant(const TensorType &type, const std::vector<double> &values,
                         const std::string &wanted);

    // Shorthands. Axes are an input or an attribute, by the operator set.
    std::string reshape(const std::string &x, const Shape &shape);
    std::string transpose(const std::string &x, const std::vector<int64_t> &dims);
    std::string reduce(const char *op, const std::string &x, const std::vector<int64_t> &axes,
                       bool keepdims, const std::string &result = "");
    std::string slice(const std::string &x, int64_t axis, int64_t begin, int64_t end);

    // A name that nothing else has.
    std::string unique(const std::string &wanted);
    const Graph &graph() const { return graph_; }
    int opset() const { return opset_; }

    // The node of the network that is being written: its name starts those of nodes and results.
    void begin(const std::string &node_name) { current_ = node_name; }

  private:
    const Graph &graph_;
    int opset_;
    pb::GraphProto &out_;
    std::unordered_set<std::string> names_;
    std::string current_;
};

// One node of the network: the names of its operands and weights, and what to call its result.
struct OnnxCall {
    const Node &node;
    OnnxNames operands, params;
    std::string result;
    OnnxWriter &out;

    const TensorType &type(size_t i = 0) const { return out.graph()[node.inputs[i]].type; }
    const Shape &shape(size_t i = 0) const { return type(i).shape; }
};

// Writes a node that is neither input nor constant. False where ONNX cannot say it.
bool write_onnx_node(const OnnxCall &call);
// Whether only operator set 18 can say it.
bool needs_opset_18(const Op &op);

} // namespace cnnc
