// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See execute_kernels.h. Written for plainness, not for speed: every element of every result is
// computed by itself from an index.
#include "tests/passes/execute_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace cnnc {
namespace {

using Index = std::vector<int64_t>;

// Calls f(index) for every index of a shape, in row-major order.
template <class F>
void for_each_index(const Shape &shape, const F &f) {
    Index index(shape.size(), 0);
    for (int64_t i = 0, count = element_count(shape); i < count; i++) {
        f(index);
        for (size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];)
            index[d] = 0;
    }
}

int64_t place(const TensorView &view, const Index &index) {
    int64_t offset = 0;
    for (size_t d = 0; d < index.size(); d++)
        offset += index[d] * (view.shape[d] == 1 ? 0 : view.strides[d]);
    return offset;
}

// An operand of a kernel: where it lies and how.
struct Operand {
    const TensorView &view;
    const float *data;

    double at(const Index &index) const { return double(data[place(view, index)]); }
};

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
    double best = -std::numeric_limits<double>::infinity();
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

double global_average_at(const Operand &x, const Index &out) {
    double sum = 0;
    const Shape spatial(x.view.shape.begin() + 2, x.view.shape.end());
    for_each_index(spatial, [&](const Index &index) {
        Index at = {out[0], out[1]};
        at.insert(at.end(), index.begin(), index.end());
        sum += x.at(at);
    });
    return sum / double(element_count(spatial));
}

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

double softmax_at(const Softmax &s, const Operand &x, const Index &out) {
    Index at = out;
    const auto dim = size_t(s.dim);
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (at[dim] = 0; at[dim] < x.view.shape[dim]; at[dim]++)
        largest = std::max(largest, x.at(at));
    for (at[dim] = 0; at[dim] < x.view.shape[dim]; at[dim]++)
        sum += std::exp(x.at(at) - largest);
    return std::exp(x.at(out) - largest) / sum;
}

double anchor_at(const Workload &w, const Operand &x, const float *weight, const float *bias,
                 const Index &out) {
    return match(
        w.anchor, [&](const Conv &c) { return conv_at(c, x, weight, bias, out); },
        [&](const Linear &) { return linear_at(x, weight, bias, out); },
        [&](const MaxPool &p) { return max_pool_at(p, x, out); },
        [&](const AvgPool &p) { return avg_pool_at(p, x, out); },
        [&](const GlobalAvgPool &) { return global_average_at(x, out); },
        [&](const Softmax &s) { return softmax_at(s, x, out); },
        [&](const Unary &) { return x.at(out); },
        [&](const auto &) -> double { throw std::logic_error("no anchor"); });
}

double unary(const Unary &u, double v) {
    auto clamp = [](double x, double low, double high) { return std::min(std::max(x, low), high); };
    switch (u.kind) {
    case UnaryKind::identity:
    case UnaryKind::dropout:
        return v;
    case UnaryKind::relu:
        return std::max(v, 0.0);
    case UnaryKind::relu6:
        return clamp(v, 0, 6);
    case UnaryKind::clamp:
        return clamp(v, u.a, u.b);
    case UnaryKind::leaky_relu:
        return v < 0 ? u.a * v : v;
    case UnaryKind::sigmoid:
        return 1 / (1 + std::exp(-v));
    case UnaryKind::tanh:
        return std::tanh(v);
    case UnaryKind::silu:
        return v / (1 + std::exp(-v));
    case UnaryKind::hard_swish:
        return v * clamp(v + 3, 0, 6) / 6;
    }
    throw std::logic_error("unknown activation");
}

double binary(BinaryKind kind, double a, double b) {
    switch (kind) {
    case BinaryKind::add:
        return a + b;
    case BinaryKind::sub:
        return a - b;
    case BinaryKind::mul:
        return a * b;
    }
    throw std::logic_error("unknown operator");
}

double apply(const EpilogueStep &step, double v, const Workload &w,
             const std::vector<const float *> &inputs, const Index &out) {
    if (const auto *u = std::get_if<Unary>(&step.op))
        return unary(*u, v);
    double other = step.scalar;
    if (step.input >= 0) {
        const auto i = size_t(step.input);
        other = Operand{w.inputs[i], inputs[i]}.at(out);
    }
    const BinaryKind kind = std::get<Binary>(step.op).kind;
    return step.swapped ? binary(kind, other, v) : binary(kind, v, other);
}

// ---- whole networks ----

