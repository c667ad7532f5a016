// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// PNG by libpng's simplified interface, and images as tensors.
#include "compiler/import/image.h"

#include "compiler/import/import_diagnostics.h"
#include "compiler/import/jpeg.h"

#include <algorithm>
#include <cstddef>

#include <png.h>

namespace cnnc {
namespace {

constexpr std::string_view png_magic("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view jpeg_magic("\xff\xd8\xff", 3);

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

Image grey(const Image &image) {
    Image result = {image.width, image.height, 1, {}};
    result.pixels.reserve(image.pixels.size() / 3);
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
        const uint8_t *p = image.pixels.data() + i;
        result.pixels.push_back(
            uint8_t((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768) >> 16));
    }
    return result;
}

png_uint_32 png_format(int channels) {
    return channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
}

std::optional<Image> decode_png(const std::string &path, const FileBytes &bytes, int channels,
                                Diagnostics &diags) {
    png_image png = {};
    png.version = PNG_IMAGE_VERSION;
    Image image;
    bool done = png_image_begin_read_from_memory(&png, bytes.data, bytes.size);
    if (done) {
        if (!image_size_is_fine(path, png.width, png.height, diags)) {
            png_image_free(&png);
            return std::nullopt;
        }
        const bool coloured = png.format & PNG_FORMAT_FLAG_COLOR;
        image = {int(png.width), int(png.height), channels == 1 && coloured ? 3 : channels, {}};
        png.format = png_format(image.channels);
        png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; // 16 bits are no other colours than 8
        image.pixels.resize(PNG_IMAGE_SIZE(png));
        png_color white = {255, 255, 255};
        done = png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr);
    }
    if (!done) {
        diags.report<diag::image_broken>({}, path, png.message);
        png_image_free(&png);
        return std::nullopt;
    }
    return channels < image.channels ? grey(image) : image;
}

// The place of pixel 0 of each channel in a tensor, and of the pixels behind it.
struct PixelPlaces {
    size_t channel_stride, pixel_stride;
};
PixelPlaces places(const ImageDims &dims, const Shape &shape) {
    if (dims.channels > dims.height)
        return {1, size_t(shape[dims.channels])};
    return {size_t(shape[dims.height] * shape[dims.width]), 1};
}

// The pixels in the tensor's order, each through `convert`.
template <typename Element, typename Convert>
std::vector<Element> elements_of(const Image &image, const PixelPlaces &places, Convert convert) {
    std::vector<Element> result(image.pixels.size());
    const size_t channels = size_t(image.channels);
    for (size_t i = 0; i < result.size(); ++i)
        result[i % channels * places.channel_stride + i / channels * places.pixel_stride] =
            convert(image.pixels[i]);
    return result;
}

template <typename Element, typename Convert>
Image image_from(const TensorData &data, const ImageDims &dims, Convert convert) {
    const Shape &shape = data.type.shape;
    const size_t channels = size_t(shape[dims.channels]);
    Image image = {int(shape[dims.width]), int(shape[dims.height]), int(channels), {}};
    const PixelPlaces at = places(dims, shape);
    const auto *elements = reinterpret_cast<const Element *>(data.bytes);
    for (size_t i = 0; i < size_t(element_count(shape)); ++i)
        image.pixels.push_back(
            convert(elements[i % channels * at.channel_stride + i / channels * at.pixel_stride]));
    return image;
}

uint8_t level_of(float value) {
    return value > 0 ? uint8_t(std::min(value * 255.0f, 255.0f) + 0.5f) : uint8_t(0); // 0 for NaN
}

} // namespace

bool image_size_is_fine(const std::string &path, uint64_t width, uint64_t height,
                        Diagnostics &diags) {
    bool fine = width * height <= uint64_t(max_image_pixels); // both have at most 32 bits
    if (!fine)
        diags.report<diag::image_too_large>({}, path, width, height, max_image_pixels);
    return fine;
}

