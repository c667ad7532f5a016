// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two networks in one program, interleaved.
#include "common.h"
#include "lenet5.h"

int main(void) {
    fill_input();
    busy *a;
    lenet5 *b;
    check(busy_create(NULL, &a));
    check(lenet5_create(NULL, &b));
    static float image[LENET5_INPUT_IMAGE_ELEMENTS];
    float first[2][BUSY_OUTPUT_Y_ELEMENTS], second[2][LENET5_OUTPUT_DIGIT_ELEMENTS];
    for (int i = 0; i < 2; i++) {
        check(busy_run(a, input, first[i]));
        check(lenet5_run(b, image, second[i]));
    }
    expect(memcmp(first[0], first[1], sizeof first[0]) == 0, "busy repeats");
    expect(memcmp(second[0], second[1], sizeof second[0]) == 0, "lenet5 repeats");
    busy_destroy(a);
    lenet5_destroy(b);
    puts("both");
    return 0;
}
