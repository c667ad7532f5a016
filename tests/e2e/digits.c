// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Counts how many digits of an IDX pair of files LeNet-5 reads correctly: "1480 of 1500".
#include "lenet5.h"

#include <stdio.h>

static int best(const float *digit) {
    int found = 0;
    for (int i = 1; i < 10; ++i)
        if (digit[i] > digit[found])
            found = i;
    return found;
}

int main(int argc, char **argv) {
    FILE *images = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *labels = argc == 3 ? fopen(argv[2], "rb") : NULL;
    lenet5 *net;
    if (!images || !labels || fseek(images, 16, SEEK_SET) || fseek(labels, 8, SEEK_SET))
        return 1;
    int code = lenet5_create(NULL, &net);
    if (code) {
        puts(lenet5_error_message(code));
        return 1;
    }
    int right = 0, total = 0;
    unsigned char pixels[28 * 28];
    while (fread(pixels, sizeof pixels, 1, images) == 1) {
        float image[28 * 28], digit[10];
        for (int i = 0; i < 28 * 28; ++i)
            image[i] = (float)pixels[i] / 255;
        if (lenet5_run(net, image, digit))
            return 1;
        right += best(digit) == fgetc(labels);
        ++total;
    }
    lenet5_destroy(net);
    printf("%d of %d\n", right, total);
    fclose(images);
    fclose(labels);
    return 0;
}