bool looks_like_image(std::string_view bytes) {
    return starts_with(bytes, png_magic) || starts_with(bytes, jpeg_magic);
}

std::optional<Image> decode_image(const std::string &path, const FileBytes &bytes, int channels,
                                  Diagnostics &diags) {
    if (starts_with(bytes.text(), png_magic))
        return decode_png(path, bytes, channels, diags);
    if (starts_with(bytes.text(), jpeg_magic))
        return decode_jpeg(path, bytes, channels, diags);
    diags.report<diag::image_unknown_format>({}, path);
    return std::nullopt;
}

std::optional<Image> read_image(const std::string &path, int channels, Diagnostics &diags) {
    std::optional<FileBytes> bytes = map_file(path, diags);
    if (!bytes)
        return std::nullopt;
    return decode_image(path, *bytes, channels, diags);
}

bool write_png(const std::string &path, const Image &image, Diagnostics &diags) {
    png_image png = {};
    png.version = PNG_IMAGE_VERSION;
    png.width = png_uint_32(image.width);
    png.height = png_uint_32(image.height);
    png.format = png_format(image.channels);
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    std::string bytes(size, '\0');
    if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr)) {
        diags.report<diag::file_not_written>({}, path, png.message);
        return false;
    }
    bytes.resize(size);
    return write_file(path, {bytes}, diags);
}

std::optional<ImageDims> image_dims(const Shape &shape) {
    if (shape.size() == 4 && shape[0] != 1)
        return std::nullopt;
    if (shape.size() != 3 && shape.size() != 4)
        return std::nullopt;
    const auto is_channels = [](int64_t extent) {
        return extent == 1 || extent == 3 || extent == 4;
    };
    const size_t first = shape.size() - 3;
    if (is_channels(shape[first]))
        return ImageDims{first, first + 1, first + 2};
    if (is_channels(shape[first + 2]))
        return ImageDims{first + 2, first, first + 1};
    return std::nullopt;
}

bool can_be_picture(const TensorType &type) {
    const std::optional<ImageDims> dims = image_dims(type.shape);
    return dims && (type.dtype == DType::f32 || type.dtype == DType::u8) &&
           type.shape[dims->height] <= max_image_pixels &&
           type.shape[dims->width] <= max_image_pixels / type.shape[dims->height];
}

std::optional<ImageInput> read_image_input(const std::string &path, const TensorType &type,
                                           Diagnostics &diags) {
    const std::optional<ImageDims> dims = image_dims(type.shape);
    if (!can_be_picture(type)) {
        diags.report<diag::image_input>({}, type_text(type))
            .help("it can be f32 or u8 of the shape [1, C, height, width] or "
                  "[1, height, width, C], where C is 1, 3 or 4");
        return std::nullopt;
    }
    std::optional<Image> image = read_image(path, int(type.shape[dims->channels]), diags);
    if (!image)
        return std::nullopt;
    ImageInput input = {{}, image->width, image->height};
    const int width = int(type.shape[dims->width]), height = int(type.shape[dims->height]);
    if (image->width != width || image->height != height)
        image = resized(*image, width, height);
    const PixelPlaces at = places(*dims, type.shape);
    if (type.dtype == DType::f32) {
        input.data = TensorData::from_floats(
            type.shape,
            elements_of<float>(*image, at, [](uint8_t p) { return float(p) / 255.0f; }));
        return input;
    }
    auto values = std::make_shared<std::vector<uint8_t>>(
        elements_of<uint8_t>(*image, at, [](uint8_t p) { return p; }));
    input.data = {type, values, reinterpret_cast<const std::byte *>(values->data())};
    return input;
}

std::optional<Image> image_of(const TensorData &data) {
    const std::optional<ImageDims> dims = image_dims(data.type.shape);
    if (!can_be_picture(data.type))
        return std::nullopt;
    if (data.type.dtype == DType::f32)
        return image_from<float>(data, *dims, level_of);
    return image_from<uint8_t>(data, *dims, [](uint8_t level) { return level; });
}

} // namespace cnnc
