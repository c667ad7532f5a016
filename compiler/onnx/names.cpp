// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rules of thumb for the names that PyTorch, TensorFlow and Keras leave in ONNX files.
#include "compiler/onnx/names.h"

#include "compiler/graph/registry.h"
#include "dsl/lexer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace cnnc {
namespace {

constexpr size_t max_path_length = 200; // of what is kept of a name

// ASCII only, whatever the locale.
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_alphanumeric(char c) {
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}
bool all_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), is_digit);
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}
bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= text.size();) {
        size_t end = std::min(text.find(at, begin), text.size());
        parts.emplace_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

// Without TensorFlow's number of an output, "name:0".
std::string_view without_output_number(std::string_view name) {
    size_t colon = name.rfind(':');
    bool numbered = colon != std::string_view::npos && colon + 1 < name.size() &&
                    all_digits(name.substr(colon + 1));
    return numbered ? name.substr(0, colon) : name;
}

// A word of letters, digits and _, or "" if it has neither letter nor digit.
std::string as_word(std::string_view text) {
    std::string word(text);
    for (char &c : word)
        c = is_alphanumeric(c) ? c : '_';
    return std::any_of(word.begin(), word.end(), is_alphanumeric) ? word : "";
}

// "relu" for Relu, "relu_1" for the node named Relu_1.
bool is_op_name(std::string_view word, std::string_view op_type) {
    if (!starts_with(word, op_type))
        return false;
    std::string_view rest = word.substr(op_type.size());
    return rest.empty() || (rest[0] == '_' && all_digits(rest.substr(1)));
}

// A node's name taken apart: PyTorch's "/layer1/layer1.0/conv1/Conv" is in module layer1.0.conv1,
// where each folder may repeat the one before. A last part that names the operator is no module.
struct NodePath {
    std::string module;
    std::string op; // "conv", or "" where the name does not end with the operator
};

NodePath node_path(const pb::NodeProto &node) {
    NodePath path;
    std::vector<std::string> parts = split(without_output_number(node.name()), '/');
    if (is_op_name(parts.back(), node.op_type())) {
        path.op = snake_case(node.op_type()) + parts.back().substr(node.op_type().size());
        parts.pop_back();
    }
    std::vector<std::string> kept;
    for (const std::string &part : parts) {
        if (!kept.empty() && starts_with(part, kept.back() + "."))
            kept.back() = part;
        else if (!part.empty() && part != "StatefulPartitionedCall")
            kept.push_back(part);
    }
    path.module = as_path(fmt::format("{}", fmt::join(kept, ".")));
    return path;
}

// Ends of initializers' names that say which weight of a layer it is.
constexpr std::string_view weight_roles[] = {
    "weight",           "weights", "kernel", "gamma", "scale",
    "depthwise_kernel", "filter",  "w",      "W",     "alpha"};
// Operators that TensorFlow appends to a layer's name.
constexpr std::string_view layer_operators[] = {
    "Conv2D",    "Conv1D",           "Conv3D",    "MatMul",           "BiasAdd",
    "depthwise", "FusedBatchNormV3", "batchnorm", "conv2d_transpose", "Tensordot"};

constexpr std::string_view readers[] = {"/ReadVariableOp", "/read", "/resource"};

// Words beside keywords, operators and types that mean something where a value may stand.
constexpr std::string_view reserved_words[] = {"abs", "assert", "error", "float",  "inf",
                                               "int", "layout", "len",   "let",    "max",
                                               "min", "range",  "same",  "shared", "valid"};

bool is_reserved(const std::string &word) {
    return std::find(std::begin(reserved_words), std::end(reserved_words), word) !=
               std::end(reserved_words) ||
           is_keyword(word) || find_op(word) || dtype_from_name(word);
}

} // namespace

