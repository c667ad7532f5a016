// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Upscales a PNG twofold with the library that cnnc makes of upscale.cnn:
//
//     cnnc build upscale.cnn --weights upscale.safetensors -o out
//     cc upscale.c -Iout out/libupscale.a -lpng -lm -lpthread -o upscale
//     ./upscale photo.png sharper.png
//
// The network works on tiles of fixed size, UPSCALE_INPUT_PHOTO_* of the header. A photo of any
// size is cut into tiles that overlap by more than the network looks around, and only the middle
// of each is kept; so no seam can be seen.
#include "upscale.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE_H = 128, TILE_W = 128, BORDER = 16, SCALE = 2 };

static unsigned char in[TILE_H * TILE_W * 3], out[TILE_H * TILE_W * 3 * SCALE * SCALE];

static int clamp(int value, int high) {
    return value < 0 ? 0 : value > high ? high : value;
}

// The tile whose first pixel is (top, left); beyond the photo its edge goes on.
static void cut(const unsigned char *photo, int h, int w, int top, int left) {
    for (int y = 0; y < TILE_H; y++)
        for (int x = 0; x < TILE_W; x++)
            memcpy(in + 3 * (y * TILE_W + x),
                   photo + 3 * ((size_t)clamp(top + y, h - 1) * w + clamp(left + x, w - 1)), 3);
}

// Pixels from..to of the tile into the result.
static void paste(unsigned char *result, int h, int w, int top, int left, int y0, int y1, int x0,
                  int x1) {
    for (int y = y0 * SCALE; y < y1 * SCALE && top * SCALE + y < h * SCALE; y++) {
        int count = x1 < w - left ? x1 - x0 : w - left - x0;
        if (count > 0)
            memcpy(result + 3 * ((size_t)(top * SCALE + y) * w * SCALE + (left + x0) * SCALE),
                   out + 3 * (y * TILE_W * SCALE + x0 * SCALE), (size_t)count * 3 * SCALE);
    }
}

static int die(const char *what) {
    fprintf(stderr, "upscale: %s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return die("usage: upscale PHOTO.png RESULT.png");
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&png, argv[1]))
        return die(png.message);
    png.format = PNG_FORMAT_RGB;
    int h = (int)png.height, w = (int)png.width;
    unsigned char *photo = malloc((size_t)h * w * 3);
    unsigned char *result = malloc((size_t)h * w * 3 * SCALE * SCALE);
    png_color white = {255, 255, 255}; // behind transparent pixels
    if (!photo || !result || !png_image_finish_read(&png, &white, photo, 0, NULL))
        return die("cannot read the photo");

    upscale *net;
    int error = upscale_create(NULL, &net);
    if (error)
        return die(upscale_error_message(error));
    // The first tile of a row or column starts at the photo's edge and keeps its border there, as
    // the network was trained; so does the last one of a photo that fits.
    for (int top = 0;; top += TILE_H - 2 * BORDER) {
        for (int left = 0;; left += TILE_W - 2 * BORDER) {
            int last_y = top + TILE_H >= h, last_x = left + TILE_W >= w;
            cut(photo, h, w, top, left);
            if ((error = upscale_run(net, in, out)))
                return die(upscale_error_message(error));
            paste(result, h, w, top, left, top ? BORDER : 0, last_y ? TILE_H : TILE_H - BORDER,
                  left ? BORDER : 0, last_x ? TILE_W : TILE_W - BORDER);
            if (last_x)
                break;
        }
        if (top + TILE_H >= h)
            break;
    }
    upscale_destroy(net);

    png_image to = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
    to.height = (png_uint_32)(h * SCALE);
    to.width = (png_uint_32)(w * SCALE);
    if (!png_image_write_to_file(&to, argv[2], 0, result, 0, NULL))
        return die(to.message);
    printf("%s: %d x %d -> %s: %d x %d\n", argv[1], w, h, argv[2], w * SCALE, h * SCALE);
    free(photo);
    free(result);
    return 0;
}
