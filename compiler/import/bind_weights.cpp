// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gives a graph's params their data from a weights file.
#include "compiler/import/safetensors.h"

#include "compiler/import/convert.h"
#include "compiler/import/import_diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

// Comparing a name to every entry of a huge file would take long; more than this is not tried.
constexpr size_t max_candidates = 2000;

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The name under which the file may mean `wanted`: the same behind a prefix (`module.conv1.weight`,
// as PyTorch's DataParallel writes it), or one that looks alike.
std::string suggestion(const WeightsFile &weights, const std::string &wanted) {
    std::string behind_prefix = "." + wanted;
    std::vector<std::string> alike;
    for (const NamedTensor &entry : weights.entries) {
        if (ends_with(entry.name, behind_prefix))
            return entry.name;
        size_t shorter = std::min(entry.name.size(), wanted.size());
        size_t longer = std::max(entry.name.size(), wanted.size());
        if (longer - shorter <= 3 && alike.size() < max_candidates)
            alike.push_back(entry.name);
    }
    return nearest_name(wanted, alike);
}

void report_missing(const Param &param, const WeightsFile &weights, Diagnostics &diags) {
    auto report =
        diags.report<diag::weights_missing>(param.span, param.name, type_text(param.type));
    report.note<diag::weights_not_among>({}, weights.path, weights.entries.size());
    std::string name = suggestion(weights, param.name);
    if (!name.empty())
        report.help(fmt::format("did you mean `{}`?", brief(name)));
}

void report_none_found(const Graph &graph, const WeightsFile &weights, Diagnostics &diags) {
    auto report = diags.report<diag::weights_none_found>({}, graph.params.size(), weights.path);
    if (weights.entries.empty())
        return;
    report.note<diag::weights_names>({}, weights.entries.size(),
                                     brief(weights.entries.front().name));
    const std::string &wanted = graph.params.front().name;
    std::string name = suggestion(weights, wanted);
    if (!name.empty())
        report.help(fmt::format("`{}` seems to be called `{}` there", wanted, brief(name)));
}

void bind(Param &param, const TensorData &data, const WeightsFile &weights, Diagnostics &diags) {
    bool converts = param.type.dtype == DType::f32 && converts_to_f32(data.type.dtype);
    if (data.type.dtype != param.type.dtype && !converts)
        diags
            .report<diag::weights_wrong_dtype>(param.span, param.name, dtype_name(param.type.dtype))
            .note<diag::weights_entry>({}, weights.path, type_text(data.type));
    else if (data.type.shape != param.type.shape)
        diags.report<diag::weights_wrong_shape>(param.span, param.name, type_text(param.type))
            .note<diag::weights_entry>({}, weights.path, type_text(data.type));
    else
        param.data = converts ? to_f32(data) : data;
}

std::vector<std::string> unused(const WeightsFile &weights, const std::vector<bool> &used) {
    std::vector<std::string> names;
    for (size_t i = 0; i < used.size(); ++i) {
        const std::string &name = weights.entries[i].name;
        if (!used[i] && !ends_with(name, "num_batches_tracked"))
            names.push_back(name);
    }
    return names;
}

} // namespace

std::vector<std::string> bind_weights(Graph &graph, const WeightsFile &weights,
                                      Diagnostics &diags) {
    std::vector<const NamedTensor *> entries;
    std::vector<bool> used(weights.entries.size());
    for (const Param &param : graph.params) {
        entries.push_back(weights.find(param.name));
        if (entries.back())
            used[size_t(entries.back() - weights.entries.data())] = true;
    }
    bool none = std::all_of(entries.begin(), entries.end(), [](auto *entry) { return !entry; });
    if (none && entries.size() > 1) {
        report_none_found(graph, weights, diags);
        return {};
    }
    for (size_t i = 0; i < entries.size() && !diags.full(); ++i) {
        if (entries[i])
            bind(graph.params[i], entries[i]->data, weights, diags);
        else
            report_missing(graph.params[i], weights, diags);
    }
    return unused(weights, used);
}

} // namespace cnnc
