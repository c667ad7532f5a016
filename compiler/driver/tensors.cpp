// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading inputs, and walking strided tensors.
#include "compiler/driver/tensors.h"

#include "compiler/driver/network.h"
#include "compiler/graph/weights.h"
#include "compiler/graph/workload.h"
#include "compiler/import/convert.h"
#include "compiler/import/image.h"
#include "compiler/import/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>

namespace cnnc {
namespace {

// Half the range of evenly spread numbers with a variance of 1.
const double spread = std::sqrt(3.0);

// Visits every element in logical order with its place.
template <typename Visit>
void for_each_place(const Shape &shape, const std::vector<int64_t> &strides, const Visit &visit) {
    const int64_t count = element_count(shape);
    Shape index(shape.size(), 0);
    int64_t place = 0;
    for (int64_t i = 0; i < count; ++i) {
        visit(i, place);
        for (size_t d = shape.size(); d-- > 0;) {
            place += strides[d];
            if (++index[d] < shape[d])
                break;
            place -= strides[d] * shape[d];
            index[d] = 0;
        }
    }
}

// [N, C, spatial...] as NHWC files have it: [N, spatial..., C].
Shape channels_behind(const Shape &shape) {
    Shape moved = shape;
    if (moved.size() > 2)
        std::rotate(moved.begin() + 1, moved.begin() + 2, moved.end());
    return moved;
}

// An array of the input's shape; also without a batch of 1 in front and, for an NHWC input, with
// the channels last.
std::optional<TensorData> fitted(const TensorData &data, const TensorType &type, Layout layout) {
    Shape shape = data.type.shape;
    if (shape.size() + 1 == type.shape.size() && type.shape[0] == 1)
        shape.insert(shape.begin(), 1);
    TensorData result = data;
    result.type.shape = type.shape;
    if (shape == type.shape)
        return result;
    if (layout != Layout::nhwc || shape != channels_behind(type.shape))
        return std::nullopt;
    std::vector<float> logical(size_t(element_count(type.shape)));
    gather(data.floats(), type.shape, layout_strides(type.shape, layout), logical.data());
    return TensorData::from_floats(type.shape, std::move(logical));
}

bool is_image_name(const std::string &path) {
    const size_t dot = path.rfind('.');
    std::string end = dot == std::string::npos ? "" : path.substr(dot + 1);
    std::transform(end.begin(), end.end(), end.begin(), [](char c) { return char(tolower(c)); });
    return end == "png" || end == "jpg" || end == "jpeg";
}

TensorData read_input(const Node &node, const std::string &path, Console &console) {
    SourceManager sources;
    Diagnostics diags;
    const bool image = is_image_name(path);
    const auto data = image ? read_image_input(path, node.type, diags) : read_npy(path, diags);
    console.err << diags.render(sources, console.colour);
    if (!data)
        throw Failure{exit_bad_input, ""};
    const Layout layout = std::get<Input>(node.op).layout;
    const bool convertible = converts_to_f32(data->type.dtype);
    const auto result =
        convertible ? fitted(to_f32(*data), node.type, layout) : std::optional<TensorData>();
    if (!result)
        throw Failure{exit_bad_input,
                      fmt::format("the input `{}` is {}, but `{}` holds {}", node.name,
                                  type_text(node.type), path, type_text(data->type))};
    return *result;
}

std::vector<std::string> input_names(const Graph &graph) {
    std::vector<std::string> names;
    for (const NodeId id : graph.inputs)
        names.push_back(graph[id].name);
    return names;
}

std::map<std::string, std::string> files_by_input(const Graph &graph,
                                                  const std::vector<std::string> &files) {
    const std::vector<std::string> names = input_names(graph);
    std::map<std::string, std::string> by_name;
    for (const std::string &text : files) {
        auto [name, path] = split_assignment(text, "--input", "NAME=FILE");
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            const std::string near = nearest_name(name, names);
            throw Failure{exit_bad_command_line,
                          fmt::format("the network has no input `{}`; {}", name,
                                      near.empty()
                                          ? fmt::format("it has `{}`", fmt::join(names, "`, `"))
                                          : fmt::format("did you mean `{}`?", near))};
        }
        if (!by_name.emplace(name, path).second)
            throw Failure{exit_bad_command_line,
                          fmt::format("the input `{}` is given twice", name)};
    }
    return by_name;
}

} // namespace

std::vector<int64_t> layout_strides(const Shape &shape, Layout layout) {
    const TensorView view =
        layout == Layout::nhwc ? channels_last(DType::f32, shape) : row_major(DType::f32, shape);
    return view.strides;
}

void scatter(const float *logical, const Shape &shape, const std::vector<int64_t> &strides,
             float *memory) {
    for_each_place(shape, strides, [&](int64_t i, int64_t place) { memory[place] = logical[i]; });
}

void gather(const float *memory, const Shape &shape, const std::vector<int64_t> &strides,
            float *logical) {
    for_each_place(shape, strides, [&](int64_t i, int64_t place) { logical[i] = memory[place]; });
}

std::vector<TensorData> load_inputs(const Graph &graph, const std::vector<std::string> &files,
                                    const uint64_t *seed, Console &console) {
    const auto by_name = files_by_input(graph, files);
    std::vector<TensorData> inputs;
    std::vector<std::string> missing;
    for (const NodeId id : graph.inputs) {
        const Node &node = graph[id];
        const auto file = by_name.find(node.name);
        if (file != by_name.end())
            inputs.push_back(read_input(node, file->second, console));
        else if (seed)
            inputs.push_back(random_tensor(node.type.shape, *seed, node.name, -spread, spread));
        else
            missing.push_back(fmt::format("`{}` ({})", node.name, type_text(node.type)));
    }
    if (!missing.empty())
        throw Failure{exit_bad_command_line,
                      fmt::format("missing --input for {}", fmt::join(missing, ", "))};
    return inputs;
}

} // namespace cnnc
