// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which elements of an operand one element of the result depends on, along one dimension.
#pragma once

#include "compiler/graph/ops.h"

#include <optional>

namespace cnnc {

// Element o depends on those at middle + step * o, and around there on `span` neighbours in all.
struct Window {
    double step = 1, middle = 0, span = 1;
    bool is_trivial() const { return step == 1 && middle == 0 && span == 1; }
};

// A kernel that slides, as a convolution's and a pool's.
Window sliding(int64_t kernel, int64_t stride, int64_t pad_lo, int64_t dilation);
// Of spatial dimension i.
Window transposed(const ConvTranspose &conv, size_t i);
Window resizing(const Resize &resize, size_t i, int64_t in);
Window adaptive(int64_t in, int64_t out);
// Elements picked by index, if they are evenly spaced.
std::optional<Window> picking(const std::vector<int64_t> &index);

} // namespace cnnc
