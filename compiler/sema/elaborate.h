// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From syntax tree to graph: runs blocks, loops and conditions at compile time, resolves names and
// weights, infers every type and reports every mistake it can find.
//
// Names. Every call of an operator or a block is an *instance* and has a path:
//
//   - `as path` gives it; the paths of the blocks around come before it, joined by dots;
//   - without `as`, the name being bound serves if the statement holds one call only
//     (`y = conv2d(x, 8)` is `y`); otherwise that name, a dot and the callee's name, with a number
//     where one statement would use it twice (`y.conv2d`, `y.conv2d_1`); in `return`, the callee's
//     name alone;
//   - the tensors that a call gives as a list are path.0, path.1, ...; or, where the call has the
//     statement for itself and no `as`, the names that they are bound to (`values, indices =
//     topk(x, 5)`).
//
// The path of an operator is its node's name. Where that is taken already by another node (only
// operators without weights can get there), the node's name gets a number: `relu`, `relu_1`, ...
// The weights of a node are named path + "." + role (the path alone for `parameter`). An instance
// whose weights' names are taken is an error, unless it says `shared`:
//
//   - `as shared path`       uses the weights at `path`, making them if it is the first; the node
//                            is named `path` as well if that is free, else `path_1`, ...
//   - `as name shared path`  the same with the node's own name given.
//
// Flat text, the contract with print_graph(): no blocks, no loops, one statement per node.
//
//   - Every operator node says `as NAME`, NAME exactly its Node::name. Here the elaborator has no
//     prefix to add and, names being unique, none to change. Only if the node's weights are not
//     called NAME.role, it says `as NAME shared PATH` with the path they do have.
//   - The identifiers bound by `=` are free to choose, but no keyword (dsl/lexer.h: is_keyword).
//     An Input node's name is the identifier in `input`, so it has to be one.
//   - Constants of rank 0 stand inline where they have the type that a plain number takes there:
//     each use makes a Constant node of its own, right before the node that uses it, and their
//     names are not kept. Every other Constant is bound: `mean = tensor([0.5, 0.25]) as mean`.
//   - `output NAME = EXPR` may end in `layout NHWC`, as may `input NAME: f32[...]`.
//
//       network lenet5 {
//           input image: f32[1, 1, 28, 28]
//           conv1 = conv2d(image, 6, kernel=[5, 5], stride=[1, 1], padding=[[2, 2], [2, 2]],
//                          dilation=[1, 1], groups=1, bias=true) as conv1  # [1, 6, 28, 28]
//           output digit = conv1
//       }
#pragma once

#include "compiler/graph/graph.h"
#include "dsl/loader.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cnnc {

struct ElaborateOptions {
    // The network to elaborate, where the file holds several; "" if there is but one.
    std::string network;
    // Values for the network's parameters as text in the language: {"classes", "10"}.
    std::vector<std::pair<std::string, std::string>> parameters;
};

// Elaborates a network of the program's first file. Nothing after errors; warnings may be reported
// either way. Costs bounded time and memory whatever the program.
std::optional<Graph> elaborate(const Program &program, SourceManager &sources,
                               const ElaborateOptions &options, Diagnostics &diags);

} // namespace cnnc
