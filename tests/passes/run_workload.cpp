// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a workload means, in plain loops and double precision. Written for plainness, not for speed:
// every element of every result is computed by itself from its index.
#include "tests/passes/run_workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace cnnc {
namespace {

using Index = std::vector<int64_t>;

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
double load_as(const void *data, int64_t i) {
    T value;
    std::memcpy(&value, static_cast<const char *>(data) + i * int64_t(sizeof(T)), sizeof(T));
    return double(value);
}

template <class T>
void store_as(void *data, int64_t i, T value) {
    std::memcpy(static_cast<char *>(data) + i * int64_t(sizeof(T)), &value, sizeof(T));
}

// An operand of a kernel: where it lies and how.
struct Operand {
    const TensorView &view;
    const void *data;

    double at(const Index &index) const {
        return load_element(view.dtype, data, element_place(view, index));
    }
};

// ---- windows ----

// Per spatial dimension; what an operator lacks has its neutral value.
struct Window {
    Index kernel, stride, pad_lo, pad_hi, dilation;
};

// Calls f(index of the input, index of the tap) for every tap of the window at `out` that lies in
// the input; channel 0 stands for the channel.
template <class F>
void for_each_tap(const Window &w, const Shape &input, const Index &out, const F &f) {
    for_each_index(w.kernel, [&](const Index &tap) {
        Index at = {out[0], 0};
        for (size_t d = 0; d < tap.size(); d++) {
            int64_t i = out[d + 2] * w.stride[d] - w.pad_lo[d] + tap[d] * w.dilation[d];
            if (i < 0 || i >= input[d + 2])
                return;
            at.push_back(i);
        }
        f(at, tap);
    });
}

double conv_at(const Conv &c, const Operand &x, const float *weight, const float *bias,
               const Index &out) {
    const Window window{c.kernel, c.stride, c.pad_lo, c.pad_hi, c.dilation};
    const int64_t group_in = x.view.shape[1] / c.groups;
    const int64_t group = out[1] / (c.out_channels / c.groups);
    const int64_t taps = element_count(c.kernel);
    double sum = bias ? double(bias[out[1]]) : 0.0;
    for_each_tap(window, x.view.shape, out, [&](Index &at, const Index &tap) {
        int64_t t = 0;
        for (size_t d = 0; d < tap.size(); d++)
            t = t * c.kernel[d] + tap[d];
        for (int64_t i = 0; i < group_in; i++) {
            at[1] = group * group_in + i;
            sum += x.at(at) * double(weight[(out[1] * group_in + i) * taps + t]);
        }
    });
    return sum;
}

double max_pool_at(const MaxPool &p, const Operand &x, const Index &out) {
    const Window window{p.kernel, p.stride, p.pad_lo, p.pad_hi, p.dilation};
    double best = -infinity;
    for_each_tap(window, x.view.shape, out, [&](Index &at, const Index &) {
        at[1] = out[1];
        best = std::max(best, x.at(at));
    });
    return best;
}

double avg_pool_at(const AvgPool &p, const Operand &x, const Index &out) {
    const Window window{p.kernel, p.stride, p.pad_lo, p.pad_hi, Index(p.kernel.size(), 1)};
    double sum = 0;
    int64_t inside = 0, with_padding = 1;
    for_each_tap(window, x.view.shape, out, [&](Index &at, const Index &) {
        at[1] = out[1];
        sum += x.at(at);
        inside++;
    });
    // A window that ceil_mode lets reach past the padding counts only up to it.
    for (size_t d = 0; d < p.kernel.size(); d++) {
        int64_t begin = out[d + 2] * p.stride[d] - p.pad_lo[d];
        int64_t end = std::min(begin + p.kernel[d], x.view.shape[d + 2] + p.pad_hi[d]);
        with_padding *= end - begin;
    }
    return sum / double(p.count_include_pad ? with_padding : inside);
}

// ---- products ----

double linear_at(const Operand &x, const float *weight, const float *bias, const Index &out) {
    double sum = bias ? double(bias[out[1]]) : 0.0;
    const Shape features(x.view.shape.begin() + 1, x.view.shape.end());
    int64_t f = out[1] * element_count(features);
    for_each_index(features, [&](const Index &index) {
        Index at = {out[0]};
        at.insert(at.end(), index.begin(), index.end());
        sum += x.at(at) * double(weight[f++]);
    });
    return sum;
}

double matmul_at(const Operand &a, const Operand &b, const Index &out) {
    Index at_a = out, at_b = out;
    const size_t rows = out.size() - 2, columns = out.size() - 1;
    double sum = 0;
    for (int64_t k = 0; k < a.view.shape[columns]; k++) {
        at_a[columns] = at_b[rows] = k;
        sum += a.at(at_a) * b.at(at_b);
    }
    return sum;
}

// ---- reductions ----

double softmax_at(const Softmax &s, const Operand &x, const Index &out) {
    Index at = out;
    const auto dim = size_t(s.dim);
    double largest = -infinity, sum = 0;
    for (at[dim] = 0; at[dim] < x.view.shape[dim]; at[dim]++)
        largest = std::max(largest, x.at(at));
    for (at[dim] = 0; at[dim] < x.view.shape[dim]; at[dim]++)
        sum += std::exp(x.at(at) - largest);
    const double v = x.at(out) - largest;
    return s.log ? v - std::log(sum) : std::exp(v) / sum;
}

double reduce_at(const Reduce &r, const Operand &x, const Index &out) {
    Shape reduced;
    for (int64_t dim : r.dims)
        reduced.push_back(x.view.shape[size_t(dim)]);
    double sum = 0, sum_abs = 0, sum_square = 0, product = 1, largest = -infinity, least = infinity;
    for_each_index(reduced, [&](const Index &index) {
        Index at = out;
        for (size_t i = 0; i < index.size(); i++)
            at[size_t(r.dims[i])] = index[i];
        const double v = x.at(at);
        sum += v;
        sum_abs += std::fabs(v);
        sum_square += v * v;
        product = wrapped(x.view.dtype, product * v);
        largest = std::max(largest, v);
        least = std::min(least, v);
    });
    switch (r.kind) {
    case ReduceKind::sum:
        return wrapped(x.view.dtype, sum);
    case ReduceKind::mean:
        return sum / double(element_count(reduced));
    case ReduceKind::amax:
        return largest;
    case ReduceKind::amin:
        return least;
    case ReduceKind::prod:
        return product;
    case ReduceKind::l1:
        return sum_abs;
    case ReduceKind::sum_square:
        return wrapped(x.view.dtype, sum_square);
    case ReduceKind::l2:
    case ReduceKind::log_sum_exp:
        break;
    }
    throw std::logic_error("not a core reduction");
}

// Positions along `dim`, the greatest (least) first, the first of equals first.
Index sorted_positions(const Operand &x, size_t dim, bool largest, Index at) {
    std::vector<double> values;
    for (at[dim] = 0; at[dim] < x.view.shape[dim]; at[dim]++)
        values.push_back(x.at(at));
    Index order(values.size());
    for (size_t i = 0; i < order.size(); i++)
        order[i] = int64_t(i);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return largest ? values[size_t(a)] > values[size_t(b)]
                       : values[size_t(a)] < values[size_t(b)];
    });
    return order;
}

