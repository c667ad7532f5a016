// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Names of ONNX's nodes and initializers as names of layers: "/layer1/layer1.0/conv1/Conv" and
// "layer1.0.conv1.weight" both say layer1.0.conv1.
#pragma once

#include "compiler/onnx/proto.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// A name as a path (is_path), or "" if no letter or digit is in it.
std::string as_path(std::string_view name);
// A name as an identifier that means nothing else in .cnn; `fallback` where nothing is left of it.
std::string as_identifier(std::string_view name, std::string_view fallback);
// Whether a name is only a counter of an exporter's: "193", "onnx::Conv_193".
bool is_meaningless(std::string_view name);
// The path of the layer whose weight an initializer is, or "" if its name does not say so.
std::string layer_of_weight(std::string_view initializer);
// "MaxPool" as "max_pool".
std::string snake_case(std::string_view op_type);

// What nodes are called by their names in the model.
class NodeNames {
  public:
    // Learns which paths name several nodes, or others' folders.
    explicit NodeNames(const std::vector<const pb::NodeProto *> &nodes);
    std::string path(const pb::NodeProto &node) const;

  private:
    std::map<std::string, int> uses_; // nodes in each module
    std::set<std::string> folders_;   // modules that have modules inside
};

// Keeps names apart by numbers.
class NamePool {
  public:
    bool taken(const std::string &name) const { return names_.count(name) > 0; }
    void take(const std::string &name) { names_.insert(name); }
    std::string unique(const std::string &wanted);

  private:
    std::set<std::string> names_;
    std::map<std::string, int> suffixes_;
};

} // namespace cnnc
