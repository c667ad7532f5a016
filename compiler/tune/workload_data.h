// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random data to run single workloads on, and how close their results have to be.
#pragma once

#include "compiler/graph/workload.h"

#include <random>
#include <vector>

namespace cnnc {

// Elements from a view's first to its last.
size_t view_span(const TensorView &view);

// An element of an input: at most 1 in magnitude, or what its type and use allow (a table's entries
// are positions in the tensor it picks from).
double random_element(const Workload &workload, size_t input, std::mt19937 &random);
// In PyTorch's order, empty where the anchor has none. Weights have variance 1/n for sums of n
// products, so that results are of order 1.
std::vector<float> random_weight(const Workload &workload, std::mt19937 &random);
std::vector<float> random_bias(const Workload &workload, std::mt19937 &random);

// Whether the workload has a step, or an anchor, whose result jumps. Its inputs and weights are
// multiples of 1/4, so that what comes before the jump can be exact.
bool has_jumps(const Workload &workload);

// The largest error an output may have whose reference's largest magnitude is `scale`.
//
// Inputs are at most 1 and weights have variance 1/n for sums of n products, so that a sum and each
// of its partial sums are of order 1: rounding n of them to f32 strays like a random walk,
// sqrt(n) * eps. Four times that, and 16 eps for exponentials, quotients and epilogues; each factor
// of an epilogue, at most 2 here, may double it.
double kernel_tolerance(const Workload &workload, double scale);

} // namespace cnnc