double top_at(const TopK &t, const Operand &x, const Index &out) {
    const auto dim = size_t(t.dim);
    Index at = out;
    at[dim] = sorted_positions(x, dim, t.largest, out)[size_t(out[dim])];
    return t.indices ? double(at[dim]) : x.at(at);
}

// ---- sampling ----

// The blend over dims[d..], the earlier ones of `at` being positions of the input already.
double sample_at(const Sample &s, const std::vector<Operand> &operands, size_t d, Index at) {
    if (d == s.dims.size())
        return operands[0].at(at);
    const auto dim = size_t(s.dims[d]);
    const bool weighted = s.kind == SampleKind::weighted_sum;
    const Operand &table = operands[1 + d * (weighted ? 2 : 1)];
    const int64_t o = at[dim];
    double sum = 0, largest = -infinity;
    for (int64_t tap = 0; tap < table.view.shape[1]; tap++) {
        at[dim] = int64_t(table.at({o, tap}));
        if (s.kind == SampleKind::pick && at[dim] < 0)
            return s.fill;
        const double v = sample_at(s, operands, d + 1, at);
        if (s.kind == SampleKind::pick)
            return v;
        sum += weighted ? v * operands[2 + d * 2].at({o, tap}) : 0;
        largest = std::max(largest, v);
    }
    return weighted ? sum : largest;
}

