// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Draws boxes around the faces in a PNG with the library that cnnc makes of faces.cnn:
//
//     cnnc build faces.cnn --set height=512 --set width=512 --weights faces.safetensors -o out
//     cc faces.c -Iout out/libfaces.a -lpng -lm -lpthread -o faces
//     ./faces photo.png boxes.png
//
// The photo goes in as it is, bytes of red, green and blue; the network does the rest, up to a box
// and a score per anchor. What is left is to sort them out (BlazeFace, Bazarevsky et al., 2019).
#include "faces.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    H = FACES_INPUT_PHOTO_DIM1,
    W = FACES_INPUT_PHOTO_DIM2,
    FINE = 16,  // cells per side of the fine grid, each with 2 anchors
    COARSE = 8, // and of the coarse one, with 6
    ANCHORS = 2 * FINE * FINE + 6 * COARSE * COARSE,
    VALUES = 16, // per anchor: x, y, width, height, and six landmarks' x and y
    MAX_FACES = 64
};
#define SIDE 128.0f    // of the image that the network's own coordinates refer to
#define THRESHOLD 0.5f // of a face's probability
#define OVERLAP 0.3f   // of two boxes that mean one face

typedef struct {
    float score, x0, y0, x1, y1, landmarks[12]; // in pixels of the photo
} face;

static unsigned char photo[H * W * 3];
static float scores[ANCHORS], values[ANCHORS * VALUES];

static face decode(int anchor) {
    int fine = anchor < 2 * FINE * FINE, n = fine ? FINE : COARSE;
    int cell = fine ? anchor / 2 : (anchor - 2 * FINE * FINE) / 6;
    float cx = ((float)(cell % n) + 0.5f) / (float)n, cy = ((float)(cell / n) + 0.5f) / (float)n;
    const float *v = values + anchor * VALUES;
    face f = {1.0f / (1.0f + expf(-scores[anchor])), (cx + (v[0] - v[2] / 2) / SIDE) * W,
              (cy + (v[1] - v[3] / 2) / SIDE) * H,   (cx + (v[0] + v[2] / 2) / SIDE) * W,
              (cy + (v[1] + v[3] / 2) / SIDE) * H,   {0}};
    for (int i = 0; i < 12; i += 2) {
        f.landmarks[i] = (cx + v[4 + i] / SIDE) * W;
        f.landmarks[i + 1] = (cy + v[5 + i] / SIDE) * H;
    }
    return f;
}

static float area(float x0, float y0, float x1, float y1) {
    return x1 > x0 && y1 > y0 ? (x1 - x0) * (y1 - y0) : 0.0f;
}

static float overlap(const face *a, const face *b) {
    float both =
        area(fmaxf(a->x0, b->x0), fmaxf(a->y0, b->y0), fminf(a->x1, b->x1), fminf(a->y1, b->y1));
    return both / (area(a->x0, a->y0, a->x1, a->y1) + area(b->x0, b->y0, b->x1, b->y1) - both);
}

static int better(const void *a, const void *b) {
    float x = ((const face *)a)->score, y = ((const face *)b)->score;
    return (x < y) - (x > y);
}

// The best box of every face: of boxes that overlap only the one of the highest score stays.
static int find_faces(face *faces) {
    static face all[ANCHORS];
    int count = 0, kept = 0;
    for (int anchor = 0; anchor < ANCHORS; anchor++)
        if ((all[count] = decode(anchor)).score > THRESHOLD)
            count++;
    qsort(all, (size_t)count, sizeof *all, better);
    for (int i = 0; i < count && kept < MAX_FACES; i++) {
        int known = 0;
        for (int j = 0; j < kept; j++)
            known |= overlap(&all[i], &faces[j]) > OVERLAP;
        if (!known)
            faces[kept++] = all[i];
    }
    return kept;
}

static void fill(float x0, float y0, float x1, float y1) {
    for (int y = (int)fmaxf(y0, 0); y < fminf(y1, H); y++)
        for (int x = (int)fmaxf(x0, 0); x < fminf(x1, W); x++) {
            unsigned char *pixel = photo + 3 * (y * W + x);
            pixel[0] = 40, pixel[1] = 255, pixel[2] = 80;
        }
}

static void draw(const face *f) {
    const float line = 3;
    fill(f->x0, f->y0, f->x1, f->y0 + line);
    fill(f->x0, f->y1 - line, f->x1, f->y1);
    fill(f->x0, f->y0, f->x0 + line, f->y1);
    fill(f->x1 - line, f->y0, f->x1, f->y1);
    for (int i = 0; i < 12; i += 2)
        fill(f->landmarks[i] - 2, f->landmarks[i + 1] - 2, f->landmarks[i] + 2,
             f->landmarks[i + 1] + 2);
}

static int die(const char *what) {
    fprintf(stderr, "faces: %s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return die("usage: faces PHOTO.png BOXES.png");
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&png, argv[1]))
        return die(png.message);
    png.format = PNG_FORMAT_RGB;
    if (png.height != H || png.width != W) {
        fprintf(stderr,
                "faces: %s is %u x %u; build the library with --set height=%u --set "
                "width=%u\n",
                argv[1], png.width, png.height, png.height, png.width);
        return 1;
    }
    png_color white = {255, 255, 255}; // behind transparent pixels
    if (!png_image_finish_read(&png, &white, photo, 0, NULL))
        return die(png.message);

    faces *net;
    int error = faces_create(NULL, &net);
    if (!error)
        error = faces_run(net, photo, scores, values);
    if (error)
        return die(faces_error_message(error));
    faces_destroy(net);

    face found[MAX_FACES];
    int count = find_faces(found);
    for (int i = 0; i < count; i++) {
        printf("face %d: %.0f%% at %.0f, %.0f, %.0f x %.0f\n", i + 1, 100 * found[i].score,
               found[i].x0, found[i].y0, found[i].x1 - found[i].x0, found[i].y1 - found[i].y0);
        draw(&found[i]);
    }
    if (!png_image_write_to_file(&png, argv[2], 0, photo, 0, NULL))
        return die(png.message);
    return 0;
}
