// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which words of paths say something, and identifiers made of them.
#include "compiler/onnx/decompile_names.h"

#include "dsl/lexer.h"

#include <algorithm>
#include <iterator>

namespace cnnc::decompiler {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view without_number(std::string_view word) {
    while (!word.empty() && (is_digit(word.back()) || word.back() == '_')) {
        word.remove_suffix(1);
    }
    return word;
}

std::string lower(std::string_view word) {
    std::string result(word);
    for (char &c : result) {
        c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    }
    return result;
}

bool contains(const Block &block, const Graph &graph, bool (*test)(const Item &, const Graph &)) {
    const std::vector<Item> &items = block.body().items;
    return std::any_of(items.begin(), items.end(),
                       [&](const Item &item) { return test(item, graph); });
}

bool is_join(const Item &item, const Graph &graph) {
    const auto *binary = std::get_if<Binary>(&graph[item.node].op);
    return !item.is_block() && binary && binary->kind == BinaryKind::add &&
           std::all_of(item.operands.begin(), item.operands.end(),
                       [](const Operand &o) { return o.kind != Operand::Kind::text; });
}

bool is_concat(const Item &item, const Graph &graph) {
    return !item.is_block() && std::holds_alternative<Concat>(graph[item.node].op);
}

bool is_depthwise(const Item &item, const Graph &graph) {
    const Conv *conv = std::get_if<Conv>(&graph[item.node].op);
    return !item.is_block() && conv && conv->groups > 1 && conv->groups == conv->out_channels;
}

bool is_softmax(const Item &item, const Graph &graph) {
    return !item.is_block() && std::holds_alternative<Softmax>(graph[item.node].op);
}

// Kernel of the k-th convolution, 0 if there is none.
std::vector<int64_t> kernels(const Block &block, const Graph &graph) {
    std::vector<int64_t> result;
    for (const Item &item : block.body().items) {
        const Conv *conv = std::get_if<Conv>(&graph[item.node].op);
        if (!item.is_block() && conv) {
            result.push_back(conv->kernel.back());
        }
    }
    return result;
}

// "conv2d" as "conv".
std::string_view short_name(std::string_view callee) {
    if (callee == "batch_norm") {
        return "bn";
    }
    const size_t end = callee.size();
    const bool ranked = end > 2 && callee[end - 1] == 'd' && is_digit(callee[end - 2]);
    return ranked ? callee.substr(0, end - 2) : callee;
}

// "conv_bn_relu", or "double_conv_relu" for what comes twice.
std::string layer_names(const Block &block) {
    std::vector<std::string_view> words;
    for (const Item &item : block.body().items) {
        if (item.is_block()) {
            return "layers";
        }
        words.push_back(short_name(item.call.callee));
    }
    size_t period = 1;
    while (words.size() % period != 0 ||
           !std::equal(words.begin() + long(period), words.end(), words.begin())) {
        ++period;
    }
    const size_t times = words.size() / period;
    if (times > 3 || period > 4) {
        return "layers";
    }
    std::string name = times == 1 ? "" : times == 2 ? "double_" : "triple_";
    for (size_t i = 0; i < period; ++i) {
        name += (i > 0 ? "_" : "") + std::string(words[i]);
    }
    return name;
}

std::string name_by_content(const Block &block, const Graph &graph) {
    const bool residual = contains(block, graph, is_join);
    const std::vector<int64_t> k = kernels(block, graph);
    if (contains(block, graph, is_softmax)) {
        return "attention";
    }
    if (contains(block, graph, is_depthwise)) {
        const bool expands = !k.empty() && k[0] == 1;
        return residual  ? (expands ? "inverted_residual" : "separable_residual")
               : expands ? "expanded_separable"
                         : "separable";
    }
    if (contains(block, graph, is_concat)) {
        return "branches";
    }
    if (residual) {
        const bool narrow = k.size() >= 3 && k[0] == 1 && k[1] > 1 && k[2] == 1;
        return narrow ? "bottleneck" : "residual";
    }
    return layer_names(block);
}

} // namespace

std::vector<std::string_view> words_of(std::string_view path) {
    std::vector<std::string_view> words;
    while (!path.empty()) {
        const size_t dot = std::min(path.find('.'), path.size());
        words.push_back(path.substr(0, dot));
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return words;
}

bool is_generic(std::string_view word) {
    static constexpr std::string_view kinds[] = {"",
                                                 "act",
                                                 "activation",
                                                 "b",
                                                 "backbone",
                                                 "batch_norm",
                                                 "batch_normalization",
                                                 "batchnorm",
                                                 "batchnormalization",
                                                 "block",
                                                 "blocks",
                                                 "bn",
                                                 "body",
                                                 "cbr",
                                                 "conv",
                                                 "conv_transpose",
                                                 "convs",
                                                 "convtranspose",
                                                 "dense",
                                                 "dw",
                                                 "encoder",
                                                 "fc",
                                                 "feature",
                                                 "features",
                                                 "gemm",
                                                 "group_normalization",
                                                 "instance_normalization",
                                                 "layer",
                                                 "layer_normalization",
                                                 "layers",
                                                 "linear",
                                                 "main",
                                                 "mat_mul",
                                                 "matmul",
                                                 "model",
                                                 "module",
                                                 "net",
                                                 "network",
                                                 "norm",
                                                 "op",
                                                 "p_relu",
                                                 "param",
                                                 "prelu",
                                                 "pw",
                                                 "relu",
                                                 "res",
                                                 "seq",
                                                 "sequential",
                                                 "stage",
                                                 "stages",
                                                 "unit",
                                                 "w",
                                                 "weight",
                                                 "x"};
    const std::string bare = lower(without_number(word));
    std::string_view stem = bare;
    if (stem.size() > 2 && stem.back() == 'd' && is_digit(stem[stem.size() - 2])) {
        stem.remove_suffix(2); // conv2d
    }
    while (!stem.empty() && stem.back() == '_') {
        stem.remove_suffix(1);
    }
    return std::find(std::begin(kinds), std::end(kinds), stem) != std::end(kinds) ||
           find_op(bare) != nullptr;
}

std::string telling_word(std::string_view path) {
    const std::vector<std::string_view> words = words_of(path);
    for (size_t i = words.size(); i-- > 0;) {
        std::string word = lower(words[i]);
        if (!is_generic(word) && !is_digit(word[0]) && word.size() <= 24) {
            return word;
        }
    }
    return "";
}

bool is_free_identifier(const std::string &name) {
    static constexpr std::string_view reserved[] = {
        "abs",  "assert", "error", "false",  "float", "inf",  "int",  "layout",
        "len",  "let",    "list",  "max",    "min",   "none", "None", "range",
        "same", "shared", "stack", "tensor", "true",  "valid"};
    return is_identifier(name) && name.size() <= 64 && !find_op(name) && !dtype_from_name(name) &&
           std::find(std::begin(reserved), std::end(reserved), name) == std::end(reserved);
}

std::string block_name(const Graph &graph, const GroupTree &tree, const Block &block) {
    std::string shared;
    for (const Instance &instance : block.instances) {
        std::string_view own = tree.groups[size_t(instance.group)].word;
        const std::string word = lower(without_number(own));
        if (is_generic(word) || word.empty() || is_digit(word[0]) ||
            (!shared.empty() && word != shared)) {
            shared.clear();
            break;
        }
        shared = word;
    }
    const std::string by_content = name_by_content(block, graph);
    const std::string name = shared.empty() ? by_content : shared;
    return is_free_identifier(name) ? name : "block_" + name;
}

} // namespace cnnc::decompiler
