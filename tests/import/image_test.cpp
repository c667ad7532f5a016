// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Images as inputs: pixels arrive where they belong, broken files are reported.
#include "compiler/import/image.h"
#include "compiler/import/jpeg.h"
#include "tests/import/files.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>
#include <png.h>

namespace cnnc::test {
namespace {

// 3 x 2 pixels, every value different.
Image small_image() {
    Image image{3, 2, 3, {}};
    for (int i = 0; i < 18; ++i)
        image.pixels.push_back(uint8_t(10 * i + 5));
    return image;
}

Image grey_image(int width, int height, uint8_t level) {
    return {width, height, 1, std::vector<uint8_t>(size_t(width) * size_t(height), level)};
}

std::string jpeg_bytes(const Image &image, bool progressive) {
    jpeg_compress_struct jpeg = {};
    jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    unsigned char *buffer = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&jpeg, &buffer, &size);
    jpeg.image_width = JDIMENSION(image.width);
    jpeg.image_height = JDIMENSION(image.height);
    jpeg.input_components = image.channels;
    jpeg.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        size_t offset = jpeg.next_scanline * size_t(image.width) * size_t(image.channels);
        JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + offset);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    std::string bytes(reinterpret_cast<char *>(buffer), size);
    std::free(buffer);
    return bytes;
}

std::string errors(const std::string &bytes) {
    Diagnostics diags;
    EXPECT_FALSE(decode_image("a.png", file_bytes(bytes), 3, diags).has_value());
    return rendered(diags);
}

