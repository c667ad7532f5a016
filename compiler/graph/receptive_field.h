// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Receptive fields, as Araujo, Norris and Sim compute them ("Computing Receptive Fields of
// Convolutional Neural Networks", Distill, 2019), carried through every operator.
#pragma once

#include "compiler/graph/graph.h"

#include <optional>
#include <vector>

namespace cnnc {

// What an element depends on along one spatial dimension of the network's input. Positions in the
// padding count, so a field may be larger than the input.
struct ReceptiveField {
    double size = 1; // in positions of the input; whole, but where maps were resized
    // How far the field moves from one element to the next; 0 where all elements see the same, or
    // there is but one.
    double stride = 1;
    double centre = 0; // of the first element's field; the input's first position is at 0
};

// Per node, and per spatial dimension of the network's input: those behind N and C, or for an
// image declared as [N, H, W, C] H and W. Nothing where the field is not known: behind operators
// that rearrange positions as no window does.
std::vector<std::vector<std::optional<ReceptiveField>>> receptive_fields(const Graph &graph);

} // namespace cnnc
