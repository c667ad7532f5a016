// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contractions read weights as [group][channel block][rz][ry][rx][c][channel within the block], the
// tail of the last block filled with zeros; `small` and `planar` have c and rx the other way
// round, and `gpu_direct` has the channels in chunks: [chunk][rz][ry][rx][c within the chunk]. Bias
// is read as [group][channel padded to whole blocks]. Depthwise weights are read as
// [window][channel].
#include "compiler/lower/packing.h"

#include "schedules/shape.h"

#include <algorithm>

namespace cnnc {

namespace {

// Where weight (c, x, y, z) of the normal form lies in PyTorch's order, relative to its channel.
Strides weight_strides(const Workload &w, const Contraction &s) {
    if (std::holds_alternative<Conv>(w.anchor)) {
        int64_t kx = s.axes[0].kernel, ky = s.axes[1].kernel, kz = s.axes[2].kernel;
        return {kx * ky * kz, 1, kx, kx * ky, 0, 0};
    }
    return {};
}

// For linear layers: PyTorch's feature index of each feature in memory order.
std::vector<int64_t> feature_order(const TensorView &in) {
    size_t rank = in.shape.size();
    std::vector<size_t> dims;
    for (size_t d = 1; d < rank; ++d)
        dims.push_back(d);
    std::stable_sort(dims.begin(), dims.end(),
                     [&](size_t a, size_t b) { return in.strides[a] < in.strides[b]; });
    std::vector<int64_t> logical(rank, 1);
    for (size_t d = rank - 1; d-- > 1;)
        logical[d] = logical[d + 1] * in.shape[d + 1];
    std::vector<int64_t> order = {0};
    for (size_t d : dims) {
        std::vector<int64_t> next;
        next.reserve(order.size() * size_t(in.shape[d]));
        for (int64_t i = 0; i < in.shape[d]; ++i)
            for (int64_t o : order)
                next.push_back(o + i * logical[d]);
        order = std::move(next);
    }
    return order;
}

// As below, in chunks of input channels, the last one filled up with -1.
std::vector<int64_t> chunked_order(const Workload &w, const Contraction &s, int64_t chunk) {
    const bool linear = std::holds_alternative<Linear>(w.anchor);
    const std::vector<int64_t> features =
        linear ? feature_order(w.inputs[0]) : std::vector<int64_t>();
    const Strides stride = weight_strides(w, s);
    const int64_t kx = s.axes[0].kernel, ky = s.axes[1].kernel, kz = s.axes[2].kernel;
    std::vector<int64_t> order;
    for (int64_t first = 0; first < s.c; first += chunk)
        for (int64_t z = 0; z < kz; ++z)
            for (int64_t y = 0; y < ky; ++y)
                for (int64_t x = 0; x < kx; ++x)
                    for (int64_t c = first; c < first + chunk; ++c) {
                        if (c >= s.c)
                            order.push_back(-1);
                        else if (linear)
                            order.push_back(features[size_t(c + s.c * (x + kx * (y + ky * z)))]);
                        else
                            order.push_back(c * stride[0] + x * stride[1] + y * stride[2] +
                                            z * stride[3]);
                    }
    return order;
}

// PyTorch's offset of every weight of one output channel, in the order they are read.
std::vector<int64_t> reading_order(const Workload &w, const Contraction &s,
                                   const Schedule &schedule) {
    if (schedule.family == "gpu_direct")
        return chunked_order(w, s, schedule.integer("chunk"));
    const bool window_inner = schedule.family == "small" || schedule.family == "planar";
    if (std::holds_alternative<Linear>(w.anchor))
        return feature_order(w.inputs[0]);
    Strides stride = weight_strides(w, s);
    std::vector<int64_t> order;
    order.reserve(size_t(s.c * s.window()));
    int64_t outer = window_inner ? s.c : s.axes[0].kernel;
    int64_t inner = window_inner ? s.axes[0].kernel : s.c;
    int64_t outer_stride = stride[window_inner ? 0 : 1],
            inner_stride = stride[window_inner ? 1 : 0];
    for (int64_t z = 0; z < s.axes[2].kernel; ++z)
        for (int64_t y = 0; y < s.axes[1].kernel; ++y)
            for (int64_t o = 0; o < outer; ++o)
                for (int64_t i = 0; i < inner; ++i)
                    order.push_back(i * inner_stride + o * outer_stride + y * stride[2] +
                                    z * stride[3]);
    return order;
}

bool is_depthwise(const Schedule &schedule) {
    return schedule.family == "depthwise" || schedule.family == "gpu_depthwise";
}

int64_t block_of(const Schedule &schedule) {
    if (schedule.family == "gpu_direct")
        return schedule.integer("tile_c") * schedule.integer("threads_c");
    if (schedule.family == "gpu_split")
        return schedule.integer("threads_c");
    return schedule.family == "gemm" ? schedule.integer("tile_n") : schedule.integer("tile_c");
}

int64_t blocks_of(const Contraction &s, int64_t block) {
    return ceil_div(s.k, block);
}

} // namespace

int64_t packed_weight_elements(const Workload &w, const Schedule &schedule) {
    if (!workload_weight(w))
        return 0;
    Contraction s = contraction_of(w);
    if (is_depthwise(schedule))
        return s.groups * s.window();
    int64_t block = block_of(schedule);
    int64_t channels = s.c;
    if (schedule.family == "gpu_direct")
        channels = round_up(s.c, schedule.integer("chunk"));
    return s.groups * blocks_of(s, block) * block * channels * s.window();
}

int64_t packed_bias_elements(const Workload &w, const Schedule &schedule) {
    if (!workload_bias(w))
        return 0;
    Contraction s = contraction_of(w);
    if (is_depthwise(schedule))
        return s.groups;
    int64_t block = block_of(schedule);
    return s.groups * blocks_of(s, block) * block;
}

std::vector<float> pack_weight(const Workload &w, const Schedule &schedule, const float *weight) {
    Contraction s = contraction_of(w);
    std::vector<int64_t> order = reading_order(w, s, schedule);
    int64_t steps = int64_t(order.size());
    std::vector<float> packed(size_t(packed_weight_elements(w, schedule)), 0.0f);
    if (is_depthwise(schedule)) {
        for (int64_t step = 0; step < steps; ++step)
            for (int64_t g = 0; g < s.groups; ++g)
                packed[size_t(step * s.groups + g)] = weight[g * steps + order[size_t(step)]];
        return packed;
    }
    int64_t block = block_of(schedule), blocks = blocks_of(s, block);
    for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t k = 0; k < s.k; ++k) {
            const float *from = weight + (g * s.k + k) * s.c * s.window();
            float *to = packed.data() + ((g * blocks + k / block) * steps) * block + k % block;
            for (int64_t step = 0; step < steps; ++step)
                if (order[size_t(step)] >= 0)
                    to[step * block] = from[order[size_t(step)]];
        }
    return packed;
}

std::vector<float> pack_bias(const Workload &w, const Schedule &schedule, const float *bias) {
    Contraction s = contraction_of(w);
    std::vector<float> packed(size_t(packed_bias_elements(w, schedule)), 0.0f);
    int64_t per_group = int64_t(packed.size()) / s.groups;
    for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t k = 0; k < s.k; ++k)
            packed[size_t(g * per_group + k)] = bias[g * s.k + k];
    return packed;
}

} // namespace cnnc
