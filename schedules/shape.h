// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workloads seen as loop nests: extents and strides in one normal form per kind of anchor, which
// the families reason about and the lowering builds. Pure arithmetic on the workload.
#pragma once

#include "compiler/graph/workload.h"

#include <array>
#include <cstdint>
#include <vector>

namespace cnnc {

inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
inline int64_t round_up(int64_t a, int64_t b) {
    return ceil_div(a, b) * b;
}

// One spatial axis of a convolution or pooling window.
struct Axis {
    int64_t out = 1, in = 1;
    int64_t kernel = 1, stride = 1, dilation = 1;
    int64_t pad = 0;    // in front
    int64_t pad_hi = 0; // behind

    // First and last input coordinate that any window touches.
    int64_t first() const { return -pad; }
    int64_t last() const { return (out - 1) * stride - pad + dilation * (kernel - 1); }
    bool leaves_input() const { return first() < 0 || last() >= in; }
};

// Strides in elements along channel (of one group), x, y, z, group and batch.
using Strides = std::array<int64_t, 6>;

// Sums over channels and a window: convolution and linear layers.
//
//   out[n, g, k, z, y, x] = bias[g, k] +
//       sum over c, rz, ry, rx of weight[g, k, c, rz, ry, rx] * in[n, g, c, z', y', x']
//
// A 1x1 convolution whose pixels lie in one run, and a linear layer, have their pixels (rows)
// joined in x. A linear layer over [rows, C, H, W] has the window H x W in front of one pixel.
struct Contraction {
    int64_t n = 1, groups = 1;
    int64_t c = 1, k = 1;     // per group
    std::array<Axis, 3> axes; // x, y, z
    Strides in{}, out{};
    std::vector<Strides> operands; // of the epilogue: stride 0 where broadcast

    bool staged() const; // some window leaves the input: borders have to be made
    bool depthwise() const { return c == 1 && k == 1 && groups > 1; }
    int64_t window() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
    int64_t pixels() const { return n * axes[0].out * axes[1].out * axes[2].out; }
    int64_t macs() const { return pixels() * groups * k * c * window(); }
};
// Convolutions, and linear layers whose features lie in at most four runs of memory (all that
// form_kernels makes do).
bool is_contraction(const Workload &workload);
Contraction contraction_of(const Workload &workload); // of one that is

// A pooling window: as above with groups = channels and c = k = 1.
Contraction pooling_of(const Workload &workload);

// Loops of a kernel without a window, dimensions ordered by the output's strides (innermost first),
// extents of 1 dropped, neighbours that lie in one run in every tensor joined.
struct Loops {
    std::vector<int64_t> extents;
    std::vector<int64_t> out; // strides
    // Strides of the anchor's (first) input, then of each operand of the epilogue.
    std::vector<std::vector<int64_t>> operands;
};
Loops pointwise_loops(const Workload &workload);

// Whatever works along some dimensions (Reduce, ArgReduce, Softmax, TopK): kept and reduced loops
// apart.
struct Reduction {
    Loops kept;                   // operands[0] is the anchor's input
    std::vector<int64_t> extents; // reduced, innermost first, neighbours joined
    std::vector<int64_t> in;      // the input's strides along them
    // Softmax and top_k, which have one reduced dimension: the result's extent along it, and
    // strides of the result and the epilogue's operands.
    int64_t result = 1, out = 0;
    std::vector<int64_t> operands;
};
Reduction reduction_of(const Workload &workload);

// A matrix product: out[n, m, batch...] = sum over k of a[k, m, batch...] * b[n, k, batch...].
// A product whose result lies transposed in memory is the product of the transposed operands.
struct Product {
    int64_t m = 1, n = 1, k = 1;
    std::vector<int64_t> batch; // extents, innermost first, neighbours joined
    // Strides in the order of the indices above; operands (of the epilogue) as out.
    std::vector<int64_t> a, b, out;
    std::vector<std::vector<int64_t>> operands;
    bool swapped = false; // a is the workload's second input

    int64_t batches() const;
};
Product product_of(const Workload &workload);

// Sample: loops over the result, of which some go along a table.
struct Sampling {
    Loops loops;               // tables' loops are never dropped or joined
    std::vector<int> table;    // per loop: the position in Sample::dims, or -1
    std::vector<int64_t> in;   // per loop: the input's extent
    std::vector<int64_t> taps; // per position in Sample::dims
    int64_t all_taps() const;
};
Sampling sampling_of(const Workload &workload);

// Whether all that a kernel reads and makes on the way to its result is f32.
bool only_floats(const Workload &workload);

} // namespace cnnc
