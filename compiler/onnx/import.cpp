// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See import.h.
#include "compiler/onnx/import.h"

#include "compiler/onnx/import_graph.h"
#include "compiler/onnx/model_inputs.h"
#include "compiler/onnx/onnx_diagnostics.h"
#include "compiler/onnx/recognize.h"

#include "dsl/lexer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <climits>

namespace cnnc {
namespace {

constexpr int oldest_opset = 1, newest_opset = 23;
constexpr size_t max_named = 100; // nodes, and kinds, in the report of what is unsupported

// Folder and file of a path, and the file's name without its end.
struct PathParts {
    std::string folder, file, stem;
};

PathParts parts_of(const std::string &path) {
    size_t slash = path.rfind('/');
    PathParts parts;
    parts.folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
    parts.file = slash == std::string::npos ? path : path.substr(slash + 1);
    size_t dot = parts.file.rfind('.');
    parts.stem = dot == 0 ? parts.file : parts.file.substr(0, dot);
    return parts;
}

std::shared_ptr<const pb::ModelProto> parse(const FileBytes &bytes) {
    // What is wrong with a file is ours to say.
    google::protobuf::LogHandler *before = google::protobuf::SetLogHandler(nullptr);
    auto model = std::make_shared<pb::ModelProto>();
    bool parsed = bytes.size <= INT_MAX && model->ParseFromArray(bytes.data, int(bytes.size));
    google::protobuf::SetLogHandler(before);
    return parsed ? model : nullptr;
}

// The version of the standard operators, or nothing after a report.
std::optional<int64_t> opset_of(const pb::ModelProto &model, const std::string &path,
                                Diagnostics &diags) {
    std::optional<int64_t> version;
    for (const pb::OperatorSetIdProto &opset : model.opset_import()) {
        if (opset.domain().empty() || opset.domain() == "ai.onnx")
            version = opset.version();
    }
    if (!version)
        diags.report<diag::onnx_no_opset>({}, path);
    else if (*version < oldest_opset || *version > newest_opset)
        diags.report<diag::onnx_opset>({}, path, *version, oldest_opset, newest_opset);
    else
        return version;
    return std::nullopt;
}

std::optional<std::string> network_name(const std::string &path, const OnnxImportOptions &options,
                                        Diagnostics &diags) {
    if (options.name.empty())
        return as_identifier(parts_of(path).stem, "network_");
    if (!is_identifier(options.name)) {
        diags.report<diag::onnx_name>({}, brief(options.name));
        return std::nullopt;
    }
    return options.name;
}

void report_unsupported(const Unsupported &unsupported, const std::string &path,
                        Diagnostics &diags) {
    size_t count = 0;
    for (const auto &[kind, nodes] : unsupported)
        count += nodes.size();
    DiagnosticBuilder report = diags.report<diag::onnx_unsupported>({}, path, count);
    size_t kinds = 0;
    for (const auto &[kind, nodes] : unsupported) {
        if (++kinds > max_named)
            break;
        std::vector<std::string> names;
        for (const std::string &node : nodes) {
            if (names.size() < max_named)
                names.push_back("`" + node + "`");
        }
        std::string list = fmt::format("{}", fmt::join(names, ", "));
        if (nodes.size() > max_named)
            list += fmt::format(" and {} more", nodes.size() - max_named);
        report.note<diag::onnx_unsupported_kind>({}, kind, list);
    }
}

// The graph's outputs as the network's. Names must differ from the inputs' too.
bool import_outputs(ImportState &state, const Scope &scope, const pb::GraphProto &graph) {
    NamePool names;
    for (NodeId input : state.builder.graph().inputs)
        names.take(state.builder.graph()[input].name);
    for (const pb::ValueInfoProto &output : graph.output()) {
        const Result *value = scope.find(output.name());
        if (!value || !*value)
            return false;
        if (element_count((*value)->shape()) == 0) {
            state.diags.report<diag::onnx_empty_value>({}, brief(output.name()),
                                                       shape_text((*value)->shape()));
            return false;
        }
        std::string name = output.name() == "output" ? "" : output.name();
        NodeId node = state.builder.node_of(**value, "output");
        state.builder.graph().outputs.push_back(
            {names.unique(as_identifier(name, "result")), node, Layout::nchw, Span()});
    }
    return true;
}

std::optional<Graph> import_graph(const pb::GraphProto &graph, const std::string &path,
                                  const OnnxImportOptions &options, ImportState &state) {
    Diagnostics &diags = state.diags;
    if (graph.output_size() == 0) {
        diags.report<diag::onnx_no_output>({}, path);
        return std::nullopt;
    }
    for (const pb::TensorProto &tensor : graph.initializer()) {
        std::string layer = layer_of_weight(tensor.name());
        if (!layer.empty() && tensor.dims_size() > 0)
            state.builder.reserve(layer);
    }
    Scope scope;
    size_t errors = diags.error_count();
    if (!import_inputs(state, scope, graph, options) || !import_nodes(state, scope, graph, ""))
        return std::nullopt;
    if (!state.unsupported.empty())
        report_unsupported(state.unsupported, path, diags);
    if (diags.error_count() > errors || !import_outputs(state, scope, graph))
        return std::nullopt;
    recognize_operators(state.builder.graph());
    return state.builder.finish();
}

} // namespace

std::optional<Graph> parse_onnx(const std::string &path, const FileBytes &bytes,
                                const OnnxImportOptions &options, Diagnostics &diags) {
    std::shared_ptr<const pb::ModelProto> model = parse(bytes);
    if (!model) {
        diags.report<diag::onnx_not_a_model>({}, path);
        return std::nullopt;
    }
    if (!model->has_graph()) {
        diags.report<diag::onnx_no_graph>({}, path);
        return std::nullopt;
    }
    std::optional<int64_t> opset = opset_of(*model, path, diags);
    std::optional<std::string> name = network_name(path, options, diags);
    if (!opset || !name)
        return std::nullopt;
    ImportState state{diags, NetworkBuilder(diags), {parts_of(path).folder, model}, *opset};
    std::optional<Graph> graph = import_graph(model->graph(), path, options, state);
    if (graph)
        graph->name = *name;
    return graph;
}

std::optional<Graph> import_onnx(const std::string &path, const OnnxImportOptions &options,
                                 Diagnostics &diags) {
    std::optional<FileBytes> bytes = map_file(path, diags);
    if (!bytes)
        return std::nullopt;
    return parse_onnx(path, *bytes, options, diags);
}

} // namespace cnnc
