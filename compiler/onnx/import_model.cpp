// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a model to the files that `cnnc import` writes.
#include "compiler/onnx/decompile.h"
#include "compiler/onnx/import.h"

namespace cnnc {

std::optional<ImportedModel> import_model(const std::string &path, const OnnxImportOptions &options,
                                          Diagnostics &diags) {
    std::optional<Graph> graph = import_onnx(path, options, diags);
    if (!graph)
        return std::nullopt;
    ImportedModel model;
    model.graph = name_by_structure(std::move(*graph));
    model.text = options.flat ? print_graph(model.graph)
                              : decompile(model.graph, {path.substr(path.rfind('/') + 1), true});
    for (const Param &param : model.graph.params)
        model.weights.push_back({param.name, param.data});
    return model;
}

} // namespace cnnc