double anchor_at(const Workload &w, const std::vector<Operand> &x, const float *weight,
                 const float *bias, const Index &out) {
    return match(
        w.anchor, [&](const Conv &c) { return conv_at(c, x[0], weight, bias, out); },
        [&](const Linear &) { return linear_at(x[0], weight, bias, out); },
        [&](const MatMul &) { return matmul_at(x[0], x[1], out); },
        [&](const MaxPool &p) { return max_pool_at(p, x[0], out); },
        [&](const AvgPool &p) { return avg_pool_at(p, x[0], out); },
        [&](const Softmax &s) { return softmax_at(s, x[0], out); },
        [&](const Reduce &r) { return reduce_at(r, x[0], out); },
        [&](const ArgReduce &a) {
            return double(sorted_positions(x[0], size_t(a.dim), a.max, out)[0]);
        },
        [&](const TopK &t) { return top_at(t, x[0], out); },
        [&](const Sample &s) { return sample_at(s, x, 0, out); },
        [&](const Unary &) { return x[0].at(out); },
        [&](const auto &) -> double { throw std::logic_error("no anchor"); });
}

// ---- the epilogue ----

bool is_integer(DType dtype) {
    return dtype != DType::f32 && dtype != DType::boolean;
}

bool gives_bool(BinaryKind kind) {
    return kind >= BinaryKind::eq;
}

double integer_binary(BinaryKind kind, DType dtype, double a, double b) {
    const auto x = uint64_t(int64_t(a)), y = uint64_t(int64_t(b));
    switch (kind) {
    case BinaryKind::add:
        return wrapped(dtype, x + y);
    case BinaryKind::sub:
        return wrapped(dtype, x - y);
    case BinaryKind::mul:
        return wrapped(dtype, x * y);
    case BinaryKind::remainder:
    case BinaryKind::fmod:
        return b == 0 ? 0 : apply(kind, a, b);
    default:
        return apply(kind, a, b);
    }
}

// A value on its way through the epilogue.
struct Typed {
    DType dtype;
    double v;
};

Typed cast_to(DType to, const Typed &from) {
    if (to == DType::boolean)
        return {to, from.v != 0 ? 1.0 : 0.0};
    if (to == DType::f32)
        return {to, from.v};
    if (from.dtype != DType::f32)
        return {to, wrapped(to, uint64_t(int64_t(from.v)))};
    if (std::isnan(from.v))
        return {to, 0};
    const int bits = int(dtype_bytes(to)) * 8;
    const double low = to == DType::u8 ? 0 : -std::ldexp(1.0, bits - 1);
    const double high = to == DType::u8 ? 255 : std::ldexp(1.0, bits - 1) - 1;
    return {to, std::clamp(std::trunc(from.v), low, high)};
}

