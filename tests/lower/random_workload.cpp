// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/random_workload.h"

#include "compiler/graph/graph.h"
#include "tests/lower/random_epilogue.h"

#include <algorithm>
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
        dtype_ = DType::f32;
        Shape in = draw_anchor(w);
        if (!std::holds_alternative<MatMul>(w.anchor)) // which has made its own
            w.inputs.insert(w.inputs.begin(), likely_view(dtype_, in));
        std::optional<Shape> out = result_shape(w, in);
        if (!out || work(w, in, *out) > options_.max_work)
            return std::nullopt;
        w.output = likely_view(DType::f32, *out);
        if (std::holds_alternative<Unary>(w.anchor) || std::holds_alternative<Reduce>(w.anchor) ||
            std::holds_alternative<Sample>(w.anchor))
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
        switch (uniform(0, 20)) {
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
        case 8:
        case 9:
        case 10:
            return draw_reduce(w);
        case 11:
            return draw_softmax(w);
        case 12:
            return draw_positions(w);
        case 13:
        case 14:
        case 15:
            return draw_sample(w);
        case 16:
        case 17:
            return draw_matmul(w);
        default:
            w.anchor = Unary{};
            dtype_ = any_dtype();
            return chance(60) ? image_shape(channels()) : any_shape();
        }
    }

    DType any_dtype() {
        constexpr DType dtypes[] = {DType::u8, DType::i8, DType::i32, DType::i64, DType::boolean};
        return chance(60) ? DType::f32 : dtypes[uniform(0, 4)];
    }
    DType number_dtype() { return chance(70) ? DType::f32 : chance(50) ? DType::i32 : DType::i64; }

    // Not of rank 0.
    Shape some_shape() {
        Shape shape = chance(50) ? image_shape(channels()) : any_shape();
        if (shape.empty())
            shape = {extent(4 * options_.max_channels)};
        return shape;
    }
    int64_t dim_of(const Shape &shape) { return uniform(0, int64_t(shape.size()) - 1); }
    Ints some_dims(const Shape &shape) {
        Ints dims;
        for (int64_t d = 0; d < int64_t(shape.size()); ++d)
            if (chance(50))
                dims.push_back(d);
        return dims.empty() ? Ints{dim_of(shape)} : dims;
    }

    Shape draw_reduce(Workload &w) {
        constexpr ReduceKind kinds[] = {ReduceKind::sum,  ReduceKind::mean, ReduceKind::amax,
                                        ReduceKind::amin, ReduceKind::l1,   ReduceKind::sum_square};
        Shape in = some_shape();
        Reduce r{kinds[uniform(0, 5)], some_dims(in), true};
        if (chance(10)) { // of few numbers: the product of many says nothing
            r = {ReduceKind::prod, {dim_of(in)}, true};
            in[size_t(r.dims[0])] = uniform(1, 10);
        }
        if (in.size() > 3 && chance(40)) { // a mean of images
            r.dims.clear();
            for (size_t d = 2; d < in.size(); ++d)
                r.dims.push_back(int64_t(d));
        }
        if (r.kind != ReduceKind::mean && r.kind != ReduceKind::l1)
            dtype_ = number_dtype();
        w.anchor = r;
        return in;
    }

    Shape draw_positions(Workload &w) {
        Shape in = some_shape();
        dtype_ = number_dtype();
        int64_t dim = dim_of(in);
        if (chance(50))
            w.anchor = ArgReduce{chance(50), dim, true};
        else
            w.anchor = TopK{uniform(1, std::min<int64_t>(6, in[size_t(dim)])), dim, chance(50),
                            chance(50)};
        return in;
    }

    Shape draw_sample(Workload &w) {
        constexpr SampleKind kinds[] = {SampleKind::pick, SampleKind::weighted_sum,
                                        SampleKind::max};
        Shape in = some_shape();
        Sample s{kinds[uniform(0, 2)], some_dims(in), 0};
        if (s.kind == SampleKind::pick) {
            dtype_ = any_dtype();
            s.fill = double(uniform(0, 1));
        } else if (s.kind == SampleKind::weighted_sum && chance(50)) {
            dtype_ = DType::u8;
        }
        if (in.size() == 4 && chance(50)) // images, as resize does
            s.dims = {2, 3};
        for (size_t i = 0; i < s.dims.size(); ++i) {
            int64_t taps = s.kind == SampleKind::pick ? 1 : uniform(1, chance(80) ? 3 : 9);
            Shape table = {extent(options_.max_extent), taps};
            w.inputs.push_back(row_major(DType::i32, table));
            if (s.kind == SampleKind::weighted_sum)
                w.inputs.push_back(row_major(DType::f32, table));
        }
        w.anchor = s;
        return in;
    }

    // Returns the shape of the left operand.
    Shape draw_matmul(Workload &w) {
        Shape a;
        for (int64_t rank = chance(50) ? 0 : uniform(1, 3); rank > 0; --rank)
            a.push_back(uniform(1, 4));
        Shape b = a;
        int64_t k = extent(2 * options_.max_channels);
        a.insert(a.end(), {extent(2 * options_.max_channels), k});
        b.insert(b.end(), {k, extent(2 * options_.max_channels)});
        for (const Shape &shape : {a, b}) {
            TensorView v = view(DType::f32, shape);
            for (size_t d = 0; d + 2 < shape.size(); ++d)
                if (chance(15))
                    v.strides[d] = 0;
            w.inputs.push_back(v);
        }
        w.anchor = MatMul{};
        return a;
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
        w.anchor = Softmax{dim_of(in), chance(40)};
        return in;
    }

    static std::optional<Shape> result_shape(const Workload &w, Shape in) {
        if (auto *linear = std::get_if<Linear>(&w.anchor))
            return Shape{in[0], linear->out_features};
        if (std::holds_alternative<MatMul>(w.anchor)) {
            in.back() = w.inputs[1].shape.back();
            return in;
        }
        if (auto *reduce = std::get_if<Reduce>(&w.anchor))
            for (int64_t dim : reduce->dims)
                in[size_t(dim)] = 1;
        if (auto *arg = std::get_if<ArgReduce>(&w.anchor))
            in[size_t(arg->dim)] = 1;
        if (auto *top = std::get_if<TopK>(&w.anchor))
            in[size_t(top->dim)] = top->k;
        if (auto *sample = std::get_if<Sample>(&w.anchor))
            for (size_t i = 0; i < sample->dims.size(); ++i)
                in[size_t(sample->dims[i])] = table_of(w, *sample, i).shape[0];
        bool window = std::holds_alternative<Conv>(w.anchor) ||
                      std::holds_alternative<MaxPool>(w.anchor) ||
                      std::holds_alternative<AvgPool>(w.anchor);
        if (!window)
            return in;
        Diagnostics ignored;
        auto type = infer_type(w.anchor, {{DType::f32, in}}, {}, ignored);
        return type ? std::optional(type->shape) : std::nullopt;
    }

    static const TensorView &table_of(const Workload &w, const Sample &sample, size_t i) {
        return w.inputs[1 + i * (sample.kind == SampleKind::weighted_sum ? 2 : 1)];
    }

    static int64_t work(const Workload &w, const Shape &in, const Shape &out) {
        int64_t work = element_count(in) + element_count(out);
        int64_t each = match(
            w.anchor, [&](const Conv &c) { return in[1] / c.groups * element_count(c.kernel); },
            [&](const Linear &) { return element_count(in) / in[0]; },
            [&](const MatMul &) { return in.back(); },
            [&](const MaxPool &p) { return element_count(p.kernel); },
            [&](const AvgPool &p) { return element_count(p.kernel); },
            [&](const Softmax &s) { return in[size_t(s.dim)]; },
            [&](const Reduce &) { return element_count(in) / element_count(out); },
            [&](const ArgReduce &a) { return 4 * in[size_t(a.dim)]; },
            [&](const TopK &t) { return 4 * in[size_t(t.dim)]; },
            [&](const Sample &s) {
                int64_t taps = 1;
                for (size_t i = 0; i < s.dims.size(); ++i)
                    taps *= table_of(w, s, i).shape[1];
                return taps;
            },
            [](const auto &) { return int64_t(1); });
        return work + each * element_count(out);
    }

    // ---- views ----

    // Strides for dimensions that lie in memory in this order, innermost first. Some have gaps
    // behind them, as a slice of a wider tensor has.
    TensorView strided(DType dtype, const Shape &shape, const std::vector<size_t> &order) {
        TensorView v{dtype, shape, Ints(shape.size())};
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
    TensorView image_view(DType dtype, const Shape &shape) {
        std::vector<size_t> order;
        if (chance(75))
            order.push_back(1);
        for (size_t d = shape.size(); d-- > 2;)
            order.push_back(d);
        if (order.size() + 2 == shape.size())
            order.push_back(1);
        order.push_back(0);
        return strided(dtype, shape, order);
    }

    // Dense or sliced row-major, channels-last, or with the dimensions in any order.
    TensorView view(DType dtype, const Shape &shape) {
        if (shape.size() > 3 && chance(50))
            return image_view(dtype, shape);
        std::vector<size_t> order(shape.size());
        std::iota(order.rbegin(), order.rend(), size_t(0));
        if (chance(35))
            std::shuffle(order.begin(), order.end(), random_);
        TensorView v = strided(dtype, shape, order);
        // The stride of a dimension with one element says nothing.
        for (size_t d = 0; d < shape.size(); ++d)
            if (shape[d] == 1 && chance(30))
                v.strides[d] = chance(50) ? 0 : uniform(1, 100);
        return v;
    }

    TensorView likely_view(DType dtype, const Shape &shape) {
        return shape.size() > 3 && chance(70) ? image_view(dtype, shape) : view(dtype, shape);
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
        int64_t steps = chance(40) ? uniform(0, 1) : uniform(0, 4);
        add_random_epilogue(
            w, steps, [&](DType dtype) { return operand(dtype, w.output.shape); }, random_);
    }

    // Full, per channel, a scalar, or broadcast along any dimensions.
    TensorView operand(DType dtype, const Shape &output) {
        Shape shape = output;
        int64_t kind = uniform(0, 3);
        for (size_t d = 0; d < shape.size(); ++d)
            if ((kind == 1 && d != 1) || kind == 2 || (kind == 3 && chance(50)))
                shape[d] = 1;
        TensorView v = view(dtype, shape);
        for (size_t d = 0; d < shape.size(); ++d)
            if (shape[d] != output[d])
                v.strides[d] = 0;
        return v;
    }

    std::mt19937_64 random_;
    RandomWorkloadOptions options_;
    DType dtype_ = DType::f32; // of the anchor's operand
};

} // namespace

Workload random_workload(uint64_t seed, const RandomWorkloadOptions &options) {
    Generator generator(seed, options);
    for (;;)
        if (std::optional<Workload> w = generator.attempt())
            return *w;
}

} // namespace cnnc
