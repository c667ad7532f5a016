// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that only move elements are computed on the elements' positions, and so keep integers
// beyond what a double holds, and large weights the same bits.
#include "compiler/onnx/fold.h"

#include "compiler/reference/interpret.h"

namespace cnnc {
namespace {

using Operands = std::vector<const TensorData *>;

bool keeps_order(const Op &op) {
    return std::holds_alternative<Reshape>(op) || std::holds_alternative<Flatten>(op);
}

bool only_moves(const Op &op) {
    return match(
        op, [](const Concat &) { return true; }, [](const Slice &) { return true; },
        [](const Pad &) { return true; }, [](const Permute &) { return true; },
        [](const Expand &) { return true; }, [](const Tile &) { return true; },
        [](const IndexSelect &) { return true; }, [](const Where &) { return true; },
        [](const auto &) { return false; });
}

bool computes(const Op &op) {
    return match(
        op, [](const Unary &) { return true; }, [](const Binary &) { return true; },
        [](const Cast &) { return true; }, [](const Reduce &) { return true; },
        [](const ArgReduce &) { return true; }, [](const TopK &) { return true; },
        [](const Softmax &) { return true; }, [](const MatMul &) { return true; },
        [](const auto &) { return false; });
}

// Many copies of few elements are better made by the network than kept among its weights.
bool spreads(const Op &op, const TensorType &type) {
    constexpr int64_t many = int64_t(1) << 16;
    bool copies = std::holds_alternative<Expand>(op) || std::holds_alternative<Tile>(op);
    return copies && element_count(type.shape) > many;
}

// Steps it takes, roughly.
int64_t cost(const Op &op, const Operands &operands, const TensorType &type) {
    int64_t steps = element_count(type.shape);
    if (std::holds_alternative<MatMul>(op)) {
        int64_t terms = operands[0]->type.shape.back();
        steps = steps > max_elements / terms ? max_elements : steps * terms;
    }
    for (const TensorData *operand : operands)
        steps += element_count(operand->type.shape);
    return steps;
}

std::vector<double> evaluate(const Op &op, const Operands &operands,
                             const std::vector<TensorD> &values, const TensorType &type) {
    Graph graph;
    std::vector<const TensorD *> pointers;
    for (size_t i = 0; i < operands.size(); ++i) {
        Node node;
        node.op = Constant();
        node.type = operands[i]->type;
        graph.nodes.push_back(node);
        pointers.push_back(&values[i]);
    }
    Node node;
    node.op = op;
    node.type = type;
    for (size_t i = 0; i < operands.size(); ++i)
        node.inputs.push_back(NodeId(i));
    graph.nodes.push_back(node);
    return interpret_node(graph, NodeId(operands.size()), pointers).values;
}

TensorData moved(Op op, const Operands &operands, const TensorType &type) {
    double fill = 0;
    if (Pad *pad = std::get_if<Pad>(&op)) {
        fill = pad->value;
        pad->value = -1;
    }
    std::vector<TensorD> positions;
    Operands sources;
    double next = 0;
    for (const TensorData *operand : operands) {
        const Shape &shape = operand->type.shape;
        std::vector<double> values;
        if (std::holds_alternative<Where>(op) && positions.empty()) {
            values = to_double(*operand).values; // the condition is what it is
        } else {
            values.resize(size_t(element_count(shape)));
            for (double &value : values)
                value = next++;
            sources.push_back(operand);
        }
        positions.push_back({shape, std::move(values)});
    }
    return picked(type, sources, evaluate(op, operands, positions, type), fill);
}

} // namespace

std::optional<TensorData> fold(const Op &op, const Operands &operands, const TensorType &type,
                               FoldBudget &budget) {
    if (keeps_order(op))
        return reshaped(*operands[0], type.shape);
    if ((!only_moves(op) && !computes(op)) || spreads(op, type))
        return std::nullopt;
    int64_t steps = cost(op, operands, type);
    if (const Permute *permute = std::get_if<Permute>(&op)) {
        if (steps > budget.moved)
            return std::nullopt;
        budget.moved -= steps;
        return permuted(*operands[0], permute->dims);
    }
    if (steps > budget.elements)
        return std::nullopt;
    budget.elements -= steps;
    if (only_moves(op))
        return moved(op, operands, type);
    std::vector<TensorD> values;
    for (const TensorData *operand : operands)
        values.push_back({operand->type.shape, to_double(*operand).values});
    return content_of(type, evaluate(op, operands, values, type));
}

} // namespace cnnc