Typed apply_step(const EpilogueStep &step, const Typed &v, const Workload &w,
                 const std::vector<const void *> &inputs, const Index &out) {
    std::vector<double> operands;
    DType other = DType::f32;
    for (const StepOperand &operand : step.operands) {
        const auto i = size_t(operand.input);
        operands.push_back(operand.input < 0 ? operand.scalar
                                             : Operand{w.inputs[i], inputs[i]}.at(out));
        if (operand.input >= 0)
            other = w.inputs[i].dtype;
    }
    operands.insert(operands.begin() + step.position, v.v);
    return match(
        step.op,
        [&](const Unary &u) {
            if (u.kind == UnaryKind::neg && is_integer(v.dtype))
                return Typed{v.dtype, wrapped(v.dtype, uint64_t(-int64_t(v.v)))};
            const bool is_bool = u.kind == UnaryKind::is_nan || u.kind == UnaryKind::logical_not;
            return Typed{is_bool ? DType::boolean : v.dtype, apply(u, v.v)};
        },
        [&](const Binary &b) {
            const bool integers = is_integer(v.dtype);
            return Typed{gives_bool(b.kind) ? DType::boolean : v.dtype,
                         integers ? integer_binary(b.kind, v.dtype, operands[0], operands[1])
                                  : apply(b.kind, operands[0], operands[1])};
        },
        [&](const Where &) {
            const DType dtype = step.position == 0 ? other : v.dtype;
            return Typed{dtype, operands[0] != 0 ? operands[1] : operands[2]};
        },
        [&](const Cast &c) { return cast_to(c.dtype, v); });
}

DType made_dtype(const Workload &w) {
    const DType in = w.inputs[0].dtype;
    return match(
        w.anchor, [](const ArgReduce &) { return DType::i64; },
        [&](const TopK &t) { return t.indices ? DType::i64 : in; },
        [&](const Sample &s) { return s.kind == SampleKind::pick ? in : DType::f32; },
        [&](const auto &) { return in; });
}

} // namespace

int64_t element_place(const TensorView &view, const std::vector<int64_t> &index) {
    int64_t offset = 0;
    for (size_t d = 0; d < index.size(); d++)
        offset += view.shape[d] == 1 ? 0 : index[d] * view.strides[d];
    return offset;
}

double load_element(DType dtype, const void *data, int64_t i) {
    switch (dtype) {
    case DType::f32:
        return load_as<float>(data, i);
    case DType::u8:
    case DType::boolean:
        return load_as<uint8_t>(data, i);
    case DType::i8:
        return load_as<int8_t>(data, i);
    case DType::i32:
        return load_as<int32_t>(data, i);
    case DType::i64:
        return load_as<int64_t>(data, i);
    default:
        throw std::logic_error("no such tensors yet");
    }
}

void store_element(DType dtype, void *data, int64_t i, double value) {
    switch (dtype) {
    case DType::f32:
        return store_as(data, i, float(value));
    case DType::u8:
    case DType::boolean:
        return store_as(data, i, uint8_t(value));
    case DType::i8:
        return store_as(data, i, int8_t(value));
    case DType::i32:
        return store_as(data, i, int32_t(value));
    case DType::i64:
        return store_as(data, i, int64_t(value));
    default:
        throw std::logic_error("no such tensors yet");
    }
}

double wrapped(DType dtype, uint64_t bits) {
    switch (dtype) {
    case DType::u8:
        return double(uint8_t(bits));
    case DType::i8:
        return double(int8_t(uint8_t(bits)));
    case DType::i32:
        return double(int32_t(uint32_t(bits)));
    default:
        return double(int64_t(bits));
    }
}

double wrapped(DType dtype, double value) {
    return is_integer(dtype) ? wrapped(dtype, uint64_t(int64_t(value))) : value;
}

void run_workload(const Workload &w, const std::vector<const void *> &inputs, const float *weight,
                  const float *bias, void *output) {
    std::vector<Operand> operands;
    for (size_t i = 0; i < anchor_operands(w.anchor); i++)
        operands.push_back({w.inputs[i], inputs[i]});
    for_each_index(w.output.shape, [&](const Index &out) {
        Typed v{made_dtype(w), anchor_at(w, operands, weight, bias, out)};
        for (const EpilogueStep &step : w.epilogue)
            v = apply_step(step, v, w, inputs, out);
        store_element(w.output.dtype, output, element_place(w.output, out), v.v);
    });
}

void run_workload(const Workload &w, const std::vector<const float *> &inputs, const float *weight,
                  const float *bias, float *output) {
    run_workload(w, std::vector<const void *>(inputs.begin(), inputs.end()), weight, bias,
                 static_cast<void *>(output));
}

} // namespace cnnc
