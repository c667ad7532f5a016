// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Layers: convolutions, matrix products and normalisations, after their definitions in ops.h.
#include "compiler/reference/call.h"

#include "compiler/reference/contract.h"
#include "compiler/reference/parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cnnc::reference {

namespace {

// Multiply-adds that are worth starting threads for.
constexpr double worth_threads = 1e6;

// The operand's planes with a border of zeros around each.
std::vector<double> pad(const TensorD &operand, const Window &w, const Extents3 &padded) {
    const int64_t planes = operand.shape[0] * operand.shape[1];
    std::vector<double> result(size_t(planes * volume(padded)));
    for (int64_t plane = 0; plane < planes; ++plane) {
        for (int64_t z = 0; z < w.in[0]; ++z) {
            for (int64_t y = 0; y < w.in[1]; ++y) {
                const int64_t to = offset(padded, z + w.pad_lo[0], y + w.pad_lo[1], w.pad_lo[2]);
                std::copy_n(operand.values.begin() + plane * volume(w.in) + offset(w.in, z, y, 0),
                            w.in[2], result.begin() + plane * volume(padded) + to);
            }
        }
    }
    return result;
}

// A term of the sum per channel of the group and element of the kernel, in the weight's order.
std::vector<int64_t> conv_taps(const Window &w, const Extents3 &padded, int64_t channels) {
    std::vector<int64_t> taps;
    for (int64_t c = 0; c < channels; ++c) {
        for_each(w.kernel, [&](int64_t z, int64_t y, int64_t x) {
            taps.push_back(c * volume(padded) +
                           offset(padded, z * w.dilation[0], y * w.dilation[1], x * w.dilation[2]));
        });
    }
    return taps;
}

} // namespace

TensorD evaluate(const Conv &c, const Call &call) {
    const Window w = window_of(c, c.dilation, call);
    Extents3 padded;
    for (size_t i = 0; i < 3; ++i) {
        padded[i] = w.pad_lo[i] + w.in[i] + w.pad_hi[i];
    }
    const std::vector<double> values = pad(call.operand(), w, padded);
    const int64_t batch = call.operand().shape[0];
    const int64_t group_in = call.operand().shape[1] / c.groups;
    const int64_t group_out = c.out_channels / c.groups;
    const std::vector<int64_t> taps = conv_taps(w, padded, group_in);
    std::vector<int64_t> positions;
    for_each(w.out, [&](int64_t z, int64_t y, int64_t x) {
        positions.push_back(offset(padded, z * w.stride[0], y * w.stride[1], x * w.stride[2]));
    });

    TensorD result = call.result();
    for (int64_t i = 0; i < batch * c.groups; ++i) { // image by image, group by group
        const int64_t group = i % c.groups;
        Contraction sums;
        sums.values = values.data() + i * group_in * volume(padded);
        sums.positions = &positions;
        sums.taps = &taps;
        sums.weights = call.param(0) + group * group_out * int64_t(taps.size());
        sums.bias = c.bias ? call.param(1) + group * group_out : nullptr;
        sums.channels = group_out;
        sums.results = result.values.data() + i * group_out * volume(w.out);
        sums.channel_stride = volume(w.out);
        contract(sums);
    }
    return result;
}

// --- Transposed convolution ----------------------------------------------------------------------

namespace {

// Adds a plane times one element of the kernel to a plane of the result.
void scatter(const Window &w, const Extents3 &k, const double *from, double weight, double *to) {
    const auto place = [&](int64_t i, size_t d) {
        return i * w.stride[d] - w.pad_lo[d] + k[d] * w.dilation[d];
    };
    for (int64_t z = 0; z < w.in[0]; ++z) {
        for (int64_t y = 0; y < w.in[1]; ++y) {
            const int64_t oz = place(z, 0), oy = place(y, 1);
            if (oz < 0 || oz >= w.out[0] || oy < 0 || oy >= w.out[1]) {
                continue;
            }
            for (int64_t x = 0; x < w.in[2]; ++x) {
                const int64_t ox = place(x, 2);
                if (ox >= 0 && ox < w.out[2]) {
                    to[offset(w.out, oz, oy, ox)] += from[offset(w.in, z, y, x)] * weight;
                }
            }
        }
    }
}

} // namespace

