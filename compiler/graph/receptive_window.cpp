// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/receptive_window.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cnnc {

Window sliding(int64_t kernel, int64_t stride, int64_t pad_lo, int64_t dilation) {
    const double reach = double(kernel - 1) * double(dilation);
    return {double(stride), reach / 2 - double(pad_lo), reach + 1};
}

Window transposed(const ConvTranspose &c, size_t i) {
    // Two taps add to the same element where their distance is a multiple of the stride.
    const int64_t unit = c.stride[i] / std::gcd(c.stride[i], c.dilation[i]);
    const double apart = double((c.kernel[i] - 1) / unit * unit) * double(c.dilation[i]);
    const double stride = double(c.stride[i]);
    const double reach = double(c.kernel[i] - 1) * double(c.dilation[i]);
    return {1 / stride, (double(c.pad_lo[i]) - reach / 2) / stride, apart / stride + 1};
}

Window adaptive(int64_t in, int64_t out) {
    const int64_t widest = 1 + (in - std::gcd(in, out) + out - 1) / out;
    return {double(in) / double(out), double((in + out - 1) / out - 1) / 2, double(widest)};
}

Window resizing(const Resize &r, size_t i, int64_t in) {
    const int64_t out = r.size[i];
    if (in == out && r.scales[i] == 1)
        return {};
    Window window = {1 / r.scales[i], 0, 1};
    if (r.coordinates == ResizeCoordinates::align_corners)
        window.step = out > 1 ? double(in - 1) / double(out - 1) : 0;
    else if (r.coordinates == ResizeCoordinates::half_pixel ||
             (r.coordinates == ResizeCoordinates::pytorch_half_pixel && out > 1))
        window.middle = 0.5 * window.step - 0.5;
    if (r.mode == ResizeMode::nearest) {
        window.middle = std::clamp(rounded(window.middle, r.rounding), 0.0, double(in - 1));
        return window;
    }
    const bool on_positions =
        std::floor(window.step) == window.step && std::floor(window.middle) == window.middle;
    if (on_positions && !r.antialias)
        return window;
    const double taps = r.mode == ResizeMode::linear ? 2 : 4;
    window.span = r.antialias && window.step > 1 ? std::ceil(taps * window.step) : taps;
    window.span = std::min(window.span, double(in));
    return window;
}

std::optional<Window> picking(const std::vector<int64_t> &index) {
    const int64_t step = index.size() > 1 ? index[1] - index[0] : 0;
    for (size_t i = 1; i < index.size(); ++i)
        if (index[i] - index[i - 1] != step)
            return std::nullopt;
    return Window{double(step), double(index[0]), 1};
}

} // namespace cnnc
