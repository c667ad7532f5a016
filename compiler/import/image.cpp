// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Images by libpng's simplified interface and libjpeg, neither of which may end the process.
#include "compiler/import/image.h"

#include "compiler/import/import_diagnostics.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

namespace cnnc {
namespace {

constexpr uint64_t max_pixels = uint64_t(1) << 26;
// A few hundred bytes of progressive JPEG may ask for any number of passes over a large picture.
constexpr int max_jpeg_scans = 200;

constexpr std::string_view png_magic("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view jpeg_magic("\xff\xd8\xff", 3);

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

bool size_is_fine(const std::string &path, uint64_t width, uint64_t height, Diagnostics &diags) {
    bool fine = width * height <= max_pixels; // both have at most 32 bits
    if (!fine)
        diags.report<diag::image_too_large>({}, path, width, height, max_pixels);
    return fine;
}

std::optional<Image> decode_png(const std::string &path, const FileBytes &bytes, int channels,
                                Diagnostics &diags) {
    png_image png = {};
    png.version = PNG_IMAGE_VERSION;
    Image image;
    bool done = png_image_begin_read_from_memory(&png, bytes.data, bytes.size);
    if (done) {
        if (!size_is_fine(path, png.width, png.height, diags)) {
            png_image_free(&png);
            return std::nullopt;
        }
        png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
        image = {int(png.width), int(png.height), channels, {}};
        image.pixels.resize(PNG_IMAGE_SIZE(png));
        png_color white = {255, 255, 255};
        done = png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr);
    }
    if (!done) {
        diags.report<diag::image_broken>({}, path, png.message);
        png_image_free(&png);
        return std::nullopt;
    }
    return image;
}

// libjpeg reports through these; its own versions print and exit.
struct JpegErrors {
    jpeg_error_mgr manager; // first, so that a pointer to it is a pointer to this
    std::jmp_buf back;
    char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail_jpeg(j_common_ptr jpeg) {
    auto *errors = reinterpret_cast<JpegErrors *>(jpeg->err);
    errors->manager.format_message(jpeg, errors->message);
    std::longjmp(errors->back, 1);
}

// Most warnings are of no consequence; missing data are.
void note_jpeg_message(j_common_ptr jpeg, int level) {
    int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        fail_jpeg(jpeg);
}

void limit_jpeg_scans(j_common_ptr jpeg) {
    auto *decoder = reinterpret_cast<j_decompress_ptr>(jpeg);
    if (decoder->input_scan_number > max_jpeg_scans) {
        auto *errors = reinterpret_cast<JpegErrors *>(jpeg->err);
        std::snprintf(errors->message, sizeof errors->message, "it has more than %d scans",
                      max_jpeg_scans);
        std::longjmp(errors->back, 1);
    }
}

struct JpegDecoder {
    jpeg_decompress_struct jpeg = {};
    JpegErrors errors = {};
    jpeg_progress_mgr progress = {};

    JpegDecoder() {
        jpeg.err = jpeg_std_error(&errors.manager);
        errors.manager.error_exit = fail_jpeg;
        errors.manager.emit_message = note_jpeg_message;
        progress.progress_monitor = limit_jpeg_scans;
    }
    ~JpegDecoder() { jpeg_destroy_decompress(&jpeg); }
};

// The two halves of decoding. Each sets its own place for longjmp to return to, and holds nothing
// that needs destruction; false: see errors.message.
bool start_jpeg(JpegDecoder &decoder, const FileBytes &bytes, int channels) {
    jpeg_decompress_struct &jpeg = decoder.jpeg;
    if (setjmp(decoder.errors.back))
        return false;
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &decoder.progress;
    jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char *>(bytes.data), bytes.size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_calc_output_dimensions(&jpeg);
    return true;
}

bool finish_jpeg(JpegDecoder &decoder, Image &image) {
    jpeg_decompress_struct &jpeg = decoder.jpeg;
    if (setjmp(decoder.errors.back))
        return false;
    jpeg_start_decompress(&jpeg);
    size_t row_bytes = size_t(image.width) * size_t(image.channels);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = image.pixels.data() + jpeg.output_scanline * row_bytes;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    return true;
}

std::optional<Image> decode_jpeg(const std::string &path, const FileBytes &bytes, int channels,
                                 Diagnostics &diags) {
    JpegDecoder decoder;
    const jpeg_decompress_struct &jpeg = decoder.jpeg;
    bool done = start_jpeg(decoder, bytes, channels);
    Image image;
    if (done) {
        if (!size_is_fine(path, jpeg.output_width, jpeg.output_height, diags))
            return std::nullopt;
        image = {int(jpeg.output_width), int(jpeg.output_height), channels, {}};
        image.pixels.resize(size_t(image.width) * size_t(image.height) * size_t(channels));
        done = finish_jpeg(decoder, image);
    }
    if (!done) {
        diags.report<diag::image_broken>({}, path, decoder.errors.message);
        return std::nullopt;
    }
    return image;
}

// [height][width][channels] to [channels][height][width], each pixel through `convert`.
template <typename Element, typename Convert>
std::vector<Element> planes(const Image &image, Convert convert) {
    std::vector<Element> result;
    result.reserve(image.pixels.size());
    for (int channel = 0; channel < image.channels; ++channel) {
        for (size_t i = size_t(channel); i < image.pixels.size(); i += size_t(image.channels))
            result.push_back(convert(image.pixels[i]));
    }
    return result;
}

} // namespace

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
    png.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    std::string bytes(size, '\0');
    if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr)) {
        diags.report<diag::file_not_written>({}, path, png.message);
        return false;
    }
    bytes.resize(size);
    return write_file(path, {bytes}, diags);
}

std::optional<TensorData> read_image_input(const std::string &path, const TensorType &type,
                                           Diagnostics &diags) {
    const Shape &shape = type.shape;
    bool fits = shape.size() == 4 && shape[0] == 1 && (shape[1] == 1 || shape[1] == 3) &&
                (type.dtype == DType::f32 || type.dtype == DType::u8);
    if (!fits) {
        diags.report<diag::image_input>({}, type_text(type))
            .help("it can be f32 or u8 of the shape [1, 1 or 3, height, width]");
        return std::nullopt;
    }
    std::optional<Image> image = read_image(path, int(shape[1]), diags);
    if (!image)
        return std::nullopt;
    if (image->height != shape[2] || image->width != shape[3]) {
        diags.report<diag::image_size>({}, path, image->width, image->height, shape[3], shape[2]);
        return std::nullopt;
    }
    if (type.dtype == DType::f32)
        return TensorData::from_floats(
            shape, planes<float>(*image, [](uint8_t p) { return float(p) / 255.0f; }));
    auto values = std::make_shared<std::vector<uint8_t>>(
        planes<uint8_t>(*image, [](uint8_t p) { return p; }));
    return TensorData{type, values, reinterpret_cast<const std::byte *>(values->data())};
}

} // namespace cnnc
