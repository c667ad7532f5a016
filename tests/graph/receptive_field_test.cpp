// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Receptive fields against dependence found by trying: the reference interpreter runs chains of
// random layers while one position of the input after the other is changed.
#include "compiler/graph/analysis.h"
#include "compiler/graph/weights.h"
#include "compiler/reference/interpret.h"
#include "tests/random/test_graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace cnnc {
namespace {

constexpr int64_t width = 60;

int64_t some(std::mt19937 &random, int64_t low, int64_t high) {
    return low + int64_t(random() % uint32_t(high - low + 1));
}

// A chain of layers over [1, 2, width], and how far fields may be off: behind a layer that makes
// several elements from one, they lie between positions.
struct Chain {
    TestGraph graph;
    NodeId last = 0;
    double slack = 1e-6;

    int64_t extent() const { return graph.graph()[last].type.shape[2]; }
    double stride() const {
        return std::abs(receptive_fields(graph.graph())[size_t(last)][0]->stride);
    }
    void add(Op op) {
        const std::string name = "layer" + std::to_string(last);
        const double before = stride();
        if (const auto next = graph.try_add(op, {last}, name, 4000)) {
            const bool between = std::holds_alternative<ConvTranspose>(op) ||
                                 std::holds_alternative<Resize>(op) ||
                                 std::holds_alternative<AdaptiveAvgPool>(op);
            slack += between ? before : 0;
            last = *next;
        }
    }
};

Op random_resize(std::mt19937 &random, int64_t extent) {
    const int64_t size = std::max<int64_t>(1, extent * some(random, 1, 6) / 2);
    Resize resize;
    resize.size = {size};
    resize.scales = {double(size) / double(extent)};
    resize.mode = std::array{ResizeMode::nearest, ResizeMode::linear,
                             ResizeMode::cubic}[size_t(some(random, 0, 2))];
    resize.coordinates =
        std::array{ResizeCoordinates::half_pixel, ResizeCoordinates::pytorch_half_pixel,
                   ResizeCoordinates::align_corners,
                   ResizeCoordinates::asymmetric}[size_t(some(random, 0, 3))];
    resize.rounding =
        std::array{ResizeRounding::floor, ResizeRounding::ceil, ResizeRounding::round_prefer_floor,
                   ResizeRounding::round_prefer_ceil}[size_t(some(random, 0, 3))];
    return resize;
}

Op random_layer(std::mt19937 &random, int64_t extent) {
    const int64_t kernel = some(random, 1, 4), stride = some(random, 1, 3);
    switch (some(random, 0, 7)) {
    case 0: {
        Conv layer = conv(1, 2, kernel, stride, some(random, 0, 2));
        layer.dilation = {some(random, 1, 2)};
        return layer;
    }
    case 1:
        return ConvTranspose{2, {kernel}, {stride}, {0}, {0}, {0}, {some(random, 1, 3)}, 1, true};
    case 2:
        return max_pool(1, kernel, stride);
    case 3:
        return avg_pool(1, kernel, stride);
    case 4: {
        const int64_t step = some(random, 0, 1) ? some(random, 1, 2) : -1;
        const int64_t count = (extent + 1) / std::abs(step);
        return Slice{
            {0, 0, step > 0 ? 0 : extent - 1}, {1, 2, std::min(count, extent)}, {1, 1, step}};
    }
    case 5:
        return Pad{{0, 0, some(random, 0, 2)}, {0, 0, some(random, 0, 2)}, PadMode::constant, 0};
    case 6:
        return AdaptiveAvgPool{{some(random, 1, extent)}};
    default:
        return random_resize(random, extent);
    }
}

// Per element of the last map, the first and last position it depends on; {1, 0} for none.
std::vector<std::pair<int64_t, int64_t>> dependences(const Graph &graph) {
    std::vector<float> values(2 * width);
    std::mt19937 random(7);
    for (float &value : values)
        value = float(random() % 1000) / 1000;
    const auto run = [&] {
        return interpret(graph, {TensorData::from_floats({1, 2, width}, values)});
    };
    const std::vector<double> plain = run()[0].values;
    const size_t extent = plain.size() / 2;
    std::vector<std::pair<int64_t, int64_t>> found(extent, {1, 0});
    for (int64_t p = 0; p < width; ++p) {
        for (size_t c = 0; c < 2; ++c) {
            const size_t at = c * width + size_t(p);
            const float before = values[at];
            values[at] += 1000;
            const std::vector<double> changed = run()[0].values;
            values[at] = before;
            for (size_t i = 0; i < plain.size(); ++i) {
                if (changed[i] == plain[i])
                    continue;
                auto &[first, last] = found[i % extent];
                first = last < first ? p : first;
                last = p;
            }
        }
    }
    return found;
}

void check_chain(uint32_t seed) {
    std::mt19937 random(seed);
    Chain chain;
    chain.last = chain.graph.input("x", {1, 2, width});
    for (int64_t layers = some(random, 1, 4); layers > 0; --layers)
        chain.add(random_layer(random, chain.extent()));
    chain.graph.output("y", chain.last);
    Graph graph = chain.graph.finish();
    random_weights(graph, seed);
    const auto fields = receptive_fields(graph)[size_t(chain.last)];
    ASSERT_EQ(fields.size(), 1u);
    ASSERT_TRUE(fields[0]);
    const ReceptiveField field = *fields[0];
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + print_graph(graph));
    const auto found = dependences(graph);
    bool seen_whole = false;
    int inside = 0; // elements whose fields are inside the input
    for (size_t i = 0; i < found.size(); ++i) {
        const auto [first, last] = found[i];
        const double centre = field.centre + double(i) * field.stride;
        const double low = centre - (field.size - 1) / 2, high = centre + (field.size - 1) / 2;
        if (last >= first) {
            EXPECT_GE(double(first), low - chain.slack) << "element " << i;
            EXPECT_LE(double(last), high + chain.slack) << "element " << i;
        }
        inside += low >= 0 && high <= width - 1;
        seen_whole |= double(last - first + 1) >= field.size - 2 * chain.slack;
    }
    EXPECT_TRUE(seen_whole || inside < 4) << "nothing depends on " << field.size << " positions";
}

