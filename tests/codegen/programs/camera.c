// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inputs and outputs of several element types, through the types of the header. Prints what the
// network answers; between the buffers nothing may change.
#include "camera.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct {
    uint8_t before[64];
    int64_t class[CAMERA_OUTPUT_CLASS_ELEMENTS];
    uint8_t between[64];
    uint8_t above[CAMERA_OUTPUT_ABOVE_ELEMENTS];
    uint8_t level[CAMERA_OUTPUT_LEVEL_ELEMENTS];
    uint8_t behind[64];
    int32_t shifted[CAMERA_OUTPUT_SHIFTED_ELEMENTS];
    uint8_t after[64];
} out;

int main(void) {
    uint8_t frame[CAMERA_INPUT_FRAME_ELEMENTS];
    const int32_t bias[CAMERA_INPUT_BIAS_ELEMENTS] = {-7, 0, 2147483640, -2147483647};
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 37 % 256);
    memset(&out, 0xaa, sizeof out);
    camera *net;
    int error = camera_create(NULL, &net);
    if (!error)
        error = camera_run(net, frame, bias, out.class, out.above, out.level, out.shifted);
    if (error) {
        printf("%s\n", camera_error_message(error));
        return 1;
    }
    camera_destroy(net);
    for (size_t i = 0; i < 64; i++)
        if (out.before[i] != 0xaa || out.between[i] != 0xaa || out.behind[i] != 0xaa ||
            out.after[i] != 0xaa)
            return 2;
    printf("%" PRId64 "\n", out.class[0]);
    for (int i = 0; i < 4; i++)
        printf("%d %d %" PRId32 "\n", out.above[i], out.level[i], out.shifted[i]);
    return 0;
}
