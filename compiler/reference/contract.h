// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one loop the interpreter's time goes into: sums of products, for convolution and linear.
#pragma once

#include <cstdint>
#include <vector>

namespace cnnc::reference {

// For every channel c and position p:
//
//     results[c * channel_stride + p * position_stride] =
//         bias[c] + sum over k of weights[c][k] * values[positions[p] + taps[k]]
struct Contraction {
    const double *values = nullptr;
    const std::vector<int64_t> *positions = nullptr; // where in `values` each result begins to read
    const std::vector<int64_t> *taps = nullptr;      // where its terms are from there
    const float *weights = nullptr;                  // [channels][taps]
    const float *bias = nullptr;                     // [channels], or null
    int64_t channels = 0;
    double *results = nullptr;
    int64_t channel_stride = 1;
    int64_t position_stride = 1;
};

// Adds the terms in the order of `taps`, in double precision; large ones on several threads, whose
// number changes no result.
void contract(const Contraction &contraction);

} // namespace cnnc::reference
