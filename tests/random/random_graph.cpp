// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators are proposed at random and kept if they fit: shape inference is the judge.
#include "tests/random/random_graph.h"

#include "compiler/graph/registry.h"
#include "compiler/graph/weights.h"
#include "tests/random/test_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace cnnc {

namespace {

// splitmix64: the same numbers on every machine, unlike the distributions of <random>.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t bits() {
        uint64_t x = state_ += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
    // From low to high, both included.
    int64_t between(int64_t low, int64_t high) {
        return low + int64_t(bits() % uint64_t(high - low + 1));
    }
    bool chance(int percent) { return between(0, 99) < percent; }
    template <typename T>
    const T &pick(const std::vector<T> &from) {
        return from[size_t(between(0, int64_t(from.size()) - 1))];
    }

  private:
    uint64_t state_;
};

class Generator {
  public:
    Generator(uint64_t seed, const RandomGraphOptions &options)
        : random_(seed), options_(options), build_("random"),
          rank_(options.spatial_rank ? options.spatial_rank
                                     : random_.pick<int>({1, 2, 2, 2, 2, 3})) {}

    Graph generate() {
        add_inputs();
        for (int i = 0, failures = 0; i < options_.operators && failures < 200;) {
            propose() ? ++i : ++failures;
        }
        add_outputs();
        return build_.finish();
    }

  private:
    const Graph &graph() const { return build_.graph(); }
    const Shape &shape(NodeId id) const { return graph()[id].type.shape; }
    bool is_spatial(NodeId id) const { return int(shape(id).size()) == rank_ + 2; }

    // --- Choices -----------------------------------------------------------------------------

    int64_t channels() {
        return random_.pick<int64_t>({1, 2, 3, 4, 5, 6, 7, 8, 8, 12, 16, 17, 24, 32, 33});
    }

    std::vector<int64_t> dims(int64_t low, int64_t high) {
        std::vector<int64_t> result;
        const bool equal = random_.chance(60);
        for (int i = 0; i < rank_; ++i) {
            result.push_back(equal && i > 0 ? result[0] : random_.between(low, high));
        }
        return result;
    }

    Layout layout(size_t tensor_rank) {
        const bool may = options_.channels_last && tensor_rank >= 3 && tensor_rank <= 5;
        return may && random_.chance(30) ? Layout::nhwc : Layout::nchw;
    }

    // A value to compute with: a recent one more often than not, never a constant.
    NodeId value() {
        std::vector<NodeId> values;
        for (NodeId id = 0; id < NodeId(graph().nodes.size()); ++id) {
            if (!std::holds_alternative<Constant>(graph()[id].op)) {
                values.push_back(id);
            }
        }
        const int64_t last = int64_t(values.size()) - 1;
        const int64_t first = random_.chance(70) ? std::max<int64_t>(0, last - 1) : 0;
        return values[size_t(random_.between(first, last))];
    }

    std::string name(const Op &op, const std::vector<NodeId> &operands) {
        std::vector<TensorType> types;
        for (NodeId operand : operands) {
            types.push_back(graph()[operand].type);
        }
        const std::string base = op_name(op, types);
        const int number = next_name_++;
        switch (random_.between(0, 4)) {
        case 0:
            return fmt::format("layer{}.{}.{}", number, number % 3, base);
        case 1:
            return fmt::format("features.{}", number);
        case 2: // binds to the same identifier as another's "a.b" may
            return fmt::format("features_{}", number - 1);
        default:
            return fmt::format("{}{}", base, number);
        }
    }

    // --- Growing the graph -------------------------------------------------------------------