TensorD evaluate(const ConvTranspose &c, const Call &call) {
    const Window w = window_of(c, c.dilation, call);
    const int64_t channels = call.operand().shape[1];
    const int64_t group_in = channels / c.groups, group_out = c.out_channels / c.groups;
    const int64_t planes = call.operand().shape[0] * c.out_channels;
    TensorD result = call.result();
    const auto plane = [&](int64_t i) {
        const int64_t image = i / c.out_channels, out = i % c.out_channels;
        const int64_t group = out / group_out;
        double *to = result.values.data() + i * volume(w.out);
        std::fill_n(to, volume(w.out), c.bias ? double(call.param(1)[out]) : 0.0);
        for (int64_t in = group * group_in; in < (group + 1) * group_in; ++in) {
            const double *from =
                call.operand().values.data() + (image * channels + in) * volume(w.in);
            const float *weight =
                call.param(0) + (in * group_out + out % group_out) * volume(w.kernel);
            for_each(w.kernel, [&](int64_t z, int64_t y, int64_t x) {
                scatter(w, {z, y, x}, from, *weight++, to);
            });
        }
    };
    const double terms = double(group_in) * double(volume(w.kernel)) * double(volume(w.in));
    parallel_for(planes, double(planes) * terms > worth_threads, plane);
    return result;
}

// --- Matrix products -----------------------------------------------------------------------------

TensorD evaluate(const Linear &l, const Call &call) {
    const int64_t features = call.operand().shape.back();
    const int64_t rows = int64_t(call.operand().values.size()) / features;
    std::vector<int64_t> taps(static_cast<size_t>(features)), positions;
    std::iota(taps.begin(), taps.end(), 0);
    for (int64_t row = 0; row < rows; ++row) {
        positions.push_back(row * features);
    }
    TensorD result = call.result();
    Contraction sums;
    sums.values = call.operand().values.data();
    sums.positions = &positions;
    sums.taps = &taps;
    sums.weights = call.param(0);
    sums.bias = l.bias ? call.param(1) : nullptr;
    sums.channels = l.out_features;
    sums.results = result.values.data();
    sums.position_stride = l.out_features;
    contract(sums);
    return result;
}

TensorD evaluate(const MatMul &, const Call &call) {
    const TensorD &a = *call.operands[0], &b = *call.operands[1];
    const Shape batch(call.node.type.shape.begin(), call.node.type.shape.end() - 2);
    const int64_t m = a.shape[a.shape.size() - 2], k = a.shape.back(), n = b.shape.back();
    const auto matrices = [&](const TensorD &x) { // where the operand's matrix of each product is
        const Shape own(x.shape.begin(), x.shape.end() - 2);
        std::vector<int64_t> starts;
        for_each_offset<1>(batch, {broadcast_strides(own, batch)}, [&](Offsets<1> matrix) {
            starts.push_back(matrix[0] * x.shape[x.shape.size() - 2] * x.shape.back());
        });
        return starts;
    };
    const std::vector<int64_t> a_starts = matrices(a), b_starts = matrices(b);
    TensorD result = call.result();
    const auto row = [&](int64_t r) {
        const double *left = a.values.data() + a_starts[size_t(r / m)] + r % m * k;
        const double *right = b.values.data() + b_starts[size_t(r / m)];
        double *to = result.values.data() + r * n;
        for (int64_t i = 0; i < k; ++i) {
            for (int64_t j = 0; j < n; ++j) {
                to[j] += left[i] * right[i * n + j];
            }
        }
    };
    const int64_t rows = int64_t(a_starts.size()) * m;
    parallel_for(rows, double(rows) * double(k) * double(n) > worth_threads, row);
    return result;
}

// --- Normalisations ------------------------------------------------------------------------------

