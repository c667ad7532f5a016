// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a random graph grows: inputs, then operators, then outputs.
#include "tests/random/generator.h"

#include "compiler/graph/registry.h"
#include "compiler/graph/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {

Generator::Generator(uint64_t seed, const RandomGraphOptions &options)
    : random_(seed), options_(options), build_("random"),
      rank_(options.spatial_rank ? options.spatial_rank : random_.pick<int>({1, 2, 2, 2, 2, 3})) {}

Graph Generator::generate() {
    add_inputs();
    for (int i = 0, failures = 0; i < options_.operators && failures < 200;) {
        attempt([&] { return propose(); }) ? ++i : ++failures;
    }
    add_outputs();
    return build_.finish();
}

// --- Choices -------------------------------------------------------------------------------------

bool Generator::is_constant(NodeId id) const {
    return std::holds_alternative<Constant>(graph()[id].op);
}

bool Generator::is_moderate(NodeId id) const {
    return type(id).dtype == DType::f32 && !shape(id).empty() && !is_constant(id) &&
           bound(id) <= moderate_bound;
}

int64_t Generator::channels() {
    return random_.pick<int64_t>({1, 2, 3, 4, 5, 6, 7, 8, 8, 12, 16, 17, 24, 32, 33});
}

std::vector<int64_t> Generator::dims(int64_t low, int64_t high) {
    std::vector<int64_t> result;
    const bool equal = random_.chance(60);
    for (int i = 0; i < rank_; ++i) {
        result.push_back(equal && i > 0 ? result[0] : random_.between(low, high));
    }
    return result;
}

int64_t Generator::dim_of(NodeId id) {
    return random_.between(0, int64_t(shape(id).size()) - 1);
}

Layout Generator::layout(size_t tensor_rank) {
    const bool may = options_.channels_last && tensor_rank >= 3 && tensor_rank <= 5;
    return may && random_.chance(30) ? Layout::nhwc : Layout::nchw;
}

NodeId Generator::value() {
    std::vector<NodeId> values;
    for (NodeId id = 0; id <= last(); ++id) {
        if (is_moderate(id)) {
            values.push_back(id);
        }
    }
    const int64_t back = int64_t(values.size()) - 1;
    const int64_t first = random_.chance(70) ? std::max<int64_t>(0, back - 1) : 0;
    return values[size_t(random_.between(first, back))];
}

NodeId Generator::any(const std::function<bool(NodeId)> &wanted) {
    std::vector<NodeId> values;
    for (NodeId id = 0; id <= last(); ++id) {
        if (!is_constant(id) && wanted(id)) {
            values.push_back(id);
        }
    }
    if (values.empty()) {
        return none;
    }
    const int64_t back = int64_t(values.size()) - 1;
    const int64_t first = random_.chance(50) ? std::max<int64_t>(0, back - 2) : 0;
    return values[size_t(random_.between(first, back))];
}

NodeId Generator::any_exact(DType dtype) {
    return any(
        [&](NodeId id) { return is_exact(id) && type(id).dtype == dtype && !shape(id).empty(); });
}

std::string Generator::name(const Op &op, const std::vector<NodeId> &operands) {
    std::vector<TensorType> types;
    for (NodeId operand : operands) {
        types.push_back(type(operand));
    }
    std::string base = op_name(op, types);
    const int number = next_name_++;
    switch (random_.between(0, 4)) {
    case 0:
        return fmt::format("layer{}.{}.{}", number, number % 3, base);
    case 1:
        return fmt::format("features.{}", number);
    case 2: // binds to the same identifier as another's "a.b" may
        return fmt::format("features_{}", number - 1);
    default: // "relu6_1" is not the 61st relu
        return fmt::format("{}{}{}", base, isdigit(base.back()) ? "_" : "", number);
    }
}

// --- Growing the graph ---------------------------------------------------------------------------

