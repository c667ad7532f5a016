// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Bilinear resizing, one dimension after the other, with the triangle widened when it shrinks.
#include "compiler/import/image.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// The pixels that a pixel of the result is a weighted mean of.
struct Taps {
    int first = 0;
    std::vector<float> weights;
};

std::vector<Taps> triangle_taps(int from, int to) {
    const double scale = double(from) / to;
    const double reach = std::max(scale, 1.0);
    std::vector<Taps> all;
    for (int i = 0; i < to; ++i) {
        const double centre = (i + 0.5) * scale;
        const int first = std::max(0, int(centre - reach + 0.5));
        const int end = std::min(from, int(centre + reach + 0.5));
        Taps taps = {first, {}};
        double sum = 0;
        for (int t = first; t < end; ++t) {
            const double weight = std::max(0.0, 1 - std::abs(t + 0.5 - centre) / reach);
            taps.weights.push_back(float(weight));
            sum += weight;
        }
        for (float &weight : taps.weights)
            weight = float(weight / sum);
        all.push_back(std::move(taps));
    }
    return all;
}

// Elements lie in `lines` lines of [from][step]; the middle extent becomes `to`.
std::vector<uint8_t> resample(const std::vector<uint8_t> &pixels, int from, int to, size_t step) {
    const std::vector<Taps> all = triangle_taps(from, to);
    const size_t line = size_t(from) * step;
    const size_t lines = pixels.size() / line;
    std::vector<uint8_t> result;
    result.reserve(lines * size_t(to) * step);
    for (size_t l = 0; l < lines; ++l) {
        for (const Taps &taps : all) {
            const uint8_t *first = pixels.data() + l * line + size_t(taps.first) * step;
            for (size_t s = 0; s < step; ++s) {
                float sum = 0;
                for (size_t t = 0; t < taps.weights.size(); ++t)
                    sum += taps.weights[t] * float(first[t * step + s]);
                result.push_back(uint8_t(std::clamp(sum + 0.5f, 0.0f, 255.0f)));
            }
        }
    }
    return result;
}

} // namespace

Image resized(const Image &image, int width, int height) {
    Image result = {width, height, image.channels, image.pixels};
    const size_t channels = size_t(image.channels);
    const auto columns = [&] {
        if (width != image.width)
            result.pixels = resample(result.pixels, image.width, width, channels);
    };
    // With the smaller picture in between.
    const bool columns_first = int64_t(width) * image.height <= int64_t(image.width) * height;
    if (columns_first)
        columns();
    if (height != image.height)
        result.pixels = resample(result.pixels, image.height, height,
                                 size_t(columns_first ? width : image.width) * channels);
    if (!columns_first)
        columns();
    return result;
}

} // namespace cnnc
