// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph: a network after every block, loop and name has been resolved.
//
// Rules, which verify() executes:
// - `nodes` is in topological order; a node's inputs have smaller ids than the node.
// - The network, its inputs and outputs are named by identifiers; node names are unique paths
//   (constants print inline: any unique name does). Every type is what infer_type says.
// - Inputs of the network are Input nodes, listed in `inputs` in the user's order.
// - An output names a node; one node may serve several outputs. Layout::nhwc, of an input or an
//   output, means channels last and needs 3 dimensions or more.
// - `params` are unique by name. A node's params have the roles and types of param_types(), and
//   their names are one path + "." + role: the node's own name unless weights are shared.
// - Param data, where present, has the param's type. A graph may lack data altogether (check,
//   summary); compile and interpret need it.
#pragma once

#include "compiler/graph/ops.h"
#include "dsl/diagnostics.h"
#include "dsl/source.h"

#include <string>
#include <vector>

namespace cnnc {

using NodeId = int32_t;
using ParamId = int32_t;

struct Param {
    std::string name; // key in the weights file: "layer1.0.conv1.weight"
    TensorType type;
    TensorData data; // undefined until weights are bound
    Span span;       // the instance that asked for it first
};

struct Node {
    Op op;
    std::vector<NodeId> inputs;
    std::vector<ParamId> params;
    TensorType type;
    std::string name; // unique; what summary, explain and flat text call it ("layer1.0.conv1")
    Span span;
};

struct Output {
    std::string name;
    NodeId node = -1;
    Layout layout = Layout::nchw;
    Span span;
};

struct Graph {
    std::string name;
    std::vector<Node> nodes;
    std::vector<Param> params;
    std::vector<NodeId> inputs;
    std::vector<Output> outputs;

    const Node &operator[](NodeId id) const { return nodes[size_t(id)]; }
    Node &operator[](NodeId id) { return nodes[size_t(id)]; }
};

// users[i]: the nodes that read node i, in order (a node that reads it twice is listed twice).
std::vector<std::vector<NodeId>> users(const Graph &graph);

// Where the parts of one call stand, for the narrowest caret: the call's name, and per operand and
// per argument its text. Missing entries fall back to `call`.
struct CallSpans {
    Span call;
    std::vector<Span> operands;
    std::vector<std::pair<std::string, Span>> arguments;

    Span operand(size_t i) const { return i < operands.size() ? operands[i] : call; }
    Span argument(std::string_view name) const;
};

// A path: words of letters, digits and _ joined by dots, of which the first is an identifier or a
// number ("layer1.0.conv1", "0").
bool is_path(std::string_view text);

// Whether a tensor of this type may exist: positive extents, at most max_elements. Reports at
// `where` if not; for the types of network inputs, which infer_type cannot know.
bool check_type(const TensorType &type, Span where, Diagnostics &diags);

// The type of `op` applied to operands of these types, or nothing after reporting why not.
std::optional<TensorType> infer_type(const Op &op, const std::vector<TensorType> &operands,
                                     const CallSpans &where, Diagnostics &diags);

// Role and type of each weight a node of this operator has, in the order of Node::params. The
// weight's name is path + "." + role ("" role: the path alone).
struct ParamSpec {
    std::string role;
    TensorType type;
};
std::vector<ParamSpec> param_types(const Op &op, const std::vector<TensorType> &operands);

// The path a node's weights lie under, or nothing when it has none or their names do not agree.
std::optional<std::string> weights_path(const Graph &graph, NodeId id);

// Broken rules in words, empty when the graph is sound. For tests and between passes: a finding
// is a bug in cnnc, never a user's mistake.
std::vector<std::string> verify(const Graph &graph);

// The graph as flat .cnn: no blocks, no loops, every argument explicit; elaborating the text gives
// the same graph again (same_graph). Nodes are bound in order:
//
//     network lenet5 {
//         input image: f32[1, 1, 28, 28]
//         conv1 = conv2d(image, 6, kernel=[5, 5], ..., bias=true) as conv1  # [1, 6, 28, 28]
//         layer1_0_relu = relu(conv1) as layer1.0.relu  # [1, 6, 28, 28]
//         again = linear(hidden, 84, bias=true) as again shared fc2  # [1, 84]
//         half = mul(again, 0.5) as half  # [1, 84]
//         output digit = half layout NHWC
//     }
//
// - A bound identifier is the node's name with _ for every other character, made unique and unlike
//   any keyword, operator or built-in; the name itself, exactly, follows `as`.
// - `as NAME shared PATH` says that the weights lie under PATH, not under the node's own name.
// - Constants stand inline where a plain number means the same (`add(x, 2.0)`), and there each use
//   reads back as a constant of its own; others are bound: `mean = tensor([0.5, 0.25]) as mean`.
// - `layout NHWC` follows an input's type or an output's value; NCHW is not printed.
std::string print_graph(const Graph &graph);

// Whether two graphs are equal but for spans, weight data, node ids and the names of constants;
// otherwise *why (if not null) tells the first difference.
bool same_graph(const Graph &a, const Graph &b, std::string *why = nullptr);

// Multiply-adds of a node, as the literature counts them: of convolutions, linear layers and matrix
// products, padding included (others 0). A transposed convolution has one per input element and
// weight of its channel, whatever is cropped.
int64_t multiply_adds(const Graph &graph, NodeId id);

} // namespace cnnc
