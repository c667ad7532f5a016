// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads handwritten digits with LeNet-5, using only what
//
//     cnnc build lenet5.cnn --weights lenet5.safetensors -o OUT
//
// wrote: OUT/lenet5.h and OUT/liblenet5.a. Usage: demo [FOLDER OF digits-*.idx*]
#include "lenet5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, PER_ROW = 3, SHOWN = 6, MISTAKES = 3 };

typedef struct {
    int answer;
    float probability;
    double seconds;
} result;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

// An IDX file, MNIST's own format: 0 0 8 rank, big-endian extents, bytes. Sets *count to the first
// extent; each of that many items has `item_bytes` bytes.
static unsigned char *read_idx(const char *folder, const char *name, size_t item_bytes,
                               size_t *count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    unsigned char head[8], extents[8];
    if (!file || fread(head, 1, 8, file) != 8 || memcmp(head, "\0\0\10", 3) != 0 ||
        fread(extents, 4, head[3] - 1, file) != (size_t)head[3] - 1)
        fail(path, "cannot be read as an IDX file");
    *count = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
    unsigned char *items = malloc(*count * item_bytes);
    if (!items || fread(items, item_bytes, *count, file) != *count)
        fail(path, "is cut off");
    fclose(file);
    return items;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static result recognize(lenet5 *net, const unsigned char *pixels) {
    float image[PIXELS], digit[CLASSES];
    for (int i = 0; i < PIXELS; ++i)
        image[i] = (float)pixels[i] / 255.0f;
    double start = now();
    int error = lenet5_run(net, image, digit);
    result r = {0, 0.0f, now() - start};
    if (error)
        fail("lenet5_run", lenet5_error_message(error));
    for (int i = 0; i < CLASSES; ++i)
        if (digit[i] > digit[r.answer])
            r.answer = i;
    r.probability = digit[r.answer];
    return r;
}

// Up to three digits side by side: two pixels a character, the margin left out.
static void print_row(const unsigned char *images, const unsigned char *labels, const result *all,
                      const size_t *which, size_t count) {
    enum { LOW = 3, HIGH = 25, INK = 96 };
    static const char *const blocks[] = {" ", "\u2580", "\u2584", "\u2588"};
    for (int y = LOW; y < HIGH; y += 2) {
        for (size_t k = 0; k < count; ++k) {
            const unsigned char *row = images + which[k] * PIXELS + y * SIDE;
            printf("  ");
            for (int x = LOW; x < HIGH; ++x)
                fputs(blocks[(row[x] > INK) + 2 * (row[x + SIDE] > INK)], stdout);
        }
        printf("\n");
    }
    for (size_t k = 0; k < count; ++k) {
        const result *r = &all[which[k]];
        char text[64];
        int length =
            snprintf(text, sizeof text, "%d, %.1f%% sure", r->answer, 100 * r->probability);
        if (r->answer != labels[which[k]])
            snprintf(text + length, sizeof text - (size_t)length, ": is a %d", labels[which[k]]);
        printf("  %-22s", text);
    }
    printf("\n\n");
}

static int by_seconds(const void *a, const void *b) {
    double x = ((const result *)a)->seconds, y = ((const result *)b)->seconds;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "examples/lenet5";
    size_t count, label_count;
    unsigned char *images = read_idx(folder, "digits-images.idx3", PIXELS, &count);
    unsigned char *labels = read_idx(folder, "digits-labels.idx1", 1, &label_count);
    if (count == 0 || count != label_count)
        fail(folder, "has images and labels of different numbers");

    lenet5 *net;
    int error = lenet5_create(NULL, &net);
    if (error)
        fail("lenet5_create", lenet5_error_message(error));
    result *all = calloc(count, sizeof *all);
    // To be shown: right answers, no digit twice, and mistakes.
    size_t shown[SHOWN], mistakes[MISTAKES], seen = 0, wrong = 0;
    int shown_before[CLASSES] = {0};
    for (size_t i = 0; i < count; ++i) {
        all[i] = recognize(net, images + i * PIXELS);
        if (all[i].answer != labels[i]) {
            if (wrong < MISTAKES)
                mistakes[wrong] = i;
            ++wrong;
        } else if (seen < SHOWN && !shown_before[labels[i]]++) {
            shown[seen++] = i;
        }
    }
    lenet5_destroy(net);

    for (size_t i = 0; i < seen; i += PER_ROW)
        print_row(images, labels, all, shown + i, seen - i < PER_ROW ? seen - i : PER_ROW);
    if (wrong > 0) {
        printf("  Some of its mistakes:\n\n");
        print_row(images, labels, all, mistakes, wrong < MISTAKES ? wrong : MISTAKES);
    }
    double accuracy = 100.0 * (double)(count - wrong) / (double)count;
    printf("  %zu of %zu digits right: %.2f%%\n", count - wrong, count, accuracy);
    qsort(all, count, sizeof *all, by_seconds);
    printf("  time per digit: %.1f us at best, %.1f us in the median\n", 1e6 * all[0].seconds,
           1e6 * all[count / 2].seconds);
    free(all);
    free(images);
    free(labels);
    return accuracy >= 98.5 ? 0 : 1;
}
