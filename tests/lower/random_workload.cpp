// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/random_workload.h"

#include "compiler/graph/graph.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <random>

namespace cnnc {
namespace {

using Ints = std::vector<int64_t>;

class Generator {
  public:
    Generator(uint64_t seed, const RandomWorkloadOptions &options)
        : random_(seed), options_(options) {}

    // A workload, or nothing where the numbers drawn do not fit together.
    std::optional<Workload> attempt() {
        Workload w;
        Shape in = draw_anchor(w);
        std::optional<Shape> out = result_shape(w.anchor, in);
        if (!out || work(w.anchor, in, *out) > options_.max_work)
            return std::nullopt;
        bool image = in.size() > 3;
        w.inputs = {image && chance(70) ? image_view(in) : view(in)};
        w.output = out->size() > 3 && chance(70) ? image_view(*out) : view(*out);
        if (std::holds_alternative<Unary>(w.anchor))
            broadcast_some(w.inputs[0]);
        add_epilogue(w);
        if (!workload_problem(w).empty())
            return std::nullopt;
        return w;
    }

  private:
    int64_t uniform(int64_t low, int64_t high) {
        return low + int64_t(random_() % uint64_t(high - low + 1));
    }
    bool chance(int percent) { return uniform(1, 100) <= percent; }

    // Small numbers are as likely as large ones; multiples of the vector length come often.
    int64_t extent(int64_t most) {
        int64_t limit = std::max<int64_t>(1, most >> uniform(0, 4));
        int64_t e = uniform(1, limit);
        return chance(30) ? std::min(most, (e + 7) / 8 * 8) : e;
    }
    int64_t channels() { return extent(options_.max_channels); }

    Ints list(size_t count, int64_t low, int64_t high) {
        Ints values(count);
        for (int64_t &v : values)
            v = uniform(low, high);
        return values;
    }

    Shape image_shape(int64_t channels) {
        Shape shape = {chance(80) ? 1 : uniform(2, 3), channels};
        size_t rank = chance(85) ? 2 : 3;
        for (size_t i = 0; i < rank; ++i)
            shape.push_back(extent(options_.max_extent));
        if (rank == 2 && chance(10)) // 1-D as 2-D
            shape[2] = 1;
        return shape;
    }

    // ---- anchors ----

    // Sets w.anchor; returns the shape it reads.
    Shape draw_anchor(Workload &w) {
        switch (uniform(0, 11)) {
        case 0:
        case 1:
        case 2:
            return draw_conv(w, chance(20) ? uniform(1, 4) : channels());
        case 3:
            return draw_grouped(w);
        case 4:
            return draw_depthwise(w);
        case 5:
            return draw_linear(w);
        case 6:
        case 7:
            return draw_pool(w);
        case 8: {
            w.anchor = GlobalAvgPool{};
            return image_shape(channels());
        }
        case 9:
            return draw_softmax(w);
        default:
            w.anchor = Unary{};
            return chance(60) ? image_shape(channels()) : any_shape();
        }
    }

    Shape any_shape() {
        Shape shape;
        for (int64_t rank = uniform(0, 5); rank > 0; --rank)
            shape.push_back(extent(rank > 3 ? 6 : options_.max_extent));
        return shape;
    }

    // Spatial arguments for an image of this shape.
    Conv window_of(const Shape &in) {
        size_t rank = in.size() - 2;
        Conv c;
        bool square = chance(50);
        c.kernel = square ? Ints(rank, uniform(1, 4)) : list(rank, 1, chance(30) ? 7 : 3);
        c.stride = chance(60) ? Ints(rank, 1) : list(rank, 1, 3);
        c.dilation = chance(75) ? Ints(rank, 1) : list(rank, 1, 3);
        c.pad_lo = c.pad_hi = Ints(rank, 0);
        for (size_t i = 0; i < rank; ++i) {
            int64_t reach = c.dilation[i] * (c.kernel[i] - 1);
            if (in[i + 2] == 1 && rank == 2 && chance(80)) {
                c.kernel[i] = c.stride[i] = c.dilation[i] = 1;
                continue;
            }
            c.pad_lo[i] = c.pad_hi[i] = square ? reach / 2 : 0;
            if (chance(30)) {
                c.pad_lo[i] = uniform(0, reach + 1);
                c.pad_hi[i] = uniform(0, reach + 1);
            }
        }
        c.bias = chance(70);
        return c;
    }

