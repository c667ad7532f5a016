// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random weights with which a network of any depth computes reasonable numbers.
#pragma once

#include "compiler/graph/graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// `count` numbers spread evenly over [low, high), which depend on nothing but the arguments.
TensorData random_tensor(Shape shape, uint64_t seed, const std::string &name, double low,
                         double high);

// The mean and variance that elements of each node are expected to have when inputs and
// weights are those of random_weights(). Estimates: elements count as independent.
struct Moments {
    double mean = 0;
    double variance = 1;
    double second() const { return mean * mean + variance; } // E[x^2]
};
std::vector<Moments> estimate_moments(const Graph &graph);

// Fills in every param's data. The random numbers depend on the seed and the param's name alone;
// their scale follows the network, so that activations neither vanish nor explode: convolutions
// and linear layers give a variance of about 1, and the running statistics of batch norms are about
// what their inputs have. Inputs are taken to have mean 0 and variance 1, or to be spread over the
// range of their integer type (-100 to 100 for the large ones). Weights of other types are 0 and 1.
void random_weights(Graph &graph, uint64_t seed);

} // namespace cnnc
