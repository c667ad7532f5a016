// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading ONNX models, operator sets 7 to 23, and older ones where their operators mean the
// same. A file is never trusted: whatever its bytes, the answer is a
// graph that verify() finds sound, or diagnostics, in bounded time and memory.
//
// - Everything that has a known value is computed when importing: initializers, constants, and the
//   arithmetic on shapes by which exporters state the sizes of reshapes and resizes.
// - Only what the outputs depend on is imported. Operators that cnnc does not have are reported all
//   together in one diagnostic, which names their nodes.
// - Weights in f16, bf16 and f64 become f32, and so do inputs of these types.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/import/safetensors.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

struct OnnxImportOptions {
    std::string name; // of the network; empty: after the file
    // The first extent of inputs where the model leaves it open; without it 1.
    std::optional<int64_t> batch;
    std::map<std::string, Shape> shapes;         // of inputs, instead of the model's
    std::map<std::string, TensorData> constants; // inputs that become constants
    bool flat = false;                           // import_model: text without blocks and loops
};

// The network of a model. Every param has data. Weights in files of their own have to lie in the
// model's folder or below it.
std::optional<Graph> import_onnx(const std::string &path, const OnnxImportOptions &options,
                                 Diagnostics &diags);
// The same for bytes already at hand; `path` tells the folder, and what diagnostics call the model.
std::optional<Graph> parse_onnx(const std::string &path, const FileBytes &bytes,
                                const OnnxImportOptions &options, Diagnostics &diags);

// What `cnnc import` writes.
struct ImportedModel {
    Graph graph;
    std::string text;                 // for NAME.cnn, where NAME is graph.name
    std::vector<NamedTensor> weights; // for NAME.safetensors: write_safetensors
};
std::optional<ImportedModel> import_model(const std::string &path, const OnnxImportOptions &options,
                                          Diagnostics &diags);

} // namespace cnnc