    Shape draw_conv(Workload &w, int64_t in_channels) {
        Shape in = image_shape(in_channels);
        Conv c = window_of(in);
        c.out_channels = channels();
        if (chance(25)) { // 1x1, whose pixels may join
            c.kernel = c.dilation = Ints(in.size() - 2, 1);
            c.pad_lo = c.pad_hi = Ints(in.size() - 2, 0);
            c.stride = Ints(in.size() - 2, chance(80) ? 1 : 2);
        }
        w.anchor = c;
        return in;
    }

    Shape draw_grouped(Workload &w) {
        int64_t groups = uniform(1, 6);
        Shape in = draw_conv(w, groups * extent(20));
        Conv &c = std::get<Conv>(w.anchor);
        c.groups = groups;
        c.out_channels = groups * extent(20);
        return in;
    }

    Shape draw_depthwise(Workload &w) {
        Shape in = image_shape(channels());
        Conv c = window_of(in);
        c.groups = in[1];
        c.out_channels = in[1] * (chance(75) ? 1 : uniform(2, 3)); // depth multiplier
        w.anchor = c;
        return in;
    }

    Shape draw_linear(Workload &w) {
        w.anchor = Linear{channels(), chance(70)};
        Shape in = {chance(40) ? 1 : extent(options_.max_extent)};
        if (chance(60)) {
            in.push_back(extent(4 * options_.max_channels));
            return in;
        }
        Shape image = image_shape(extent(options_.max_channels)); // flattened
        in.insert(in.end(), image.begin() + 1, image.end());
        return in;
    }

    Shape draw_pool(Workload &w) {
        Shape in = image_shape(channels());
        Conv c = window_of(in);
        for (size_t i = 0; i < c.kernel.size(); ++i) {
            c.pad_lo[i] = std::min(c.pad_lo[i], c.kernel[i] / 2);
            c.pad_hi[i] = std::min(c.pad_hi[i], c.kernel[i] / 2);
        }
        if (chance(50))
            w.anchor = MaxPool{c.kernel, c.stride, c.pad_lo, c.pad_hi, c.dilation, chance(40)};
        else
            w.anchor = AvgPool{c.kernel, c.stride, c.pad_lo, c.pad_hi, chance(40), chance(50)};
        return in;
    }

    Shape draw_softmax(Workload &w) {
        Shape in = chance(50) ? Shape{extent(8), extent(4 * options_.max_channels)} : any_shape();
        if (in.empty())
            in = {1};
        w.anchor = Softmax{uniform(0, int64_t(in.size()) - 1)};
        return in;
    }

    static std::optional<Shape> result_shape(const Op &op, const Shape &in) {
        if (auto *linear = std::get_if<Linear>(&op))
            return Shape{in[0], linear->out_features};
        Diagnostics ignored;
        auto type = infer_type(op, {{DType::f32, in}}, {}, ignored);
        return type ? std::optional(type->shape) : std::nullopt;
    }

    static int64_t work(const Op &op, const Shape &in, const Shape &out) {
        int64_t work = element_count(in) + element_count(out);
        int64_t each = match(
            op, [&](const Conv &c) { return in[1] / c.groups * element_count(c.kernel); },
            [&](const Linear &) { return element_count(in) / in[0]; },
            [&](const MaxPool &p) { return element_count(p.kernel); },
            [&](const AvgPool &p) { return element_count(p.kernel); },
            [&](const Softmax &s) { return in[size_t(s.dim)]; },
            [](const auto &) { return int64_t(1); });
        return work + each * element_count(out);
    }

    // ---- views ----

