// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Small ONNX models made on the spot for the importer's tests.
#pragma once

#include "compiler/onnx/import.h"
#include "compiler/onnx/proto.h"
#include "compiler/reference/interpret.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

// An attribute of a node.
struct Attribute {
    Attribute(std::string name, int64_t i);
    Attribute(std::string name, int i) : Attribute(std::move(name), int64_t(i)) {}
    Attribute(std::string name, double f);
    Attribute(std::string name, const char *s);
    Attribute(std::string name, std::initializer_list<int64_t> ints);

    pb::AttributeProto proto;
};

class ModelBuilder {
  public:
    explicit ModelBuilder(int64_t opset = 17);

    // Extents that are negative are left open. Types are numbers of TensorProto::DataType; 1 is
    // f32.
    ModelBuilder &input(const std::string &name, const Shape &shape, int type = 1);
    ModelBuilder &floats(const std::string &name, const Shape &shape,
                         const std::vector<float> &values);
    ModelBuilder &integers(const std::string &name, const Shape &shape,
                           const std::vector<int64_t> &values);
    ModelBuilder &node(const std::string &op_type, const std::vector<std::string> &inputs,
                       const std::vector<std::string> &outputs,
                       const std::vector<Attribute> &attributes = {}, const std::string &name = "");
    ModelBuilder &output(const std::string &name);

    pb::ModelProto &model() { return model_; }
    pb::GraphProto &graph() { return *model_.mutable_graph(); }
    std::string bytes() const { return model_.SerializeAsString(); }

  private:
    pb::ModelProto model_;
};

FileBytes as_file(const std::string &bytes);
// What parse_onnx says of the bytes, rendered; "" for a sound graph without any diagnostic.
std::string messages(const std::string &bytes, const OnnxImportOptions &options = {});
// The graph, which verifies; or test failures.
std::optional<Graph> imported(const ModelBuilder &model, const OnnxImportOptions &options = {});
// The first output for one f32 input, by the interpreter.
std::vector<double> computed(const ModelBuilder &model, const std::vector<float> &input);
// The nodes of a graph as "op(operands)" by names, constants as numbers; without inputs.
std::string summary(const Graph &graph);

} // namespace cnnc
