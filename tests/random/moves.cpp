// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Proposals of what moves elements of any type, or resamples them.
#include "tests/random/generator.h"

#include <algorithm>
#include <numeric>

namespace cnnc {

const std::vector<bool (Generator::*)()> &Generator::move_proposals() {
    static const std::vector<bool (Generator::*)()> proposals = {
        &Generator::propose_slice,   &Generator::propose_slice,   &Generator::propose_pad,
        &Generator::propose_pad,     &Generator::propose_permute, &Generator::propose_permute,
        &Generator::propose_expand,  &Generator::propose_tile,    &Generator::propose_index_select,
        &Generator::propose_shuffle, &Generator::propose_shuffle, &Generator::propose_resize,
        &Generator::propose_resize,  &Generator::propose_resize,  &Generator::propose_sample,
        &Generator::propose_image,   &Generator::propose_image,
    };
    return proposals;
}

// Mostly floats; pixels, integers and bools too.
NodeId Generator::movable() {
    const NodeId other = any([&](NodeId id) { return !shape(id).empty() && !is_moderate(id); });
    return other == none || random_.chance(prefers_types_ ? 30 : 80) ? value() : other;
}

bool Generator::propose_slice() {
    const NodeId x = movable();
    Slice s;
    for (int64_t extent : shape(x)) {
        const bool whole = random_.chance(50);
        int64_t start = whole ? 0 : random_.between(0, extent - 1);
        const int64_t step = whole || random_.chance(60) ? 1 : random_.between(2, 3);
        const int64_t room = (extent - 1 - start) / step + 1;
        const int64_t count = whole ? extent : random_.between((room + 1) / 2, room);
        const bool backwards = random_.chance(15);
        s.starts.push_back(backwards ? start + (count - 1) * step : start);
        s.extents.push_back(count);
        s.steps.push_back(backwards ? -step : step);
    }
    return add(s, {x});
}

bool Generator::propose_pad() {
    const NodeId x = movable();
    Pad p;
    p.mode = PadMode(random_.between(0, int64_t(PadMode::circular)));
    const bool crops = p.mode == PadMode::constant && random_.chance(30);
    const bool zero = type(x).dtype == DType::boolean || random_.chance(50);
    p.value = p.mode != PadMode::constant || zero ? 0 : 2;
    for (int64_t extent : shape(x)) {
        const bool here = random_.chance(50);
        const int64_t most = std::min<int64_t>(extent - 1, 3);
        const int64_t least = crops ? -(extent - 1) / 3 : 0;
        p.lo.push_back(here ? random_.between(least, most) : 0);
        p.hi.push_back(here ? random_.between(least, most) : 0);
    }
    return add(p, {x});
}

bool Generator::propose_permute() {
    const NodeId x = movable();
    Permute p;
    p.dims.resize(shape(x).size());
    std::iota(p.dims.begin(), p.dims.end(), 0);
    for (size_t i = p.dims.size(); i-- > 1;) {
        std::swap(p.dims[i], p.dims[size_t(random_.between(0, int64_t(i)))]);
    }
    return add(p, {x});
}

// Where an extent is 1, else behind a new dimension of 1.
bool Generator::propose_expand() {
    NodeId x = movable();
    const auto is_one = [](int64_t extent) { return extent == 1; };
    if (std::none_of(shape(x).begin(), shape(x).end(), is_one)) {
        Shape with_one = shape(x);
        with_one.insert(with_one.begin() + random_.between(0, int64_t(with_one.size())), 1);
        if (with_one.size() > 5) {
            return false;
        }
        x = put(Reshape{with_one}, {x});
    }
    if (x == none) {
        return false;
    }
    Expand e = {shape(x)};
    for (int64_t &extent : e.shape) {
        extent = extent == 1 && random_.chance(70) ? random_.between(2, 5) : extent;
    }
    if (e.shape.size() < 4 && random_.chance(20)) {
        e.shape.insert(e.shape.begin(), 2);
    }
    return add(e, {x});
}

bool Generator::propose_tile() {
    const NodeId x = movable();
    Tile t;
    for (size_t d = 0; d < shape(x).size(); ++d) {
        t.repeats.push_back(random_.chance(70) ? 1 : random_.between(2, 3));
    }
    return add(t, {x});
}

bool Generator::propose_index_select() {
    const NodeId x = movable();
    IndexSelect s;
    s.dim = dim_of(x);
    const int64_t extent = shape(x)[size_t(s.dim)];
    for (int64_t i = random_.between(1, extent + 2); i > 0; --i) {
        s.index.push_back(random_.between(0, extent - 1));
    }
    return add(s, {x});
}

bool Generator::propose_shuffle() {
    const int64_t factor = random_.between(2, 3);
    const int kind = int(random_.between(0, 2));
    const NodeId x = any([&](NodeId id) {
        const Shape &s = shape(id);
        const bool is_image = s.size() == 4;
        return kind == 0   ? is_image && s[1] % (factor * factor) == 0
               : kind == 1 ? is_image && s[2] % factor == 0 && s[3] % factor == 0
                           : s.size() > 2 && s[1] % factor == 0;
    });
    return kind == 0   ? add(PixelShuffle{factor}, {x})
           : kind == 1 ? add(PixelUnshuffle{factor}, {x})
                       : add(ChannelShuffle{factor}, {x});
}

// --- Resampling ----------------------------------------------------------------------------------

Resize Generator::random_resize(const Shape &in) {
    Resize r;
    r.mode = ResizeMode(random_.between(0, int64_t(ResizeMode::cubic)));
    r.coordinates = ResizeCoordinates(random_.between(0, int64_t(ResizeCoordinates::asymmetric)));
    r.rounding =
        r.mode == ResizeMode::nearest
            ? ResizeRounding(random_.between(0, int64_t(ResizeRounding::round_prefer_ceil)))
            : ResizeRounding::floor;
    r.cubic_a = r.mode == ResizeMode::cubic && random_.chance(40) ? -0.5 : -0.75;
    r.antialias = r.mode != ResizeMode::nearest && random_.chance(30);
    const double factor = random_.pick<double>({2, 1.7, 0.6, 3});
    const bool by_factor = random_.chance(40);
    for (size_t d = 2; d < in.size(); ++d) {
        const int64_t size = by_factor ? int64_t(double(in[d]) * factor)
                                       : random_.between(1, std::min<int64_t>(2 * in[d], 24));
        r.size.push_back(std::max<int64_t>(size, 1));
        r.scales.push_back(by_factor ? factor : double(size) / double(in[d]));
    }
    return r;
}

bool Generator::propose_resize() {
    const NodeId x = random_.chance(80) ? value() : movable();
    return shape(x).size() > 2 && add(random_resize(shape(x)), {x});
}

NodeId Generator::index_table(int64_t extent, int64_t count, int64_t taps, bool may_fill) {
    std::vector<double> index;
    for (int64_t i = 0; i < count * taps; ++i) {
        const bool fill = may_fill && random_.chance(15);
        index.push_back(fill ? -1 : double(random_.between(0, extent - 1)));
    }
    return constant(Constant{{DType::i32, {count, taps}}, index});
}

// Any elements by any weights, along one dimension or two.
bool Generator::propose_sample() {
    Sample s;
    s.kind = SampleKind(random_.between(0, int64_t(SampleKind::max)));
    const NodeId x = s.kind == SampleKind::pick ? movable() : value();
    const bool is_bool = type(x).dtype == DType::boolean;
    s.fill = s.kind == SampleKind::pick && !is_bool && random_.chance(50) ? 1 : 0;
    std::vector<NodeId> operands = {x};
    for (int64_t d = 0; d < int64_t(shape(x).size()) && s.dims.size() < 2; ++d) {
        if (!random_.chance(50)) {
            continue;
        }
        s.dims.push_back(d);
        const int64_t extent = shape(x)[size_t(d)];
        const int64_t count = random_.between(1, std::min<int64_t>(extent + 3, 24));
        const int64_t taps = s.kind == SampleKind::pick ? 1 : random_.between(1, 4);
        operands.push_back(index_table(extent, count, taps, s.kind == SampleKind::pick));
        if (s.kind == SampleKind::weighted_sum) {
            std::vector<double> weights;
            for (int64_t i = 0; i < count * taps; ++i) {
                weights.push_back(double(random_.between(-8, 16)) / 16);
            }
            operands.push_back(constant(Constant{{DType::f32, {count, taps}}, weights}));
        }
    }
    return !s.dims.empty() && add(s, operands);
}

// What stands in front of a network for pictures: pixels to floats, resized, cropped, colours
// turned around, normalised.
bool Generator::propose_image() {
    NodeId x = any([&](NodeId id) { return type(id).dtype == DType::u8 && shape(id).size() > 2; });
    if (x == none) {
        return false;
    }
    x = put(Cast{DType::f32}, {x});
    if (x != none && random_.chance(60)) {
        x = put(random_resize(shape(x)), {x});
    }
    if (x != none && random_.chance(40)) { // a crop from the middle
        Slice s = {Shape(shape(x).size(), 0), shape(x), Shape(shape(x).size(), 1)};
        for (size_t d = 2; d < shape(x).size(); ++d) {
            s.starts[d] = shape(x)[d] / 4;
            s.extents[d] = (shape(x)[d] + 1) / 2;
        }
        x = put(s, {x});
    }
    if (x != none && shape(x)[1] == 3 && random_.chance(50)) {
        x = put(IndexSelect{1, {2, 1, 0}}, {x});
    }
    if (x == none) {
        return false;
    }
    Normalize n = {{127.5}, {63.75}};
    if (shape(x)[1] == 3) {
        n = {{123.675, 116.28, 103.53}, {58.395, 57.12, 57.375}};
    }
    return put(n, {x}, Facts{}) != none;
}

} // namespace cnnc