TEST(ReceptiveFields, AreWhatElementsDependOn) {
    for (uint32_t seed = 0; seed < 400; ++seed)
        check_chain(seed);
}

ReceptiveField field_of(const Graph &graph, NodeId node, size_t axis) {
    return receptive_fields(graph)[size_t(node)].at(axis).value();
}

TEST(ReceptiveFields, BranchesJoin) {
    TestGraph g;
    const NodeId x = g.input("x", {1, 2, 20, 20});
    const NodeId narrow = g.add(conv(2, 2, 3, 1, 1), {x}, "narrow");
    const NodeId wide = g.add(conv(2, 2, 7, 1, 3), {x}, "wide");
    const NodeId sum = g.add(Binary{BinaryKind::add}, {narrow, wide}, "sum");
    // Cut from another place: the union lies off the centre.
    const NodeId cut = g.add(Slice{{0, 0, 5, 0}, {1, 2, 15, 20}, {1, 1, 1, 1}}, {x}, "cut");
    const NodeId rest = g.add(Slice{{0, 0, 0, 0}, {1, 2, 15, 20}, {1, 1, 1, 1}}, {x}, "rest");
    const NodeId both = g.add(Concat{1}, {cut, rest}, "both");
    const NodeId gate = g.add(GlobalAvgPool{}, {x}, "gate");
    const NodeId gated = g.add(Binary{BinaryKind::mul}, {narrow, gate}, "gated");
    g.output("y", sum);
    EXPECT_EQ(field_of(g.graph(), sum, 0).size, 7);
    EXPECT_EQ(field_of(g.graph(), sum, 0).centre, 0);
    EXPECT_EQ(field_of(g.graph(), both, 0).size, 6);
    EXPECT_EQ(field_of(g.graph(), both, 0).centre, 2.5);
    EXPECT_EQ(field_of(g.graph(), both, 1).size, 1);
    EXPECT_EQ(field_of(g.graph(), gated, 0).size, 22) << "all of the map and its padding";
    EXPECT_EQ(field_of(g.graph(), gated, 0).stride, 0);
}

