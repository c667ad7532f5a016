// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every operator computes what PyTorch computes: the cases of operators.txt, which
// make_expected.py writes.
#include "compiler/graph/registry.h"
#include "compiler/reference/interpret.h"
#include "compiler/sema/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

using namespace cnnc;

namespace {

struct Tensor {
    std::string name;
    TensorType type;
    std::vector<double> values;
};

struct Case {
    std::string expression;
    std::vector<Tensor> inputs, params;
    Tensor output;
};

// "x f32[2, 3]" or, without a name, "f32[2, 3]", and the line of numbers behind it.
Tensor read_tensor(const std::string &head, std::istream &file) {
    Tensor tensor;
    const size_t bracket = head.find('['), blank = head.rfind(' ', bracket);
    tensor.name = blank == std::string::npos ? "" : head.substr(0, blank);
    const size_t dtype = blank == std::string::npos ? 0 : blank + 1;
    tensor.type.dtype = dtype_from_name(head.substr(dtype, bracket - dtype)).value();
    std::istringstream extents(head.substr(bracket + 1));
    for (int64_t extent; extents >> extent; extents.ignore(1)) {
        tensor.type.shape.push_back(extent);
    }
    std::string line;
    std::getline(file, line);
    std::istringstream numbers(line);
    for (double number; numbers >> number;) {
        tensor.values.push_back(number);
    }
    EXPECT_EQ(int64_t(tensor.values.size()), element_count(tensor.type.shape)) << head;
    return tensor;
}

std::vector<Case> read_cases() {
    std::ifstream file(CNNC_SOURCE_DIR "/tests/reference/operators.txt");
    std::vector<Case> cases;
    for (std::string line; std::getline(file, line);) {
        const std::string kind = line.substr(0, line.find(' '));
        const std::string rest = line.size() > kind.size() ? line.substr(kind.size() + 1) : "";
        if (kind == "case") {
            cases.emplace_back();
            cases.back().expression = rest;
        } else if (kind == "input") {
            cases.back().inputs.push_back(read_tensor(rest, file));
        } else if (kind == "param") {
            cases.back().params.push_back(read_tensor(rest, file));
        } else if (kind == "output") {
            cases.back().output = read_tensor(rest, file);
        }
    }
    return cases;
}

std::string network_text(const Case &c) {
    std::string text = "network test {\n";
    for (const Tensor &input : c.inputs) {
        text += fmt::format("    input {}: {}\n", input.name, type_text(input.type));
    }
    return text + fmt::format("    output result = {}\n}}\n", c.expression);
}

TensorData data(const Tensor &tensor) {
    return to_tensor_data({tensor.type.shape, tensor.values}, tensor.type.dtype);
}

// A param's name is some path and its role; the role alone says which it is.
void bind_params(const Case &c, Graph &graph) {
    ASSERT_EQ(graph.params.size(), c.params.size());
    for (Param &param : graph.params) {
        const std::string role = param.name.substr(param.name.rfind('.') + 1);
        for (const Tensor &tensor : c.params) {
            if (tensor.name == role || c.params.size() == 1) {
                param.data = data(tensor);
            }
        }
        ASSERT_TRUE(param.data.defined()) << param.name;
        ASSERT_EQ(param.data.type, param.type) << param.name;
    }
}

void check(const Case &c) {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Graph> graph = load_network_text("case.cnn", network_text(c), sources, diags);
    ASSERT_TRUE(graph) << diags.render(sources);
    ASSERT_NO_FATAL_FAILURE(bind_params(c, *graph));
    std::vector<TensorData> inputs;
    for (const Tensor &input : c.inputs) {
        inputs.push_back(data(input));
    }
    const TensorD result = interpret(*graph, inputs).at(0);
    ASSERT_EQ(type_text((*graph)[graph->outputs[0].node].type), type_text(c.output.type));
    ASSERT_EQ(result.shape, c.output.type.shape);
    const double tolerance = c.output.type.dtype == DType::f32 ? 2e-9 : 0;
    for (size_t i = 0; i < result.values.size(); ++i) {
        EXPECT_NEAR(result.values[i], c.output.values[i],
                    tolerance * (1 + std::abs(result.values[i])))
            << "element " << i;
    }
}

TEST(Operators, ComputeWhatPyTorchDoes) {
    const std::vector<Case> cases = read_cases();
    ASSERT_GE(cases.size(), 250u);
    for (const Case &c : cases) {
        SCOPED_TRACE(c.expression);
        check(c);
    }
}

// The words in front of a parenthesis.
void add_called_names(const std::string &expression, std::set<std::string> &names) {
    const auto is_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    };
    for (size_t open = expression.find('('); open != std::string::npos;
         open = expression.find('(', open + 1)) {
        size_t begin = open;
        while (begin > 0 && is_word(expression[begin - 1])) {
            --begin;
        }
        names.insert(expression.substr(begin, open - begin));
    }
}

TEST(Operators, AllHaveACase) {
    std::set<std::string> seen;
    std::set<size_t> operators;
    for (const Case &c : read_cases()) {
        add_called_names(c.expression, seen);
        SourceManager sources;
        Diagnostics diags;
        const auto graph = load_network_text("case.cnn", network_text(c), sources, diags);
        ASSERT_TRUE(graph) << diags.render(sources);
        for (const Node &node : graph->nodes) {
            std::vector<TensorType> operands;
            for (NodeId input : node.inputs) {
                operands.push_back((*graph)[input].type);
            }
            seen.insert(op_name(node.op, operands)); // of infix operators
            operators.insert(node.op.index());
        }
    }
    for (const OpSpec &spec : op_specs()) {
        EXPECT_TRUE(seen.count(std::string(spec.name))) << spec.name;
    }
    EXPECT_EQ(operators.size(), std::variant_size_v<Op>);
}

} // namespace