TensorD evaluate(const BatchNorm &b, const Call &call) {
    const float *weight = b.affine ? call.param(0) : nullptr;
    const float *bias = b.affine ? call.param(1) : nullptr;
    const float *mean = call.param(b.affine ? 2 : 0);
    const float *variance = call.param(b.affine ? 3 : 1);
    const Lines channels = lines_along(call.operand().shape, 1);
    TensorD result = call.result();
    for (int64_t i = 0; i < int64_t(result.values.size()); ++i) {
        const int64_t c = i / channels.inner % channels.extent;
        const double x =
            (call.operand().values[size_t(i)] - mean[c]) / std::sqrt(double(variance[c]) + b.eps);
        result.values[size_t(i)] = b.affine ? x * weight[c] + bias[c] : x;
    }
    return result;
}

namespace {

// (x - mean) / sqrt(var + eps) over every run of `length` neighbours.
TensorD normalize_runs(const Call &call, int64_t length, double eps) {
    TensorD result = call.same_elements();
    for (auto run = result.values.begin(); run != result.values.end(); run += length) {
        const double mean = std::accumulate(run, run + length, 0.0) / double(length);
        double variance = 0;
        for (auto x = run; x != run + length; ++x) {
            *x -= mean;
            variance += *x * *x / double(length);
        }
        for (auto x = run; x != run + length; ++x) {
            *x /= std::sqrt(variance + eps);
        }
    }
    return result;
}

// Weight and bias per channel.
void scale_channels(const Call &call, TensorD &values) {
    const Lines channels = lines_along(values.shape, 1);
    for (int64_t i = 0; i < int64_t(values.values.size()); ++i) {
        const int64_t c = i / channels.inner % channels.extent;
        values.values[size_t(i)] = values.values[size_t(i)] * call.param(0)[c] + call.param(1)[c];
    }
}

} // namespace

TensorD evaluate(const InstanceNorm &norm, const Call &call) {
    TensorD result = normalize_runs(call, lines_along(call.operand().shape, 1).inner, norm.eps);
    if (norm.affine) {
        scale_channels(call, result);
    }
    return result;
}

TensorD evaluate(const GroupNorm &norm, const Call &call) {
    const Lines channels = lines_along(call.operand().shape, 1);
    TensorD result =
        normalize_runs(call, channels.extent / norm.num_groups * channels.inner, norm.eps);
    if (norm.affine) {
        scale_channels(call, result);
    }
    return result;
}

TensorD evaluate(const LayerNorm &norm, const Call &call) {
    const Shape &shape = call.operand().shape;
    const int64_t length = product(shape.end() - norm.dims, shape.end());
    TensorD result = normalize_runs(call, length, norm.eps);
    for (int64_t i = 0; norm.affine && i < int64_t(result.values.size()); ++i) {
        double &x = result.values[size_t(i)];
        x = x * call.param(0)[i % length] + (norm.bias ? call.param(1)[i % length] : 0);
    }
    return result;
}

TensorD evaluate(const LocalResponseNorm &norm, const Call &call) {
    const Lines channels = lines_along(call.operand().shape, 1);
    TensorD result = call.result();
    for (int64_t line = 0; line < channels.count(); ++line) {
        const double *x = call.operand().values.data() + channels.start(line);
        for (int64_t c = 0; c < channels.extent; ++c) {
            const int64_t first = c - norm.size / 2;
            double sum = 0;
            for (int64_t i = std::max<int64_t>(first, 0);
                 i < std::min(first + norm.size, channels.extent); ++i) {
                sum += x[i * channels.inner] * x[i * channels.inner];
            }
            result.values[size_t(channels.start(line) + c * channels.inner)] =
                x[c * channels.inner] /
                std::pow(norm.k + norm.alpha / double(norm.size) * sum, norm.beta);
        }
    }
    return result;
}

TensorD evaluate(const Normalize &norm, const Call &call) {
    const auto of_channel = [](const std::vector<double> &v, int64_t c) {
        return v[v.size() == 1 ? 0 : size_t(c)];
    };
    const Lines channels =
        call.operand().shape.size() > 1 ? lines_along(call.operand().shape, 1) : Lines{1, 1, 1};
    TensorD result = call.same_elements();
    for (int64_t i = 0; i < int64_t(result.values.size()); ++i) {
        const int64_t c = i / channels.inner % channels.extent;
        double &x = result.values[size_t(i)];
        x = (x - of_channel(norm.mean, c)) / of_channel(norm.std, c);
    }
    return result;
}

} // namespace cnnc::reference