TEST(Image, WritesAndReadsPng) {
    Image image = small_image();
    std::string path = temporary("small.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, image, diags)) << rendered(diags);
    auto read = read_image(path, 3, diags);
    ASSERT_TRUE(read) << rendered(diags);
    EXPECT_EQ(read->width, 3);
    EXPECT_EQ(read->height, 2);
    EXPECT_EQ(read->pixels, image.pixels);
    EXPECT_TRUE(looks_like_image(contents(path)));
    EXPECT_FALSE(looks_like_image("\x93NUMPY"));
}

TEST(Image, ReadsGreyAsColoursAndColoursAsGrey) {
    std::string path = temporary("grey.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, grey_image(2, 2, 77), diags));
    auto colours = read_image(path, 3, diags);
    ASSERT_TRUE(colours) << rendered(diags);
    EXPECT_EQ(colours->pixels, std::vector<uint8_t>(12, 77));
    ASSERT_TRUE(write_png(path, *colours, diags));
    auto grey = read_image(path, 1, diags);
    ASSERT_TRUE(grey) << rendered(diags);
    EXPECT_EQ(grey->pixels, std::vector<uint8_t>(4, 77));
}

TEST(Image, ReadsJpeg) {
    for (bool progressive : {false, true}) {
        std::string bytes = jpeg_bytes(grey_image(20, 9, 140), progressive);
        Diagnostics diags;
        auto image = decode_image("a.jpg", file_bytes(bytes), 3, diags);
        ASSERT_TRUE(image) << rendered(diags);
        EXPECT_EQ(image->width, 20);
        EXPECT_EQ(image->height, 9);
        ASSERT_EQ(image->pixels.size(), 540u);
        for (uint8_t pixel : image->pixels)
            EXPECT_NEAR(pixel, 140, 2);
    }
}

TEST(Image, FeedsAnInputPlaneByPlane) {
    Image image = small_image();
    std::string path = temporary("planes.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, image, diags));
    auto floats = read_image_input(path, {DType::f32, {1, 3, 2, 3}}, diags);
    auto bytes = read_image_input(path, {DType::u8, {1, 3, 2, 3}}, diags);
    ASSERT_TRUE(floats && bytes) << rendered(diags);
    EXPECT_EQ(type_text(floats->data.type), "f32[1, 3, 2, 3]");
    EXPECT_EQ(floats->width, 3);
    EXPECT_EQ(floats->height, 2);
    for (size_t channel = 0; channel < 3; ++channel) {
        for (size_t pixel = 0; pixel < 6; ++pixel) {
            uint8_t expected = image.pixels[pixel * 3 + channel];
            EXPECT_EQ(floats->data.floats()[channel * 6 + pixel], float(expected) / 255);
            EXPECT_EQ(bytes->data.bytes[channel * 6 + pixel], std::byte(expected));
        }
    }
}

TEST(Image, FeedsInputsOfManyForms) {
    Image image = small_image();
    for (int i = 0; i < 6; ++i)
        image.pixels.insert(image.pixels.begin() + 4 * i + 3, uint8_t(255)); // opaque
    image.channels = 4;
    std::string path = temporary("forms.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, image, diags));
    auto last = read_image_input(path, {DType::u8, {1, 2, 3, 4}}, diags); // channels, that is
    ASSERT_TRUE(last) << rendered(diags);
    EXPECT_EQ(std::memcmp(last->data.bytes, image.pixels.data(), image.pixels.size()), 0);
    auto single = read_image_input(path, {DType::u8, {3, 2, 3}}, diags);
    ASSERT_TRUE(single) << rendered(diags);
    EXPECT_EQ(single->data.bytes[6], std::byte(15)) << "the first pixel's green";
    // Pictures from inputs again.
    EXPECT_EQ(image_of(last->data)->pixels, image.pixels);
    EXPECT_EQ(image_of(last->data)->channels, 4);
    EXPECT_EQ(image_of(single->data)->pixels, small_image().pixels);
}

TEST(Image, OfFloatsTakesTheNearestLevel) {
    const TensorData data =
        TensorData::from_floats({1, 1, 2, 3}, {0, 1, 0.5f / 255, -7, 1e30f, NAN});
    const auto image = image_of(data);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->pixels, (std::vector<uint8_t>{0, 255, 1, 0, 255, 0}));
    EXPECT_FALSE(image_of(TensorData::from_floats({2, 1, 1, 1}, {0, 0})));
    EXPECT_FALSE(image_of(TensorData::from_floats({1, 2, 1, 2}, {0, 0, 0, 0})));
}

TEST(Image, DimensionsAreToldByTheirExtents) {
    const auto text = [](const Shape &shape) {
        const auto dims = image_dims(shape);
        return dims ? fmt::format("{}{}{}", dims->channels, dims->height, dims->width) : "none";
    };
    EXPECT_EQ(text({1, 3, 10, 20}), "123");
    EXPECT_EQ(text({1, 3, 10, 3}), "123");
    EXPECT_EQ(text({1, 10, 20, 3}), "312");
    EXPECT_EQ(text({4, 10, 20}), "012");
    EXPECT_EQ(text({10, 20, 1}), "201");
    EXPECT_EQ(text({2, 3, 10, 20}), "none");
    EXPECT_EQ(text({1, 2, 10, 20}), "none");
    EXPECT_EQ(text({10, 20}), "none");
    EXPECT_EQ(text({}), "none");
}

TEST(Image, ResizesByMeansOfWhatEachPixelCovers) {
    const Image row = {4, 1, 1, {0, 100, 200, 40}};
    // The triangle around 1 reaches over pixels 0, 1 and 2 with weights 3, 3 and 1.
    EXPECT_EQ(resized(row, 2, 1).pixels, (std::vector<uint8_t>{71, 117}));
    EXPECT_EQ(resized(row, 8, 1).pixels, (std::vector<uint8_t>{0, 25, 75, 125, 175, 160, 80, 40}));
    EXPECT_EQ(resized(row, 4, 2).pixels, (std::vector<uint8_t>{0, 100, 200, 40, 0, 100, 200, 40}));
    const Image column = {1, 4, 1, row.pixels};
    EXPECT_EQ(resized(column, 1, 2).pixels, resized(row, 2, 1).pixels);
    const Image both = resized({2, 1, 3, {0, 50, 100, 200, 150, 100}}, 4, 3);
    EXPECT_EQ(std::vector<uint8_t>(both.pixels.begin() + 12, both.pixels.begin() + 24),
              (std::vector<uint8_t>{0, 50, 100, 50, 75, 100, 150, 125, 100, 200, 150, 100}));
}

TEST(Image, ResizingKeepsEvenColours) {
    for (int from = 1; from < 40; from += 3) {
        for (int to = 1; to < 60; to += 4) {
            const Image image = resized(grey_image(from, 50 - from, 201), to, 61 - to);
            EXPECT_EQ(image.pixels, grey_image(to, 61 - to, 201).pixels) << from << " to " << to;
        }
    }
}

TEST(Image, ResizesToTheInput) {
    std::string path = temporary("large.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, grey_image(40, 30, 51), diags));
    auto input = read_image_input(path, {DType::f32, {1, 3, 7, 5}}, diags);
    ASSERT_TRUE(input) << rendered(diags);
    EXPECT_EQ(input->width, 40);
    EXPECT_EQ(input->height, 30);
    for (int i = 0; i < 3 * 7 * 5; ++i)
        EXPECT_EQ(input->data.floats()[i], 0.2f);
}

TEST(Image, StandsUpright) {
    // Stored a b c / d e f.
    const Image stored = {3, 2, 1, {'a', 'b', 'c', 'd', 'e', 'f'}};
    const char *seen[] = {"abcdef", "cbafed", "fedcba", "defabc",
                          "adbecf", "daebfc", "fcebda", "cfbead"};
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Image image = upright(stored, orientation);
        EXPECT_EQ(std::string(image.pixels.begin(), image.pixels.end()), seen[orientation - 1])
            << orientation;
        EXPECT_EQ(image.width, orientation < 5 ? 3 : 2);
    }
}

std::string exif(bool big_endian, uint16_t tag, uint16_t type, uint16_t value) {
    const auto number = [&](uint32_t number, int bytes) {
        std::string text;
        for (int i = 0; i < bytes; ++i)
            text += char(number >> 8 * (big_endian ? bytes - 1 - i : i));
        return text;
    };
    return (big_endian ? "MM" : "II") + number(42, 2) + number(8, 4) + number(2, 2) +
           number(0x010f, 2) + number(2, 2) + number(1, 4) + number(0, 4) + number(tag, 2) +
           number(type, 2) + number(1, 4) + number(value, 2) + number(0, 2) + number(0, 4);
}

TEST(Image, ReadsTheOrientationOfExifData) {
    for (bool big_endian : {false, true}) {
        EXPECT_EQ(exif_orientation(exif(big_endian, 0x0112, 3, 6)), 6);
        EXPECT_EQ(exif_orientation(exif(big_endian, 0x0113, 3, 6)), 1);
        EXPECT_EQ(exif_orientation(exif(big_endian, 0x0112, 4, 6)), 1);
        EXPECT_EQ(exif_orientation(exif(big_endian, 0x0112, 3, 9)), 1);
        const std::string whole = exif(big_endian, 0x0112, 3, 6);
        for (size_t length = 0; length < 30; ++length)
            EXPECT_EQ(exif_orientation(whole.substr(0, length)), 1) << length;
        for (size_t i = 0; i < whole.size(); ++i) {
            std::string noise = whole;
            noise[i] = '\xff';
            exif_orientation(noise); // must stay inside
        }
    }
}

TEST(Image, TurnsJpegsAsTheirExifDataSay) {
    std::string jpeg = jpeg_bytes(grey_image(24, 8, 100), false);
    const std::string data = std::string("Exif\0\0", 6) + exif(true, 0x0112, 3, 6);
    const size_t length = data.size() + 2;
    jpeg.insert(2, std::string("\xff\xe1") + char(length >> 8) + char(length & 255) + data);
    Diagnostics diags;
    auto image = decode_image("a.jpg", file_bytes(jpeg), 4, diags);
    ASSERT_TRUE(image) << rendered(diags);
    EXPECT_EQ(image->width, 8);
    EXPECT_EQ(image->height, 24);
    ASSERT_EQ(image->pixels.size(), 4u * 8 * 24);
    EXPECT_NEAR(image->pixels[0], 100, 2);
    EXPECT_EQ(image->pixels[3], 255);
}

TEST(Image, ReadsSixteenBitsAsTheUpperEight) {
    // Grey, and no word about its colour space.
    const std::string path = temporary("deep.png");
    FILE *file = std::fopen(path.c_str(), "wb");
    ASSERT_TRUE(file);
    png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(writer);
    png_init_io(writer, file);
    png_set_IHDR(writer, info, 2, 1, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer, info);
    const png_byte row[] = {0x40, 0x40, 0xc8, 0xc8};
    png_write_row(writer, row);
    png_write_end(writer, info);
    png_destroy_write_struct(&writer, &info);
    std::fclose(file);
    Diagnostics diags;
    auto image = read_image(path, 1, diags);
    ASSERT_TRUE(image) << rendered(diags);
    EXPECT_EQ(image->pixels, (std::vector<uint8_t>{0x40, 0xc8}));
}

TEST(Image, ColoursBecomeGreyByTheirLuma) {
    std::string path = temporary("colours.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, {3, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}}, diags));
    auto grey = read_image(path, 1, diags);
    ASSERT_TRUE(grey) << rendered(diags);
    EXPECT_EQ(grey->pixels, (std::vector<uint8_t>{76, 150, 29}));
}

TEST(Image, ShowsTransparencyOnWhite) {
    std::string path = temporary("clear.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, {2, 1, 4, {10, 20, 30, 0, 10, 20, 30, 255}}, diags));
    auto seen = read_image(path, 3, diags);
    ASSERT_TRUE(seen) << rendered(diags);
    EXPECT_EQ(seen->pixels, (std::vector<uint8_t>{255, 255, 255, 10, 20, 30}));
    EXPECT_EQ(read_image(path, 4, diags)->pixels[3], 0);
}

TEST(Image, ReportsInputsItCannotFeed) {
    std::string path = temporary("small.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, small_image(), diags));
    EXPECT_FALSE(read_image_input(path, {DType::f32, {1, 5, 2, 7}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::f32, {10}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::i32, {1, 3, 2, 3}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::u8, {1, 3, 1 << 14, 1 << 13}}, diags));
    std::string help =
        "help: it can be f32 or u8 of the shape [1, C, height, width] or [1, height, "
        "width, C], where C is 1, 3 or 4\n";
    std::string expected;
    for (const char *type :
         {"f32[1, 5, 2, 7]", "f32[10]", "i32[1, 3, 2, 3]", "u8[1, 3, 16384, 8192]"})
        expected += std::string("error: an image cannot be an input of type ") + type + "\n" + help;
    EXPECT_EQ(rendered(diags), expected);
}

TEST(Image, ReportsOtherFiles) {
    EXPECT_EQ(errors("GIF89a"), "error: `a.png` is neither a PNG nor a JPEG file\n");
    EXPECT_EQ(errors(""), "error: `a.png` is neither a PNG nor a JPEG file\n");
}

// Every cut must be noticed (a decoder would fill in grey), and none may crash.
TEST(Image, ReportsFilesThatAreCutOff) {
    Image picture{24, 17, 3, {}};
    for (int i = 0; i < 24 * 17 * 3; ++i)
        picture.pixels.push_back(uint8_t(i * i / 7));
    Diagnostics diags;
    ASSERT_TRUE(write_png(temporary("cut.png"), picture, diags));
    std::string png = contents(temporary("cut.png"));
    // Behind the pixels come 12 bytes that say no more than that the file ends.
    for (size_t length = 8; length + 12 < png.size(); length += 7)
        EXPECT_NE(errors(png.substr(0, length)), "") << length;
    for (bool progressive : {false, true}) {
        std::string jpeg = jpeg_bytes(picture, progressive);
        for (size_t length = 3; length + 2 < jpeg.size(); length += 5)
            EXPECT_NE(errors(jpeg.substr(0, length)), "") << length;
    }
    EXPECT_EQ(errors(jpeg_bytes(picture, false).substr(0, 300)),
              "error: cannot decode `a.png`: Premature end of JPEG file\n");
}

// Noise in the middle may decode to something or not: it must not crash or hang.
TEST(Image, SurvivesNoise) {
    Diagnostics diags;
    ASSERT_TRUE(write_png(temporary("noise.png"), small_image(), diags));
    std::string files[] = {contents(temporary("noise.png")), jpeg_bytes(small_image(), false),
                           jpeg_bytes(small_image(), true)};
    uint32_t state = 1;
    for (int round = 0; round < 3000; ++round) {
        std::string bytes = files[round % 3];
        for (int change = 0; change < 3; ++change) {
            state = state * 1664525u + 1013904223u;
            bytes[3 + (state >> 8) % (bytes.size() - 3)] = char(state >> 24);
        }
        Diagnostics ignored;
        auto image = decode_image("noise", file_bytes(bytes), 3, ignored);
        EXPECT_NE(image.has_value(), ignored.has_errors());
    }
}

TEST(Image, ReportsHugePicturesBeforeDecodingThem) {
    std::string jpeg = jpeg_bytes(grey_image(8, 8, 0), false);
    size_t frame = jpeg.find("\xff\xc0");
    ASSERT_NE(frame, std::string::npos);
    jpeg.replace(frame + 5, 4, "\xff\xdc\xff\xdc");
    EXPECT_EQ(errors(jpeg),
              "error: `a.png` has 65500 x 65500 pixels, more than the 67108864 cnnc reads\n");
}

// A progressive file may repeat a scan without end; each costs a pass over the whole picture.
TEST(Image, ReportsTooManyScans) {
    std::string jpeg = jpeg_bytes(grey_image(64, 64, 9), true);
    size_t scan = jpeg.rfind("\xff\xda"), end = jpeg.rfind("\xff\xd9");
    std::string bytes = jpeg.substr(0, end);
    for (int i = 0; i < 1000; ++i)
        bytes += jpeg.substr(scan, end - scan);
    EXPECT_EQ(errors(bytes + "\xff\xd9"),
              "error: cannot decode `a.png`: it has more than 200 scans\n");
}

TEST(Image, ReportsFilesThatCannotBeReadOrWritten) {
    Diagnostics diags;
    EXPECT_FALSE(read_image("no/such.png", 3, diags));
    EXPECT_FALSE(write_png("no/such.png", small_image(), diags));
    EXPECT_EQ(rendered(diags), "error: cannot read `no/such.png`: No such file or directory\n"
                               "error: cannot write `no/such.png`: No such file or directory\n");
}

} // namespace
} // namespace cnnc::test
