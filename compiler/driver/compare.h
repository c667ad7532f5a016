// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A compiled result against the reference's.
#pragma once

#include "compiler/graph/graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

struct Difference {
    TensorType type;
    // Floats: relative to the largest magnitude of the reference, which is `scale`; where that is
    // 0, as they are. Integers: `max` as it is.
    double max = 0;
    double rms = 0;
    double scale = 0;
    bool finite = true; // no NaN or infinity on either side
    // Elements that are not equal, the first of them (in logical order), and its two values.
    int64_t unequal = 0;
    int64_t first = -1;
    double first_actual = 0, first_expected = 0;
};
Difference compare(const TensorData &actual, const std::vector<double> &expected);

// How close results have to be.
struct Tolerance {
    double relative = 1e-4; // of floats; integers are to be equal
    // Of integers made from floats: these may round to a neighbour, but only 1 of 100.
    bool rounded = false;
};
bool within(const Difference &difference, const Tolerance &tolerance);
// "ok", or what is wrong.
std::string verdict(const Difference &difference, const Tolerance &tolerance);

// Whether the node holds integers that a cast made from floats, perhaps moved since.
bool is_rounded(const Graph &graph, NodeId node);

} // namespace cnnc
