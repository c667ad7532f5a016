// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The inputs of a model: their types where the model leaves something open, and which of them are
// constants.
#pragma once

#include "compiler/onnx/import.h"
#include "compiler/onnx/onnx_node.h"

namespace cnnc {

// Makes the graph's inputs values of `scope`. False after a diagnostic.
bool import_inputs(ImportState &state, Scope &scope, const pb::GraphProto &graph,
                   const OnnxImportOptions &options);

} // namespace cnnc