TEST(ReceptiveFields, ShapesArePassedThrough) {
    TestGraph g;
    NodeId x = g.input("x", {1, 4, 6, 10});
    x = g.add(conv(2, 4, 3, 2, 1), {x}, "conv"); // [1, 4, 3, 5]
    const NodeId grouped = g.add(Reshape{{1, 2, 2, 3, 5}}, {x}, "grouped");
    const NodeId swapped = g.add(Permute{{0, 2, 1, 3, 4}}, {grouped}, "swapped");
    const NodeId shuffled = g.add(Reshape{{1, 4, 3, 5}}, {swapped}, "shuffled");
    const NodeId after = g.add(conv(2, 4, 3, 1, 1), {shuffled}, "after");
    EXPECT_EQ(field_of(g.graph(), after, 0).size, 7);
    const NodeId tokens = g.add(Reshape{{1, 4, 15}}, {x}, "tokens");
    const NodeId rows = g.add(Permute{{0, 2, 1}}, {tokens}, "rows");
    const NodeId mixed = g.add(Linear{8, true}, {rows}, "mixed"); // of channels
    EXPECT_EQ(field_of(g.graph(), mixed, 1).size, 3);
    const NodeId scores = g.add(MatMul{}, {rows, tokens}, "scores");
    EXPECT_EQ(field_of(g.graph(), scores, 1).size, 3 + 4 * 2);
    const NodeId back = g.add(Reshape{{1, 3, 5, 8}}, {mixed}, "back");
    const NodeId map = g.add(Permute{{0, 3, 1, 2}}, {back}, "map");
    const NodeId last = g.add(conv(2, 4, 3, 1, 1), {map}, "last");
    EXPECT_EQ(field_of(g.graph(), last, 1).size, 7);
}

TEST(ReceptiveFields, AreUnknownBehindRearrangements) {
    TestGraph g;
    const NodeId x = g.input("x", {1, 4, 8, 8});
    // Blocks of 2 x 2 become channels, by hand.
    const NodeId blocks = g.add(Reshape{{1, 4, 4, 2, 4, 2}}, {x}, "blocks");
    const NodeId moved = g.add(Permute{{0, 1, 3, 5, 2, 4}}, {blocks}, "moved");
    const NodeId merged = g.add(Reshape{{1, 16, 4, 4}}, {moved}, "merged");
    const NodeId conved = g.add(conv(2, 4, 3), {merged}, "conved");
    const NodeId fc = g.add(Linear{3, true}, {g.add(Flatten{1, 3}, {merged}, "flat")}, "fc");
    const NodeId mirrored = g.add(IndexSelect{2, {0, 1, 1, 0}}, {x}, "mirrored");
    const auto fields = receptive_fields(g.graph());
    EXPECT_EQ(fields[size_t(merged)][0].value().size, 1);
    EXPECT_FALSE(fields[size_t(conved)][0]);
    EXPECT_EQ(fields[size_t(fc)][0].value().size, 8);
    EXPECT_FALSE(fields[size_t(mirrored)][0]);
    EXPECT_EQ(fields[size_t(mirrored)][1].value().size, 1);
}

TEST(ReceptiveFields, ImagesMayHaveTheirChannelsLast) {
    TestGraph g;
    NodeId x = g.input("x", {1, 64, 48, 3}, Layout::nchw, DType::f32);
    x = g.add(Permute{{0, 3, 1, 2}}, {x}, "channels_first");
    x = g.add(conv(2, 4, 5, 2, 2), {x}, "conv");
    for (size_t axis : {0, 1}) {
        EXPECT_EQ(field_of(g.graph(), x, axis).size, 5);
        EXPECT_EQ(field_of(g.graph(), x, axis).stride, 2);
        EXPECT_EQ(field_of(g.graph(), x, axis).centre, 0);
    }
}

} // namespace
} // namespace cnnc