    void add_inputs() {
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
            const Layout l = layout(shape.size());
            build_.input(fmt::format("x{}", i), std::move(shape), l);
        }
    }

    // Whether the operator fitted; an estimate keeps products of products from exploding.
    bool add(const Op &op, const std::vector<NodeId> &operands) {
        const TestGraph before = build_;
        const std::string n = name(op, operands);
        if (!build_.try_add(op, operands, n, options_.max_elements) || !is_moderate()) {
            build_ = before;
            return false;
        }
        return true;
    }

    bool is_moderate() const {
        const Moments last = estimate_moments(graph()).back();
        return last.second() < 1e3;
    }

    bool propose() {
        using Proposal = bool (Generator::*)();
        static const std::vector<Proposal> proposals = {
            &Generator::propose_conv,       &Generator::propose_conv,
            &Generator::propose_conv,       &Generator::propose_depthwise,
            &Generator::propose_batch_norm, &Generator::propose_batch_norm,
            &Generator::propose_max_pool,   &Generator::propose_avg_pool,
            &Generator::propose_unary,      &Generator::propose_unary,
            &Generator::propose_unary,      &Generator::propose_binary,
            &Generator::propose_binary,     &Generator::propose_scalar,
            &Generator::propose_parameter,  &Generator::propose_concat,
            &Generator::propose_concat,     &Generator::propose_softmax,
            &Generator::propose_global,     &Generator::propose_flatten,
            &Generator::propose_reshape,    &Generator::propose_linear,
            &Generator::propose_shared,
        };
        return (this->*random_.pick(proposals))();
    }

    bool propose_conv() {
        const NodeId x = value();
        if (!is_spatial(x)) {
            return false;
        }
        Conv c;
        c.groups = random_.chance(25) ? random_.between(2, 4) : 1;
        c.out_channels = channels();
        c.kernel = dims(1, random_.chance(80) ? 3 : 5);
        c.stride = dims(1, random_.chance(70) ? 1 : 3);
        c.dilation = dims(1, random_.chance(80) ? 1 : 2);
        c.pad_lo = dims(0, 2);
        c.pad_hi = random_.chance(70) ? c.pad_lo : dims(0, 2);
        c.bias = random_.chance(60);
        return add(c, {x});
    }

    bool propose_depthwise() {
        const NodeId x = value();
        if (!is_spatial(x)) {
            return false;
        }
        Conv c =
            conv(rank_, shape(x)[1] * random_.between(1, 2), random_.pick<int64_t>({2, 3, 5}),
                 random_.between(1, 2), random_.between(0, 2), shape(x)[1], random_.chance(50));
        return add(c, {x});
    }

    bool propose_batch_norm() {
        return add(BatchNorm{random_.pick<double>({1e-5, 1e-3}), random_.chance(80)}, {value()});
    }

    bool propose_max_pool() {
        MaxPool p;
        p.kernel = dims(1, 4);
        p.stride = dims(1, 3);
        p.dilation = dims(1, random_.chance(70) ? 1 : 2);
        // With dilation, a window could see nothing but padding.
        const bool dilated = std::count(p.dilation.begin(), p.dilation.end(), 1) != rank_;
        p.pad_lo = dims(0, dilated ? 0 : 1);
        p.pad_hi = random_.chance(70) || dilated ? p.pad_lo : dims(0, 1);
        p.ceil_mode = random_.chance(40);
        return add(p, {value()});
    }

    bool propose_avg_pool() {
        AvgPool p;
        p.kernel = dims(1, 4);
        p.stride = dims(1, 3);
        p.pad_lo = dims(0, 1);
        p.pad_hi = random_.chance(70) ? p.pad_lo : dims(0, 1);
        p.ceil_mode = random_.chance(40);
        p.count_include_pad = random_.chance(60);
        return add(p, {value()});
    }

    bool propose_unary() {
        const auto last = int64_t(UnaryKind::hard_swish);
        Unary u = {UnaryKind(random_.between(0, last))};
        if (u.kind == UnaryKind::clamp) {
            constexpr double infinity = std::numeric_limits<double>::infinity();
            u.a = random_.chance(30) ? -infinity : -0.75;
            u.b = random_.chance(30) && u.a != -infinity ? infinity : 1.5;
        } else if (u.kind == UnaryKind::leaky_relu) {
            u.a = random_.pick<double>({0.01, 0.2});
        } else if (u.kind == UnaryKind::dropout) {
            u.a = 0.5;
        }
        return add(u, {value()});
    }

    Binary binary_kind() { return {BinaryKind(random_.between(0, int64_t(BinaryKind::mul)))}; }

    // With equal shapes, or broadcasting, whichever the other value happens to allow.
    bool propose_binary() {
        const NodeId a = value(), b = NodeId(random_.between(0, int64_t(graph().nodes.size()) - 1));
        return !std::holds_alternative<Constant>(graph()[b].op) && add(binary_kind(), {a, b});
    }

    bool propose_scalar() {
        const NodeId x = value();
        const TestGraph before = build_;
        const NodeId c = build_.constant(random_.pick<double>({0.5, -1.25, 2, 3e-3, 0.1}));
        const bool added =
            random_.chance(50) ? add(binary_kind(), {x, c}) : add(binary_kind(), {c, x});
        if (!added) {
            build_ = before;
        }
        return added;
    }

    // A factor or summand per channel, or per element of the last dimensions.
    bool propose_parameter() {
        const NodeId x = value();
        Shape p = shape(x);
        const int64_t cut = random_.between(0, int64_t(p.size()) - 1);
        p.erase(p.begin(), p.begin() + cut);
        for (int64_t &extent : p) {
            extent = random_.chance(50) ? 1 : extent;
        }
        const TestGraph before = build_;
        if (!add(Parameter{p}, {}) || !add(binary_kind(), {x, NodeId(graph().nodes.size()) - 1})) {
            build_ = before;
            return false;
        }
        return true;
    }

    bool propose_concat() {
        const NodeId a = value();
        const int64_t dim =
            random_.chance(80) ? 1 : random_.between(0, int64_t(shape(a).size()) - 1);
        std::vector<NodeId> operands = {a};
        const auto fits = [&](NodeId id) {
            Shape other = shape(id);
            if (other.size() != shape(a).size() || dim >= int64_t(other.size())) {
                return false;
            }
            other[size_t(dim)] = shape(a)[size_t(dim)];
            return other == shape(a);
        };
        for (NodeId id = 0; id < NodeId(graph().nodes.size()) && operands.size() < 4; ++id) {
            if (fits(id) && random_.chance(50)) {
                operands.push_back(id);
            }
        }
        std::rotate(operands.begin(),
                    operands.begin() + random_.between(0, int64_t(operands.size()) - 1),
                    operands.end());
        return operands.size() >= 2 && add(Concat{dim}, operands);
    }

    bool propose_softmax() {
        const NodeId x = value();
        return add(Softmax{random_.between(0, int64_t(shape(x).size()) - 1)}, {x});
    }

    bool propose_global() { return random_.chance(40) && add(GlobalAvgPool{}, {value()}); }

    bool propose_flatten() {
        const NodeId x = value();
        const int64_t last = int64_t(shape(x).size()) - 1;
        const int64_t start = random_.chance(80) ? std::min<int64_t>(1, last) : 0;
        return random_.chance(50) &&
               add(Flatten{start, random_.chance(80) ? last : random_.between(start, last)}, {x});
    }

    // Moves a factor of 2 or 3 from one dimension to its neighbour, or gives the last dimension
    // a neighbour of 1.
    bool propose_reshape() {
        const NodeId x = value();
        Shape to = shape(x);
        const int64_t factor = random_.between(1, 3);
        const size_t from = size_t(random_.between(0, int64_t(to.size()) - 1));
        if (to[from] % factor != 0) {
            return false;
        }
        to[from] /= factor;
        if (from + 1 < to.size()) {
            to[from + 1] *= factor;
        } else {
            to.push_back(factor);
        }
        return to.size() <= 5 && add(Reshape{to}, {x});
    }

    bool propose_linear() {
        const NodeId x = value();
        return shape(x).size() <= 3 && add(Linear{channels(), random_.chance(70)}, {x});
    }

    // A layer once more, on another value of the same type.
    bool propose_shared() {
        const NodeId like = value();
        const Node &node = graph()[like];
        if (!options_.shared_weights || node.params.empty() || node.inputs.empty()) {
            return false;
        }
        std::vector<NodeId> candidates;
        for (NodeId id = 0; id < NodeId(graph().nodes.size()); ++id) {
            if (graph()[id].type == graph()[node.inputs[0]].type && id != node.inputs[0]) {
                candidates.push_back(id);
            }
        }
        if (candidates.empty()) {
            return false;
        }
        const NodeId operand = random_.pick(candidates);
        build_.add_shared(like, {operand}, name(node.op, {operand}));
        return true;
    }

    // Everything nothing reads, up to a limit; sometimes a value from the middle as well.
    void add_outputs() {
        const std::vector<std::vector<NodeId>> readers = users(graph());
        for (NodeId id = NodeId(graph().nodes.size()) - 1; id >= 0; --id) {
            const Op &op = graph()[id].op;
            const bool source = std::holds_alternative<Input>(op) ||
                                std::holds_alternative<Constant>(op) ||
                                std::holds_alternative<Parameter>(op);
            const bool wanted = readers[size_t(id)].empty() || random_.chance(5);
            const size_t count = graph().outputs.size();
            if (!source && wanted && count < 4) {
                build_.output(fmt::format("y{}", count), id, layout(shape(id).size()));
            }
        }
    }

    Random random_;
    const RandomGraphOptions &options_;
    TestGraph build_;
    int rank_;
    int next_name_ = 1;
};

} // namespace

Graph random_graph(uint64_t seed, const RandomGraphOptions &options) {
    Graph graph = Generator(seed, options).generate();
    random_weights(graph, seed);
    return graph;
}

std::vector<TensorData> random_inputs(const Graph &graph, uint64_t seed) {
    std::vector<TensorData> inputs;
    for (NodeId id : graph.inputs) {
        const double range = std::sqrt(3.0);
        inputs.push_back(random_tensor(graph[id].type.shape, seed, graph[id].name, -range, range));
    }
    return inputs;
}

} // namespace cnnc
