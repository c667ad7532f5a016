// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decoding JPEG; image.h has the rules.
#pragma once

#include "compiler/import/image.h"

namespace cnnc {

std::optional<Image> decode_jpeg(const std::string &path, const FileBytes &bytes, int channels,
                                 Diagnostics &diags);

// The orientation in the EXIF data of a JPEG (what follows "Exif\0\0"): 1 to 8, 1 if there is none.
int exif_orientation(std::string_view exif);
// The picture as it is meant to be seen.
Image upright(Image image, int orientation);

// Reports a picture of too many pixels.
bool image_size_is_fine(const std::string &path, uint64_t width, uint64_t height,
                        Diagnostics &diags);

} // namespace cnnc