constexpr float poison = std::numeric_limits<float>::quiet_NaN();

class Machine {
  public:
    Machine(const KernelGraph &kernels, const Plan &plan, const std::vector<TensorData> &inputs)
        : kernels_(kernels), plan_(plan), arena_(size_t(plan.arena_bytes) / sizeof(float), poison),
          outside_(kernels.buffers.size()) {
        for (size_t b = 0; b < kernels.buffers.size(); b++)
            prepare(b, inputs);
    }

    std::vector<TensorData> run() {
        for (size_t k = 0; k < kernels_.kernels.size(); k++) {
            run(kernels_.kernels[k]);
            for (size_t b = 0; b < kernels_.buffers.size(); b++)
                if (kernels_.buffers[b].kind == Buffer::Kind::temp && plan_.last_use[b] == int(k))
                    std::fill_n(memory(b), elements(b), poison);
        }
        std::vector<TensorData> results(kernels_.graph.outputs.size());
        for (size_t b = 0; b < kernels_.buffers.size(); b++)
            if (kernels_.buffers[b].kind == Buffer::Kind::output)
                results[size_t(kernels_.buffers[b].index)] = result(b);
        return results;
    }

  private:
    void prepare(size_t b, const std::vector<TensorData> &inputs) {
        const Buffer &buffer = kernels_.buffers[b];
        if (buffer.kind == Buffer::Kind::temp)
            return;
        outside_[b].assign(elements(b), poison);
        if (buffer.kind == Buffer::Kind::constant)
            std::copy_n(buffer.data.floats(), elements(b), outside_[b].begin());
        if (buffer.kind == Buffer::Kind::input) {
            const TensorData &given = inputs[size_t(buffer.index)];
            const Node &node = kernels_.graph[kernels_.graph.inputs[size_t(buffer.index)]];
            const TensorView view = user_view(node.type, std::get<Input>(node.op).layout);
            int64_t i = 0;
            for_each_index(node.type.shape, [&](const Index &index) {
                outside_[b][size_t(place(view, index))] = given.floats()[i++];
            });
        }
    }

    TensorData result(size_t b) const {
        const Output &output = kernels_.graph.outputs[size_t(kernels_.buffers[b].index)];
        const TensorType &type = kernels_.graph[output.node].type;
        const TensorView view = user_view(type, output.layout);
        std::vector<float> values;
        for_each_index(type.shape, [&](const Index &index) {
            values.push_back(outside_[b][size_t(place(view, index))]);
        });
        return TensorData::from_floats(type.shape, std::move(values));
    }

    static TensorView user_view(const TensorType &type, Layout layout) {
        return layout == Layout::nhwc ? channels_last(type.dtype, type.shape)
                                      : row_major(type.dtype, type.shape);
    }

    void run(const Kernel &k) {
        std::vector<const float *> inputs;
        for (const TensorRef &ref : k.inputs)
            inputs.push_back(memory(size_t(ref.buffer)) + ref.offset);
        run_workload(k.workload, inputs, k.weight.defined() ? k.weight.floats() : nullptr,
                     k.bias.defined() ? k.bias.floats() : nullptr,
                     memory(size_t(k.output.buffer)) + k.output.offset);
    }

    float *memory(size_t b) {
        return kernels_.buffers[b].kind == Buffer::Kind::temp
                   ? arena_.data() + size_t(plan_.offsets[b]) / sizeof(float)
                   : outside_[b].data();
    }

    size_t elements(size_t b) const { return size_t(kernels_.buffers[b].bytes) / sizeof(float); }

    const KernelGraph &kernels_;
    const Plan &plan_;
    std::vector<float> arena_;
    std::vector<std::vector<float>> outside_; // inputs, outputs and constants
};

} // namespace

void run_workload(const Workload &w, const std::vector<const float *> &inputs, const float *weight,
                  const float *bias, float *output) {
    const Operand x{w.inputs[0], inputs[0]};
    for_each_index(w.output.shape, [&](const Index &out) {
        double v = anchor_at(w, x, weight, bias, out);
        for (const EpilogueStep &step : w.epilogue)
            v = apply(step, v, w, inputs, out);
        output[place(w.output, out)] = float(v);
    });
}

std::vector<TensorData> execute(const KernelGraph &kernels, const Plan &plan,
                                const std::vector<TensorData> &inputs) {
    return Machine(kernels, plan, inputs).run();
}

} // namespace cnnc
