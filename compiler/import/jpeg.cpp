// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// JPEG by libjpeg, which must not end the process.
#include "compiler/import/jpeg.h"

#include "compiler/import/import_diagnostics.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

namespace cnnc {
namespace {

// A few hundred bytes of progressive JPEG may ask for any number of passes over a large picture.
constexpr int max_jpeg_scans = 200;
constexpr int exif_marker = JPEG_APP0 + 1;
constexpr std::string_view exif_start("Exif\0\0", 6);

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
    jpeg_save_markers(&jpeg, exif_marker, 0xffff);
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

int orientation_of(const jpeg_decompress_struct &jpeg) {
    for (auto marker = jpeg.marker_list; marker; marker = marker->next) {
        std::string_view data(reinterpret_cast<const char *>(marker->data), marker->data_length);
        if (marker->marker == exif_marker && data.substr(0, exif_start.size()) == exif_start)
            return exif_orientation(data.substr(exif_start.size()));
    }
    return 1;
}

Image with_opacity(const Image &image) {
    Image result = {image.width, image.height, 4, {}};
    result.pixels.reserve(image.pixels.size() / 3 * 4);
    for (size_t i = 0; i < image.pixels.size(); i += 3)
        for (size_t c = 0; c < 4; ++c)
            result.pixels.push_back(c < 3 ? image.pixels[i + c] : uint8_t(255));
    return result;
}

// Numbers of a TIFF structure in either byte order; nothing beyond its end.
struct Tiff {
    std::string_view bytes;
    bool big_endian;

    std::optional<uint32_t> number(size_t at, size_t size) const {
        if (at > bytes.size() || bytes.size() - at < size)
            return std::nullopt;
        uint32_t value = 0;
        for (size_t i = 0; i < size; ++i)
            value = value << 8 | uint8_t(bytes[at + (big_endian ? i : size - 1 - i)]);
        return value;
    }
};

} // namespace

int exif_orientation(std::string_view exif) {
    constexpr uint32_t orientation_tag = 0x0112, short_type = 3;
    const Tiff tiff = {exif, exif.substr(0, 2) == "MM"};
    const auto directory = tiff.number(4, 4);
    const auto entries = directory ? tiff.number(*directory, 2) : std::nullopt;
    for (size_t i = 0; entries && i < *entries; ++i) {
        const size_t entry = *directory + 2 + 12 * i;
        if (tiff.number(entry, 2) != orientation_tag)
            continue;
        const uint32_t value = tiff.number(entry + 8, 2).value_or(1);
        return tiff.number(entry + 2, 2) == short_type && value >= 1 && value <= 8 ? int(value) : 1;
    }
    return 1;
}

Image upright(Image image, int orientation) {
    if (orientation <= 1)
        return image;
    // How the stored picture has to be flipped, and then its rows become columns.
    const bool flip_x =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flip_y =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool transpose = orientation >= 5;
    const int width = transpose ? image.height : image.width;
    const int height = transpose ? image.width : image.height;
    Image result = {width, height, image.channels, {}};
    result.pixels.reserve(image.pixels.size());
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const int u = transpose ? y : x, v = transpose ? x : y;
            const size_t column = size_t(flip_x ? image.width - 1 - u : u);
            const size_t row = size_t(flip_y ? image.height - 1 - v : v);
            const auto pixel = image.pixels.begin() + int64_t((row * size_t(image.width) + column) *
                                                              size_t(image.channels));
            result.pixels.insert(result.pixels.end(), pixel, pixel + image.channels);
        }
    }
    return result;
}

std::optional<Image> decode_jpeg(const std::string &path, const FileBytes &bytes, int channels,
                                 Diagnostics &diags) {
    JpegDecoder decoder;
    const jpeg_decompress_struct &jpeg = decoder.jpeg;
    const int decoded = channels == 1 ? 1 : 3;
    bool done = start_jpeg(decoder, bytes, decoded);
    Image image;
    int orientation = 1;
    if (done) {
        orientation = orientation_of(jpeg); // finishing forgets the markers
        if (!image_size_is_fine(path, jpeg.output_width, jpeg.output_height, diags))
            return std::nullopt;
        image = {int(jpeg.output_width), int(jpeg.output_height), decoded, {}};
        image.pixels.resize(size_t(image.width) * size_t(image.height) * size_t(decoded));
        done = finish_jpeg(decoder, image);
    }
    if (!done) {
        diags.report<diag::image_broken>({}, path, decoder.errors.message);
        return std::nullopt;
    }
    image = upright(std::move(image), orientation);
    return channels == 4 ? with_opacity(image) : image;
}

} // namespace cnnc