    // Strides for dimensions that lie in memory in this order, innermost first. Some have gaps
    // behind them, as a slice of a wider tensor has.
    TensorView strided(const Shape &shape, const std::vector<size_t> &order) {
        TensorView v{DType::f32, shape, Ints(shape.size())};
        size_t gap = chance(25) && !order.empty() ? size_t(uniform(0, int64_t(order.size()) - 1))
                                                  : order.size();
        int64_t stride = 1;
        for (size_t i = 0; i < order.size(); ++i) {
            v.strides[order[i]] = stride;
            stride *= shape[order[i]];
            if (i == gap)
                stride += stride / shape[order[i]] * uniform(1, 9);
        }
        return v;
    }

    // Channels last or first.
    TensorView image_view(const Shape &shape) {
        std::vector<size_t> order;
        if (chance(75))
            order.push_back(1);
        for (size_t d = shape.size(); d-- > 2;)
            order.push_back(d);
        if (order.size() + 2 == shape.size())
            order.push_back(1);
        order.push_back(0);
        return strided(shape, order);
    }

    // Dense or sliced row-major, channels-last, or with the dimensions in any order.
    TensorView view(const Shape &shape) {
        if (shape.size() > 3 && chance(50))
            return image_view(shape);
        std::vector<size_t> order(shape.size());
        std::iota(order.rbegin(), order.rend(), size_t(0));
        if (chance(35))
            std::shuffle(order.begin(), order.end(), random_);
        TensorView v = strided(shape, order);
        // The stride of a dimension with one element says nothing.
        for (size_t d = 0; d < shape.size(); ++d)
            if (shape[d] == 1 && chance(30))
                v.strides[d] = chance(50) ? 0 : uniform(1, 100);
        return v;
    }

    // A pointwise kernel may read a broadcast operand: full shape, stride 0.
    void broadcast_some(TensorView &v) {
        if (!chance(25))
            return;
        for (int64_t &stride : v.strides)
            if (chance(40))
                stride = 0;
    }

    // ---- epilogues ----

    void add_epilogue(Workload &w) {
        for (int64_t steps = chance(40) ? uniform(0, 1) : uniform(0, 4); steps > 0; --steps)
            w.epilogue.push_back(chance(50) ? unary_step() : binary_step(w));
    }

    EpilogueStep unary_step() {
        Unary u{UnaryKind(uniform(int64_t(UnaryKind::identity), int64_t(UnaryKind::hard_swish)))};
        constexpr double infinity = std::numeric_limits<double>::infinity();
        if (u.kind == UnaryKind::dropout)
            u.a = 0.5;
        if (u.kind == UnaryKind::clamp) {
            u.a = chance(30) ? -infinity : -0.5;
            u.b = chance(30) ? infinity : 0.75;
        }
        if (u.kind == UnaryKind::leaky_relu)
            u.a = chance(50) ? 0.01 : -0.5;
        return {u, -1, 0, false};
    }

    EpilogueStep binary_step(Workload &w) {
        EpilogueStep step{Binary{BinaryKind(uniform(0, 2))}, -1, 0, chance(40)};
        if (chance(30)) {
            step.scalar = double(uniform(-8, 8)) / 4;
            return step;
        }
        step.input = int(w.inputs.size());
        w.inputs.push_back(operand(w.output.shape));
        return step;
    }

    // Full, per channel, a scalar, or broadcast along any dimensions.
    TensorView operand(const Shape &output) {
        Shape shape = output;
        int64_t kind = uniform(0, 3);
        for (size_t d = 0; d < shape.size(); ++d)
            if ((kind == 1 && d != 1) || kind == 2 || (kind == 3 && chance(50)))
                shape[d] = 1;
        TensorView v = view(shape);
        for (size_t d = 0; d < shape.size(); ++d)
            if (shape[d] != output[d])
                v.strides[d] = 0;
        return v;
    }

    std::mt19937_64 random_;
    RandomWorkloadOptions options_;
};

} // namespace

Workload random_workload(uint64_t seed, const RandomWorkloadOptions &options) {
    Generator generator(seed, options);
    for (;;)
        if (std::optional<Workload> w = generator.attempt())
            return *w;
}

} // namespace cnnc
