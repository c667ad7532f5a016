// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pictures as inputs: PNG and JPEG in, PNG out.
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
    int channels = 0;            // 1: grey, 3: red, green, blue
    std::vector<uint8_t> pixels; // [height][width][channels]
};

// Whether the bytes begin as a PNG or JPEG file does.
bool looks_like_image(std::string_view bytes);

// Decodes to 1 or 3 channels, whatever the file has; transparent parts are shown on white.
std::optional<Image> read_image(const std::string &path, int channels, Diagnostics &diags);
std::optional<Image> decode_image(const std::string &path, const FileBytes &bytes, int channels,
                                  Diagnostics &diags);

bool write_png(const std::string &path, const Image &image, Diagnostics &diags);

// The picture as an input of this type, which has to be [1, 1 or 3, height, width] of the picture's
// own size: f32 from 0 to 1, or u8 as it is.
std::optional<TensorData> read_image_input(const std::string &path, const TensorType &type,
                                           Diagnostics &diags);

} // namespace cnnc
