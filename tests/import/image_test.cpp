// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Images as inputs: pixels arrive where they belong, broken files are reported.
#include "compiler/import/image.h"
#include "tests/import/files.h"

#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

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
    EXPECT_EQ(type_text(floats->type), "f32[1, 3, 2, 3]");
    for (size_t channel = 0; channel < 3; ++channel) {
        for (size_t pixel = 0; pixel < 6; ++pixel) {
            uint8_t expected = image.pixels[pixel * 3 + channel];
            EXPECT_EQ(floats->floats()[channel * 6 + pixel], float(expected) / 255);
            EXPECT_EQ(bytes->bytes[channel * 6 + pixel], std::byte(expected));
        }
    }
}

TEST(Image, ReportsInputsItCannotFeed) {
    std::string path = temporary("small.png");
    Diagnostics diags;
    ASSERT_TRUE(write_png(path, small_image(), diags));
    EXPECT_FALSE(read_image_input(path, {DType::f32, {1, 3, 224, 225}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::f32, {1, 4, 2, 3}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::f32, {10}}, diags));
    EXPECT_FALSE(read_image_input(path, {DType::i32, {1, 3, 2, 3}}, diags));
    std::string help = "help: it can be f32 or u8 of the shape [1, 1 or 3, height, width]\n";
    EXPECT_EQ(rendered(diags),
              "error: `" + path + "` has 3 x 2 pixels, but the input takes 225 x 224\n" +
                  "error: an image cannot be an input of type f32[1, 4, 2, 3]\n" + help +
                  "error: an image cannot be an input of type f32[10]\n" + help +
                  "error: an image cannot be an input of type i32[1, 3, 2, 3]\n" + help);
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
