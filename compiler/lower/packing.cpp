// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contractions read weights as [group][channel block][rz][ry][rx][c][channel within the block], the
// tail of the last block filled with zeros; `small` and `planar` have c and rx the other way
// round. Bias is read
// as [group][channel padded to whole blocks]. Depthwise weights are read as [window][channel].
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

// PyTorch's offset of every weight of one output channel, in the order they are read.
std::vector<int64_t> reading_order(const Workload &w, const Contraction &s, bool window_inner) {
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

bool window_inner(const Schedule &schedule) {
    return schedule.family == "small" || schedule.family == "planar";
}

int64_t block_of(const Schedule &schedule) {
    return schedule.family == "gemm" ? schedule.integer("tile_n") : schedule.integer("tile_c");
}

int64_t blocks_of(const Contraction &s, int64_t block) {
    return (s.k + block - 1) / block;
}

} // namespace

int64_t packed_weight_elements(const Workload &w, const Schedule &schedule) {
    if (!workload_weight(w))
        return 0;
    Contraction s = contraction_of(w);
    if (schedule.family == "depthwise")
        return s.groups * s.window();
    int64_t block = block_of(schedule);
    return s.groups * blocks_of(s, block) * block * s.c * s.window();
}

int64_t packed_bias_elements(const Workload &w, const Schedule &schedule) {
    if (!workload_bias(w))
        return 0;
    Contraction s = contraction_of(w);
    if (schedule.family == "depthwise")
        return s.groups;
    int64_t block = block_of(schedule);
    return s.groups * blocks_of(s, block) * block;
}

std::vector<float> pack_weight(const Workload &w, const Schedule &schedule, const float *weight) {
    Contraction s = contraction_of(w);
    std::vector<int64_t> order = reading_order(w, s, window_inner(schedule));
    int64_t steps = int64_t(order.size());
    std::vector<float> packed(size_t(packed_weight_elements(w, schedule)), 0.0f);
    if (schedule.family == "depthwise") {
        for (int64_t step = 0; step < steps; ++step)
            for (int64_t g = 0; g < s.groups; ++g)
                packed[size_t(step * s.groups + g)] = weight[g * steps + order[size_t(step)]];
        return packed;
    }
    int64_t block = block_of(schedule), blocks = blocks_of(s, block);
    for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t k = 0; k < s.k; ++k) {
            const float *from = weight + (g * s.k + k) * steps;
            float *to = packed.data() + ((g * blocks + k / block) * steps) * block + k % block;
            for (int64_t step = 0; step < steps; ++step)
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