std::string as_path(std::string_view name) {
    std::string dotted(without_output_number(name));
    for (size_t i = 0; i < dotted.size(); ++i) {
        if (dotted.compare(i, 2, "::") == 0)
            dotted.replace(i, 2, ".");
        else if (dotted[i] == '/')
            dotted[i] = '.';
    }
    std::string path;
    for (const std::string &part : split(dotted, '.')) {
        std::string word = as_word(part);
        if (word.empty() || path.size() + word.size() > max_path_length)
            continue;
        path += (path.empty() ? "" : ".") + word;
    }
    std::string first = path.substr(0, path.find('.'));
    return !first.empty() && is_digit(first[0]) && !all_digits(first) ? "_" + path : path;
}

std::string as_identifier(std::string_view name, std::string_view fallback) {
    std::string word = is_meaningless(name) ? "" : as_word(without_output_number(name));
    word = word.substr(0, max_path_length);
    if (word.empty())
        word = fallback;
    if (is_digit(word[0]))
        word.insert(0, "_");
    return is_reserved(word) ? word + "_" : word;
}

bool is_meaningless(std::string_view name) {
    name = without_output_number(name);
    if (all_digits(name))
        return true;
    for (std::string_view start : {"onnx::", "onnx__", "const_fold_opt", "Constant_"}) {
        if (starts_with(name, start))
            return true;
    }
    return false;
}

std::string layer_of_weight(std::string_view initializer) {
    if (is_meaningless(initializer))
        return "";
    std::string_view name = without_output_number(initializer);
    for (std::string_view reader : readers) {
        if (ends_with(name, reader))
            name.remove_suffix(reader.size());
    }
    std::string_view layer = name;
    size_t separator = name.find_last_of("._/");
    while (separator != std::string_view::npos) {
        std::string_view role = name.substr(separator + 1);
        if (std::find(std::begin(weight_roles), std::end(weight_roles), role) !=
            std::end(weight_roles)) {
            layer = name.substr(0, separator);
            break;
        }
        separator =
            separator == 0 ? std::string_view::npos : name.find_last_of("._/", separator - 1);
    }
    for (std::string_view op : layer_operators) {
        if (ends_with(layer, op) && layer.size() > op.size() &&
            layer[layer.size() - op.size() - 1] == '/')
            layer.remove_suffix(op.size() + 1);
    }
    return layer.size() == without_output_number(initializer).size() ? "" : as_path(layer);
}

std::string snake_case(std::string_view op_type) {
    if (op_type == "PRelu" || op_type == "LRN")
        return op_type == "LRN" ? "lrn" : "prelu";
    std::string text;
    for (size_t i = 0; i < op_type.size(); ++i) {
        bool begins = is_upper(op_type[i]) && i > 0 && !is_upper(op_type[i - 1]);
        if (begins)
            text += '_';
        text += is_upper(op_type[i]) ? char(op_type[i] - 'A' + 'a') : op_type[i];
    }
    std::string word = as_path(text);
    return word.empty() ? "node" : word;
}

NodeNames::NodeNames(const std::vector<const pb::NodeProto *> &nodes) {
    for (const pb::NodeProto *node : nodes) {
        std::string module = node_path(*node).module;
        if (module.empty() || uses_[module]++ > 0)
            continue;
        for (size_t dot = module.find('.'); dot != std::string::npos;
             dot = module.find('.', dot + 1))
            folders_.insert(module.substr(0, dot));
    }
}

std::string NodeNames::path(const pb::NodeProto &node) const {
    NodePath path = node_path(node);
    if (is_meaningless(path.module))
        path.module.clear();
    if (path.module.empty())
        return path.op.empty() ? snake_case(node.op_type()) : path.op;
    auto uses = uses_.find(path.module);
    bool own = uses == uses_.end() || (uses->second == 1 && !folders_.count(path.module));
    if (own || path.op.empty())
        return path.module;
    return path.module + "." + path.op;
}

std::string NamePool::unique(const std::string &wanted) {
    std::string name = wanted;
    while (!names_.insert(name).second)
        name = fmt::format("{}_{}", wanted, ++suffixes_[wanted]);
    return name;
}

} // namespace cnnc
