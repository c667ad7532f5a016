// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/workload_data.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

int64_t summands(const Workload &w) {
    const Shape &in = w.inputs[0].shape;
    return match(
        w.anchor, [&](const Conv &c) { return in[1] / c.groups * element_count(c.kernel); },
        [&](const Linear &) { return element_count(in) / in[0]; },
        [](const AvgPool &p) { return element_count(p.kernel); },
        [&](const MatMul &) { return in.back(); },
        [&](const Reduce &) { return element_count(in) / element_count(w.output.shape); },
        [&](const Sample &s) {
            int64_t taps = 1;
            for (size_t i = 0; i < s.dims.size(); ++i)
                taps *= w.inputs[1 + i * (s.kind == SampleKind::weighted_sum ? 2 : 1)].shape[1];
            return taps;
        },
        [&](const Softmax &s) { return in[size_t(s.dim)]; },
        [](const auto &) { return int64_t(1); });
}

// Numbers of a few bits each, so that sums and products are exact where a step is not continuous
// and a rounding error would show.
double random_number(DType dtype, bool exact, std::mt19937 &random) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    switch (dtype) {
    case DType::boolean:
        return double(random() % 2);
    case DType::u8:
        return double(random() % 256);
    case DType::i8:
        return double(random() % 256) - 128;
    case DType::i32:
    case DType::i64:
        return double(random() % 19) - 9;
    default:
        return exact ? double(int(random() % 9) - 4) / 4 : double(uniform(random));
    }
}

// A table of Sample: which input it is, counted from the first table; `extent`: of what it picks.
double random_entry(const Sample &sample, size_t table, int64_t extent, bool exact,
                    std::mt19937 &random) {
    if (sample.kind == SampleKind::weighted_sum && table % 2 == 1)
        return random_number(DType::f32, exact, random);
    if (sample.kind == SampleKind::pick && random() % 4 == 0)
        return -1;
    return double(random() % uint64_t(extent));
}

std::vector<float> random_floats(const std::optional<TensorType> &type, double factor, bool exact,
                                 std::mt19937 &random) {
    std::vector<float> values(type ? size_t(element_count(type->shape)) : 0);
    for (float &v : values)
        v = float((exact ? 1 : factor) * random_number(DType::f32, exact, random));
    return values;
}

} // namespace

size_t view_span(const TensorView &view) {
    int64_t last = 0;
    for (size_t d = 0; d < view.shape.size(); ++d)
        last += (view.shape[d] - 1) * view.strides[d];
    return size_t(last) + 1;
}

double random_element(const Workload &w, size_t input, std::mt19937 &random) {
    const bool exact = has_jumps(w);
    const auto *sample = std::get_if<Sample>(&w.anchor);
    if (!sample || input == 0 || input >= anchor_operands(w.anchor))
        return random_number(w.inputs[input].dtype, exact, random);
    const size_t per_dim = sample->kind == SampleKind::weighted_sum ? 2 : 1;
    const auto dim = size_t(sample->dims[(input - 1) / per_dim]);
    return random_entry(*sample, input - 1, w.inputs[0].shape[dim], exact, random);
}

std::vector<float> random_weight(const Workload &w, std::mt19937 &random) {
    return random_floats(workload_weight(w), std::sqrt(3.0 / double(summands(w))), has_jumps(w),
                         random);
}

std::vector<float> random_bias(const Workload &w, std::mt19937 &random) {
    return random_floats(workload_bias(w), 1, has_jumps(w), random);
}

bool has_jumps(const Workload &w) {
    if (std::holds_alternative<ArgReduce>(w.anchor) || std::holds_alternative<TopK>(w.anchor))
        return true;
    return std::any_of(w.epilogue.begin(), w.epilogue.end(), [](const EpilogueStep &step) {
        return match(
            step.op,
            [](const Unary &u) {
                switch (u.kind) {
                case UnaryKind::hard_shrink:
                case UnaryKind::threshold:
                case UnaryKind::sign:
                case UnaryKind::floor:
                case UnaryKind::ceil:
                case UnaryKind::round:
                    return true;
                default:
                    return false;
                }
            },
            [](const Binary &b) {
                return b.kind >= BinaryKind::eq || b.kind == BinaryKind::remainder ||
                       b.kind == BinaryKind::fmod;
            },
            [](const Where &) { return false; },
            [](const Cast &c) { return c.dtype != DType::f32; });
    });
}

double kernel_tolerance(const Workload &w, double scale) {
    constexpr double eps = 1.0 / (1 << 23);
    double factor = 1;
    for (const EpilogueStep &step : w.epilogue)
        if (auto *binary = std::get_if<Binary>(&step.op); binary && binary->kind != BinaryKind::add)
            factor *= 2;
    return factor * eps * (16 + 4 * std::sqrt(double(summands(w)))) * std::max(1.0, scale);
}

} // namespace cnnc
