// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Finding the file of each input and fitting what it holds to the input.
#include "compiler/driver/inputs.h"

#include "compiler/driver/network.h"
#include "compiler/driver/tensors.h"
#include "compiler/graph/weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/image.h"
#include "compiler/import/npy.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>

namespace cnnc {
namespace {

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
    return gathered(data.bytes, result.type, layout_strides(type.shape, layout));
}

bool is_image_file(const std::string &path) {
    const size_t dot = path.rfind('.');
    std::string end = dot == std::string::npos ? "" : path.substr(dot + 1);
    std::transform(end.begin(), end.end(), end.begin(),
                   [](unsigned char c) { return char(tolower(c)); });
    return end == "png" || end == "jpg" || end == "jpeg";
}

TensorData read_picture(const Node &node, const std::string &path, Console &console) {
    Diagnostics diags;
    const auto input = read_image_input(path, node.type, diags);
    conclude(diags, console);
    const ImageDims dims = *image_dims(node.type.shape);
    const int64_t width = node.type.shape[dims.width], height = node.type.shape[dims.height];
    if (input->width != width || input->height != height) {
        const bool stretched = input->width * height != input->height * width;
        console.err << fmt::format("cnnc: note: `{}` is {} x {}, resized to {} x {}{}\n", path,
                                   input->width, input->height, width, height,
                                   stretched ? " (its proportions change)" : "");
    }
    return input->data;
}

// What NumPy calls the type.
std::string_view numpy_name(DType dtype) {
    switch (dtype) {
    case DType::u8:
        return "uint8";
    case DType::i8:
        return "int8";
    case DType::i32:
        return "int32";
    case DType::i64:
        return "int64";
    case DType::boolean:
        return "bool";
    default:
        return "float32";
    }
}

TensorData read_array(const Node &node, const std::string &path, Console &console) {
    Diagnostics diags;
    const auto read = read_npy(path, diags);
    conclude(diags, console);
    const DType wanted = node.type.dtype;
    const TensorData data =
        wanted == DType::f32 && converts_to_f32(read->type.dtype) ? to_f32(*read) : *read;
    const auto result = fitted(data, node.type, std::get<Input>(node.op).layout);
    if (!result || data.type.dtype != wanted) {
        std::string message = fmt::format("the input `{}` is {}, but `{}` holds {}", node.name,
                                          type_text(node.type), path, type_text(read->type));
        if (result)
            message += fmt::format("; in Python, `a.astype(numpy.{})` converts an array",
                                   numpy_name(wanted));
        throw Failure{exit_bad_input, message};
    }
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
        check_port_name("input", name, names);
        if (!by_name.emplace(name, path).second)
            throw Failure{exit_bad_command_line,
                          fmt::format("the input `{}` is given twice", name)};
    }
    return by_name;
}

} // namespace

TensorData random_input(const TensorType &type, uint64_t seed, const std::string &name) {
    // Half the range of evenly spread numbers with a variance of 1.
    const double spread = std::sqrt(3.0);
    const auto integers = [&](int low, int high) {
        const TensorData random = random_tensor(type.shape, seed, name, low, high + 1);
        std::vector<double> numbers(random.floats(), random.floats() + element_count(type.shape));
        for (double &number : numbers)
            number = std::min(std::floor(number), double(high));
        return to_tensor_data({type.shape, numbers}, type.dtype);
    };
    switch (type.dtype) {
    case DType::u8:
        return integers(0, 255);
    case DType::i8:
        return integers(-128, 127);
    case DType::boolean:
        return integers(0, 1);
    case DType::i32:
    case DType::i64:
        return integers(-100, 100);
    default:
        return random_tensor(type.shape, seed, name, -spread, spread);
    }
}

std::vector<TensorData> load_inputs(const Graph &graph, const std::vector<std::string> &files,
                                    const uint64_t *seed, Console &console) {
    const auto by_name = files_by_input(graph, files);
    std::vector<TensorData> inputs;
    std::vector<std::string> missing;
    for (const NodeId id : graph.inputs) {
        const Node &node = graph[id];
        const auto file = by_name.find(node.name);
        if (file != by_name.end() && is_image_file(file->second))
            inputs.push_back(read_picture(node, file->second, console));
        else if (file != by_name.end())
            inputs.push_back(read_array(node, file->second, console));
        else if (seed)
            inputs.push_back(random_input(node.type, *seed, node.name));
        else
            missing.push_back(fmt::format("`{}` ({})", node.name, type_text(node.type)));
    }
    if (!missing.empty())
        throw Failure{exit_bad_command_line,
                      fmt::format("missing --input for {}", fmt::join(missing, ", "))};
    return inputs;
}

} // namespace cnnc
