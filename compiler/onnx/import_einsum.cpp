// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Einsum of one operand (sums and transposes) and of two (matrix products): the letters of both
// that stay are batch dimensions, those that go are summed over in the product.
#include "compiler/onnx/onnx_node.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace cnnc {
namespace {

using Dims = std::vector<int64_t>;

struct Equation {
    std::vector<std::string> operands; // a letter per dimension
    std::string result;
};

// Without an arrow the result has the letters that stand once, in alphabetical order.
std::string implied_result(const std::vector<std::string> &operands) {
    std::map<char, int> counts;
    for (const std::string &operand : operands) {
        for (char letter : operand)
            ++counts[letter];
    }
    std::string result;
    for (auto [letter, count] : counts) {
        if (count == 1)
            result += letter;
    }
    return result;
}

bool has_repeats(const std::string &letters) {
    return std::set<char>(letters.begin(), letters.end()).size() != letters.size();
}

std::optional<Equation> parse_equation(OnnxNode &node) {
    std::string text = node.text("equation");
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    Equation equation;
    size_t arrow = std::min(text.find("->"), text.size());
    for (size_t begin = 0; begin <= arrow;) {
        size_t end = std::min(text.find(',', begin), arrow);
        equation.operands.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    equation.result = arrow < text.size() ? text.substr(arrow + 2) : "";
    if (arrow == text.size())
        equation.result = implied_result(equation.operands);
    bool simple = equation.operands.size() <= 2 && !has_repeats(equation.result);
    for (const std::string &letters : equation.operands)
        simple = simple && !has_repeats(letters);
    std::string all = equation.result;
    for (const std::string &letters : equation.operands)
        all += letters;
    simple = simple && std::all_of(all.begin(), all.end(),
                                   [](unsigned char c) { return c < 128 && std::isalpha(c); });
    if (!node.failed() && !simple)
        return node.unsupported("with the equation " + brief(text));
    return node.failed() ? std::nullopt : std::optional(equation);
}

// A value and the letters of its dimensions.
struct Lettered {
    Result value;
    std::string letters;

    int64_t extent(char letter) const { return value->shape()[letters.find(letter)]; }
    bool has(char letter) const { return letters.find(letter) != std::string::npos; }
};

Lettered summed(OnnxNode &node, Lettered x, const std::string &kept) {
    Dims dims;
    std::string rest;
    for (size_t d = 0; d < x.letters.size(); ++d) {
        if (kept.find(x.letters[d]) == std::string::npos)
            dims.push_back(int64_t(d));
        else
            rest += x.letters[d];
    }
    if (!dims.empty())
        x.value = node.make(Reduce{ReduceKind::sum, dims, false}, {x.value}, "sum");
    return {x.value, rest};
}

// The dimensions in the order of `letters`, which has the same ones.
Result ordered(OnnxNode &node, const Lettered &x, const std::string &letters,
               std::string_view step) {
    Dims dims;
    for (char letter : letters)
        dims.push_back(int64_t(x.letters.find(letter)));
    return node.permute(x.value, dims, step);
}

// Letters in an order, and the elements along all of them.
struct Group {
    std::string letters;
    int64_t extent = 1;

    void add(const Lettered &x, char letter) {
        letters += letter;
        extent *= x.extent(letter);
    }
};

Lettered product(OnnxNode &node, const Lettered &a, const Lettered &b, const std::string &result) {
    Group batch, rows, columns, terms;
    for (char letter : a.letters) {
        bool stays = result.find(letter) != std::string::npos;
        if (b.has(letter) && a.extent(letter) != b.extent(letter)) {
            node.unsupported("with broadcasting");
            return {std::nullopt, ""};
        }
        (!b.has(letter) ? rows : stays ? batch : terms).add(a, letter);
    }
    for (char letter : b.letters) {
        if (!a.has(letter))
            columns.add(b, letter);
    }
    Result left = ordered(node, a, batch.letters + rows.letters + terms.letters, "left");
    Result right = ordered(node, b, batch.letters + terms.letters + columns.letters, "right");
    left = node.reshape(left, {batch.extent, rows.extent, terms.extent}, "left.matrices");
    right = node.reshape(right, {batch.extent, terms.extent, columns.extent}, "right.matrices");
    Result matrices = node.make(MatMul(), {left, right}, "product");
    std::string letters = batch.letters + rows.letters + columns.letters;
    Shape shape;
    for (char letter : letters)
        shape.push_back((a.has(letter) ? a : b).extent(letter));
    bool last = letters == result;
    return {node.reshape(matrices, shape, last ? "" : "dims"), letters};
}

void import_einsum(OnnxNode &node) {
    std::optional<Equation> equation = parse_equation(node);
    if (!equation)
        return;
    std::vector<Lettered> operands;
    std::string all;
    for (size_t i = 0; i < node.input_count(); ++i) {
        bool fits = i < equation->operands.size() && node.has_input(i) &&
                    node.input(i).rank() == equation->operands[i].size() &&
                    element_count(node.input(i).shape()) > 0;
        if (!fits) {
            node.fail<diag::onnx_attribute_value>("equation", node.op_type(),
                                                  brief(node.text("equation")));
            return;
        }
        operands.push_back({node.input(i), equation->operands[i]});
        all += equation->operands[i];
    }
    bool known = operands.size() == equation->operands.size() &&
                 equation->result.find_first_not_of(all) == std::string::npos;
    if (!known) {
        node.fail<diag::onnx_attribute_value>("equation", node.op_type(),
                                              brief(node.text("equation")));
        return;
    }
    Lettered x = operands[0];
    if (operands.size() == 2) {
        x = summed(node, x, equation->result + operands[1].letters);
        Lettered y = summed(node, operands[1], equation->result + operands[0].letters);
        if (x.value && y.value)
            x = product(node, x, y, equation->result);
    } else {
        x = summed(node, x, equation->result);
    }
    if (x.value)
        node.give(0, ordered(node, x, equation->result, ""));
}

} // namespace

const std::vector<OnnxRule> &einsum_rules() {
    static const std::vector<OnnxRule> rules = {{"Einsum", 1, -1, import_einsum}};
    return rules;
}

} // namespace cnnc
