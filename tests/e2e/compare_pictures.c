// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// compare_pictures A.png B.png LARGEST COUNT: succeeds if at most COUNT bytes of red, green and
// blue differ, by at most LARGEST.
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char *read_picture(const char *path, png_image *png) {
    *png = (png_image){.version = PNG_IMAGE_VERSION};
    png_color white = {255, 255, 255};
    unsigned char *bytes = NULL;
    if (png_image_begin_read_from_file(png, path)) {
        png->format = PNG_FORMAT_RGB;
        bytes = malloc(PNG_IMAGE_SIZE(*png));
    }
    if (!bytes || !png_image_finish_read(png, &white, bytes, 0, NULL)) {
        fprintf(stderr, "%s: %s\n", path, png->message);
        exit(2);
    }
    return bytes;
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    png_image a, b;
    unsigned char *x = read_picture(argv[1], &a), *y = read_picture(argv[2], &b);
    if (a.width != b.width || a.height != b.height) {
        fprintf(stderr, "the pictures have different sizes\n");
        return 1;
    }
    int largest = 0, count = 0;
    for (size_t i = 0; i < PNG_IMAGE_SIZE(a); i++) {
        int difference = abs(x[i] - y[i]);
        count += difference != 0;
        largest = difference > largest ? difference : largest;
    }
    printf("%d bytes differ, by at most %d\n", count, largest);
    free(x);
    free(y);
    return largest > atoi(argv[3]) || count > atoi(argv[4]);
}
