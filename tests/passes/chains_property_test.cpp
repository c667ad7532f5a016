// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random chains of operators that move, resample and convert pictures, one reading the other: what
// merging samples and views has to get right. Each chain's kernels are executed and compared with
// the interpreter.
#include "compiler/passes/passes.h"
#include "compiler/plan/plan.h"
#include "compiler/reference/interpret.h"
#include "tests/passes/execute_kernels.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace cnnc {
namespace {

constexpr int chains = 1500;
constexpr int64_t max_chain_elements = 6000;

class Chain {
  public:
    explicit Chain(uint64_t seed) : rng_(seed) {}

    Graph make() {
        const bool bytes = chance(60);
        value_ = g_.input("x", {below(2) + 1, below(4) + 1, below(8) + 2, below(9) + 2},
                          chance(50) ? Layout::nhwc : Layout::nchw, bytes ? DType::u8 : DType::f32);
        for (int i = 0, steps = int(below(8)) + 2; i < steps; i++) {
            step();
            if (chance(10))
                g_.output("side" + std::to_string(i), value_);
        }
        const bool image = type().shape.size() >= 3 && chance(50);
        g_.output("y", value_, image ? Layout::nhwc : Layout::nchw);
        return g_.finish();
    }

  private:
    int64_t below(int64_t n) { return int64_t(rng_() % uint64_t(n)); }
    bool chance(int percent) { return below(100) < percent; }
    const TensorType &type() const { return g_.graph()[value_].type; }
    size_t rank() const { return type().shape.size(); }

    void add(Op op, std::vector<NodeId> more = {}) {
        std::vector<NodeId> operands = {value_};
        operands.insert(operands.end(), more.begin(), more.end());
        const auto id =
            g_.try_add(std::move(op), operands, "n" + std::to_string(count_++), max_chain_elements);
        value_ = id.value_or(value_);
    }

    void step() {
        if (rank() == 0)
            return;
        switch (below(13)) {
        case 0:
            return slice();
        case 1:
            return pad();
        case 2:
            return permute();
        case 3:
            return reshape();
        case 4:
            return index_select();
        case 5:
            return resize();
        case 6:
            return add(Cast{DType::f32});
        case 7:
        case 8:
            return arithmetic();
        case 9:
            return add(Unary{UnaryKind::softsign});
        case 10:
            return tile();
        case 11:
            return shuffle();
        default:
            return reduce();
        }
    }

    void slice() {
        Slice s;
        for (int64_t extent : type().shape) {
            const int64_t first = below(extent), last = below(extent);
            const int64_t step = first == last ? 1 : below(std::abs(last - first)) + 1;
            const bool whole = chance(50);
            s.starts.push_back(whole ? 0 : first);
            s.extents.push_back(whole ? extent : std::abs(last - first) / step + 1);
            s.steps.push_back(whole ? 1 : last < first ? -step : step);
        }
        add(s);
    }

    void pad() {
        Pad p;
        p.mode = PadMode(below(4));
        p.value = double(below(3));
        for (int64_t extent : type().shape) {
            const int64_t most =
                p.mode == PadMode::reflect ? extent - 1 : std::min<int64_t>(extent, 3);
            const bool crops = p.mode == PadMode::constant && extent > 2 && chance(30);
            p.lo.push_back(chance(50) ? 0 : crops ? -1 : below(most + 1));
            p.hi.push_back(chance(50) ? 0 : crops ? -1 : below(most + 1));
        }
        add(p);
    }

    void permute() {
        Permute p;
        for (size_t d = 0; d < rank(); d++)
            p.dims.push_back(int64_t(d));
        std::shuffle(p.dims.begin(), p.dims.end(), rng_);
        add(p);
    }

    // Joins or splits dimensions, so that every rank from 1 to 5 turns up.
    void reshape() {
        Shape shape = type().shape;
        if (shape.size() > 1 && (shape.size() > 4 || chance(50))) {
            const auto d = size_t(below(int64_t(shape.size()) - 1));
            shape[d] *= shape[d + 1];
            shape.erase(shape.begin() + std::ptrdiff_t(d) + 1);
        } else {
            const auto d = size_t(below(int64_t(shape.size())));
            const int64_t factor = shape[d] % 2 == 0 ? 2 : shape[d] % 3 == 0 ? 3 : 1;
            shape[d] /= factor;
            shape.insert(shape.begin() + std::ptrdiff_t(d), factor);
        }
        add(Reshape{shape});
    }

