// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Classes are shown by rank, small tensors whole, large ones by their range.
#include "compiler/driver/outputs.h"

#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/driver/tensors.h"
#include "compiler/import/image.h"
#include "compiler/import/npy.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <ostream>
#include <sstream>
#include <system_error>

namespace cnnc {
namespace {

// Best classes shown of a vector, and elements of a tensor that is shown whole.
constexpr size_t shown_best = 5;
constexpr size_t shown_whole = 16;

using Labels = std::vector<std::string>;

bool ends_with(const std::string &text, const std::string &end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// File by output.
std::map<std::string, std::string> files_by_output(const Graph &graph,
                                                   const OutputArguments &arguments) {
    std::vector<std::string> names;
    for (const Output &output : graph.outputs)
        names.push_back(output.name);
    std::map<std::string, std::string> by_name;
    for (const std::string &text : arguments.files) {
        auto [name, path] = split_assignment(text, "--output", "NAME=FILE");
        check_port_name("output", name, names);
        if (!ends_with(path, ".npy") && !ends_with(path, ".png"))
            throw Failure{exit_bad_command_line,
                          fmt::format("--output takes a .npy or .png file, not `{}`", path)};
        if (!by_name.emplace(name, path).second)
            throw Failure{exit_bad_command_line,
                          fmt::format("the output `{}` is given twice", name)};
    }
    return by_name;
}

// A line each, the last one with or without an end.
Labels read_labels(const std::string &path) {
    std::istringstream text(read_whole_file(path));
    Labels labels;
    for (std::string line; std::getline(text, line);) {
        if (!line.empty() && line.back() == '\r')
            line.pop_back();
        labels.push_back(line);
    }
    return labels;
}

// One long dimension: classes, most likely.
bool is_vector(const Shape &shape) {
    return std::count_if(shape.begin(), shape.end(), [](int64_t n) { return n != 1; }) == 1;
}

// Two blanks and the name, or nothing.
std::string label_text(const Labels &labels, double index) {
    const bool named = index >= 0 && index < double(labels.size());
    return named ? "  " + labels[size_t(index)] : "";
}

std::string best_entries(const std::vector<double> &values, const Labels &labels) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t(0));
    const size_t shown = std::min(shown_best, order.size());
    const auto better = [&](size_t a, size_t b) {
        // NaN first: it must be seen.
        const double x = std::isnan(values[a]) ? INFINITY : values[a];
        const double y = std::isnan(values[b]) ? INFINITY : values[b];
        return x != y ? x > y : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + int64_t(shown), order.end(), better);
    std::string text;
    for (size_t i = 0; i < shown; ++i) {
        const std::string name = label_text(labels, double(order[i]));
        text += fmt::format("{:8}  {:{}.6g}{}\n", order[i], values[order[i]], name.empty() ? 0 : 10,
                            name);
    }
    return text;
}

// Positions, as argmax and top_k give them.
bool may_be_classes(const TensorData &output) {
    return output.type.dtype == DType::i64 || output.type.dtype == DType::i32;
}

// One element a line.
std::string all_entries(const TensorData &output, const std::vector<double> &values,
                        const Labels &labels) {
    std::string text;
    for (const double value : values)
        text += fmt::format("    {:.{}g}{}\n", value, is_integer(output.type.dtype) ? 17 : 6,
                            may_be_classes(output) ? label_text(labels, value) : "");
    return text;
}

std::string spread(const std::vector<double> &values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    return fmt::format("    from {:.6g} to {:.6g}, mean {:.6g}\n", *low, *high,
                       sum / double(values.size()));
}

std::string shown(const TensorData &output, const Labels &labels) {
    const std::vector<double> values = to_double(output).values;
    if (output.type.dtype == DType::f32 && values.size() > 1 && is_vector(output.type.shape))
        return best_entries(values, labels.size() == values.size() ? labels : Labels());
    if (values.size() <= shown_whole)
        return all_entries(output, values, labels);
    return spread(values);
}

// Labels that fit no output are a mistake; they would be shown with the wrong classes.
void check_labels(const std::vector<TensorData> &outputs, const Labels &labels,
                  const std::string &path) {
    const auto takes_labels = [&](const TensorData &output) {
        return may_be_classes(output) || size_t(element_count(output.type.shape)) == labels.size();
    };
    if (!labels.empty() && std::none_of(outputs.begin(), outputs.end(), takes_labels))
        throw Failure{
            exit_bad_input,
            fmt::format("`{}` names {} classes, and no output has as many", path, labels.size())};
}

void write_output(const TensorData &output, const std::string &path, Console &console) {
    Diagnostics diags;
    const bool picture = ends_with(path, ".png");
    const bool done =
        picture ? write_png(path, image_of(output).value(), diags) : write_npy(path, output, diags);
    console.err << diags.render(SourceManager{}, console.colour);
    if (!done)
        throw Failure{exit_environment, ""};
    console.err << fmt::format("{}: {}\n", path, type_text(output.type));
}

void make_folder(const std::string &dir) {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error)
        throw Failure{exit_environment,
                      fmt::format("cannot make the folder `{}`: {}", dir, error.message())};
}

} // namespace

void check_outputs(const Graph &graph, const OutputArguments &arguments) {
    const auto files = files_by_output(graph, arguments);
    for (const Output &output : graph.outputs) {
        const auto file = files.find(output.name);
        const TensorType &type = graph[output.node].type;
        if (file != files.end() && ends_with(file->second, ".png") && !can_be_picture(type))
            throw Failure{exit_bad_command_line,
                          fmt::format("the output `{}` is {}: no picture (f32 or u8, of 1, 3 or 4 "
                                      "channels); write it to a .npy file",
                                      output.name, type_text(type))};
    }
    if (!arguments.labels.empty())
        read_labels(arguments.labels);
}

void give_outputs(const Graph &graph, const std::vector<TensorData> &outputs,
                  const OutputArguments &arguments, Console &console) {
    const auto files = files_by_output(graph, arguments);
    const Labels labels = arguments.labels.empty() ? Labels() : read_labels(arguments.labels);
    check_labels(outputs, labels, arguments.labels);
    if (!arguments.dir.empty())
        make_folder(arguments.dir);
    for (size_t i = 0; i < outputs.size(); ++i) {
        const std::string &name = graph.outputs[i].name;
        const auto file = files.find(name);
        if (file != files.end())
            write_output(outputs[i], file->second, console);
        else if (!arguments.dir.empty())
            write_output(outputs[i], fmt::format("{}/{}.npy", arguments.dir, name), console);
        else
            console.out << fmt::format("{}: {}\n{}", name, type_text(outputs[i].type),
                                       shown(outputs[i], labels));
    }
}

} // namespace cnnc
