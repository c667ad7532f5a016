// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which nodes of an ONNX graph its outputs depend on, in an order in which each comes behind those
// it depends on: the file's own order where that is one.
#pragma once

#include "compiler/onnx/proto.h"
#include "dsl/diagnostics.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

// `is_outer(name)`: whether a value of this name is there beside the nodes' own: an input, an
// initializer, a value of the graph around this one. Reports values that are named twice or come
// from nowhere, and cycles.
std::optional<std::vector<const pb::NodeProto *>>
ordered_nodes(const pb::GraphProto &graph, const std::function<bool(const std::string &)> &is_outer,
              Diagnostics &diags);

// What diagnostics call a node: its name, or else that of its first result.
std::string node_title(const pb::NodeProto &node);

} // namespace cnnc
