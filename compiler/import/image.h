// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pictures as inputs and outputs: PNG and JPEG in, PNG out.
#pragma once

#include "compiler/graph/tensor.h"
#include "compiler/import/file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

struct Image {
    int width = 0;
    int height = 0;
    int channels = 0;            // 1: grey; 3: red, green, blue; 4: and opacity
    std::vector<uint8_t> pixels; // [height][width][channels]
};

// No picture of more pixels is read or made.
constexpr int64_t max_image_pixels = int64_t(1) << 26;

// Whether the bytes begin as a PNG or JPEG file does.
bool looks_like_image(std::string_view bytes);

// Decodes to 1, 3 or 4 channels, whatever the file has: 16 bits become 8, transparent parts are
// shown on white where there is no opacity, and a photo stands upright, as its EXIF data say.
// Colours become grey as 0.299 R + 0.587 G + 0.114 B.
std::optional<Image> read_image(const std::string &path, int channels, Diagnostics &diags);
std::optional<Image> decode_image(const std::string &path, const FileBytes &bytes, int channels,
                                  Diagnostics &diags);

// Bilinear; when it shrinks, each pixel is the weighted mean of all that it covers (PyTorch's
// antialias=True, Pillow's BILINEAR).
Image resized(const Image &image, int width, int height);

bool write_png(const std::string &path, const Image &image, Diagnostics &diags);

// Where channels, height and width are among a tensor's dimensions: [C, H, W], or [H, W, C] where
// only the last extent can be the channels; both also behind a batch of 1.
struct ImageDims {
    size_t channels = 0, height = 0, width = 0;
};
std::optional<ImageDims> image_dims(const Shape &shape);

// Whether a tensor can be a picture: f32 or u8, of 1, 3 or 4 channels and not too many pixels.
bool can_be_picture(const TensorType &type);

// A picture as an input of this type, an image of 1, 3 or 4 channels: u8 as it is, or f32 from 0 to
// 1. A picture of another size is resized.
struct ImageInput {
    TensorData data;           // in the shape's order
    int width = 0, height = 0; // the picture's own
};
std::optional<ImageInput> read_image_input(const std::string &path, const TensorType &type,
                                           Diagnostics &diags);

// A tensor as a picture, u8 as it is, f32 from 0 to 1 (beyond: the nearest); nothing when it is no
// image of 1, 3 or 4 channels.
std::optional<Image> image_of(const TensorData &data);

} // namespace cnnc