    void index_select() {
        const int64_t dim = below(int64_t(rank()));
        IndexSelect s{dim, {}};
        for (int64_t i = below(6) + 1; i > 0; i--)
            s.index.push_back(below(type().shape[size_t(dim)]));
        add(s);
    }

    void resize() {
        if (rank() < 3 || rank() > 5)
            return;
        Resize r;
        r.mode = ResizeMode(below(3));
        r.coordinates = ResizeCoordinates(below(4));
        r.antialias = r.mode != ResizeMode::nearest && chance(30);
        for (size_t d = 2; d < rank(); d++) {
            r.size.push_back(chance(30) ? type().shape[d] : below(12) + 1);
            r.scales.push_back(double(r.size.back()) / double(type().shape[d]));
        }
        add(r);
    }

    // With a number, or with constants along one dimension.
    void arithmetic() {
        const BinaryKind kinds[] = {BinaryKind::add, BinaryKind::sub, BinaryKind::mul};
        if (type().dtype != DType::f32)
            return;
        Shape shape(rank(), 1);
        if (chance(60)) {
            const auto d = size_t(below(int64_t(rank())));
            shape[d] = type().shape[d];
        }
        std::vector<double> values;
        for (int64_t i = 0; i < element_count(shape); i++)
            values.push_back(double(float(below(20)) / 8 - 1));
        add(Binary{kinds[below(3)]}, {g_.constant(Constant{{DType::f32, shape}, values})});
    }

    void tile() {
        Tile t;
        for (size_t d = 0; d < rank(); d++)
            t.repeats.push_back(chance(70) ? 1 : 2);
        add(t);
    }

    void shuffle() {
        if (chance(50))
            return add(ChannelShuffle{2});
        chance(50) ? add(PixelShuffle{2}) : add(PixelUnshuffle{2});
    }

    void reduce() {
        if (chance(70))
            return;
        add(Reduce{ReduceKind::sum, {below(int64_t(rank()))}, chance(50)});
    }

    std::mt19937_64 rng_;
    TestGraph g_;
    NodeId value_ = -1;
    int count_ = 0;
};

void expect_computes(const Graph &graph, const KernelGraph &kernels, uint64_t seed) {
    const Plan plan = plan_memory(kernels);
    ASSERT_EQ(verify(kernels), std::vector<std::string>());
    ASSERT_EQ(verify(plan, kernels), std::vector<std::string>());
    const auto inputs = random_inputs(graph, seed);
    const auto expected = interpret(graph, inputs);
    const auto actual = execute(kernels, plan, inputs);
    for (size_t i = 0; i < expected.size(); i++) {
        double largest = 1;
        for (double v : expected[i].values)
            largest = std::max(largest, std::fabs(v));
        for (size_t j = 0; j < expected[i].values.size(); j++)
            ASSERT_NEAR(expected[i].values[j],
                        load_element(actual[i].type.dtype, actual[i].bytes, int64_t(j)),
                        1e-4 * largest)
                << "output " << i << ", element " << j;
    }
}

TEST(ChainProperties, KernelsComputeTheChain) {
    size_t operators = 0, kernels_made = 0;
    for (uint64_t seed = 0; seed < chains; seed++) {
        const Graph graph = Chain(seed).make();
        ASSERT_EQ(verify(graph), std::vector<std::string>());
        const Graph optimized = optimize(graph);
        ASSERT_EQ(verify(optimized), std::vector<std::string>()) << print_graph(graph);
        const KernelGraph kernels = form_kernels(optimized);
        expect_computes(graph, kernels, seed);
        if (HasFatalFailure())
            FAIL() << "seed " << seed << "\n" << print_graph(graph) << kernel_graph_text(kernels);
        operators += graph.nodes.size() - 1;
        kernels_made += kernels.kernels.size();
    }
    // Chains fold: one kernel per output and some copies, far fewer than operators.
    EXPECT_LT(2 * kernels_made, operators);
}

} // namespace
} // namespace cnnc