void Generator::add_inputs() {
    const int64_t limit = rank_ == 1 ? 40 : rank_ == 2 ? 18 : 8;
    const int64_t batch = random_.pick<int64_t>({1, 1, 1, 2, 3});
    for (int i = 0; i < (random_.chance(25) ? 2 : 1); ++i) {
        Shape shape = {batch, channels()};
        for (int64_t extent : dims(limit / 4, limit)) {
            shape.push_back(extent);
        }
        if (random_.chance(8)) {
            shape.resize(2); // features without spatial dimensions
        }
        add_input(i, shape);
    }
    // Pixels or numbers beside the first input.
    if (options_.variety == Variety::all && random_.chance(50)) {
        Shape shape = graph()[0].type.shape;
        const DType dtype = random_.pick<DType>(
            {DType::u8, DType::u8, DType::i8, DType::i32, DType::i64, DType::boolean});
        shape[1] = dtype == DType::u8 ? random_.pick<int64_t>({1, 3, 3, 4}) : shape[1];
        build_.input("typed", shape, layout(shape.size()), dtype);
        facts_.push_back({true, dtype == DType::boolean ? 1.0 : dtype == DType::u8 ? 255 : 128});
        prefers_types_ = random_.chance(60);
    }
}

void Generator::add_input(int number, const Shape &shape) {
    const Layout l = layout(shape.size());
    build_.input(fmt::format("x{}", number), shape, l);
    facts_.push_back({true, 2});
}

bool Generator::propose() {
    using Proposal = bool (Generator::*)();
    if (prefers_types_ && random_.chance(50)) {
        return (this->*random_.pick(typed_proposals()))();
    }
    std::vector<Proposal> proposals = classic_proposals();
    if (options_.variety == Variety::all) {
        for (const auto &more : {layer_proposals(), elementwise_proposals(), move_proposals()}) {
            proposals.insert(proposals.end(), more.begin(), more.end());
        }
    }
    return (this->*random_.pick(proposals))();
}

NodeId Generator::put(const Op &op, const std::vector<NodeId> &operands) {
    if (std::find(operands.begin(), operands.end(), none) != operands.end()) {
        return none;
    }
    return put(op, operands, facts_of(op, operands));
}

NodeId Generator::put(const Op &op, const std::vector<NodeId> &operands, Facts facts) {
    if (std::find(operands.begin(), operands.end(), none) != operands.end()) {
        return none;
    }
    const TestGraph before = build_;
    const std::string n = name(op, operands);
    const bool fits = bool(build_.try_add(op, operands, n, options_.max_elements));
    if (!fits || (facts.bound == 0 && !seems_moderate())) {
        build_ = before;
        return none;
    }
    facts_.push_back(facts);
    return last();
}

NodeId Generator::constant(const Constant &value) {
    double bound = 0;
    for (double v : value.values) {
        bound = std::max(bound, std::abs(v));
    }
    facts_.push_back({true, bound});
    return build_.constant(value);
}

// An estimate keeps products of products from exploding.
bool Generator::seems_moderate() const {
    return estimate_moments(graph()).back().second() < 1e3;
}

bool Generator::attempt(const std::function<bool()> &proposal) {
    const TestGraph before = build_;
    const size_t known = facts_.size();
    if (proposal()) {
        return true;
    }
    build_ = before;
    facts_.resize(known);
    return false;
}

// Everything nothing reads, up to a limit; sometimes a value from the middle as well.
void Generator::add_outputs() {
    const std::vector<std::vector<NodeId>> readers = users(graph());
    for (NodeId id = last(); id >= 0; --id) {
        const Op &op = graph()[id].op;
        const bool source = std::holds_alternative<Input>(op) || is_constant(id) ||
                            std::holds_alternative<Parameter>(op);
        const bool wanted = readers[size_t(id)].empty() || random_.chance(5);
        const size_t count = graph().outputs.size();
        if (!source && wanted && count < 4) {
            build_.output(fmt::format("y{}", count), id, layout(shape(id).size()));
        }
    }
}

} // namespace cnnc
