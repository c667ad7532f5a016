// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// For the programs around the network `busy`: its input, and one run of it.
#include "busy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float input[BUSY_INPUT_X_ELEMENTS];

static void fill_input(void) {
    for (size_t i = 0; i < BUSY_INPUT_X_ELEMENTS; i++)
        input[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
}

static void check(int error) {
    if (error) {
        fprintf(stderr, "error %d: %s\n", error, busy_error_message(error));
        exit(1);
    }
}

static void expect(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "not true: %s\n", what);
        exit(1);
    }
}
