// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A parallel loop of the caller's own, here on one thread and backwards, gives the same bits, and a
// profile names every step.
#include "common.h"

static int loops, steps;

static void backwards(void *user, int count, void (*task)(void *data, int index), void *data) {
    expect(user == (void *)&loops && count <= 4, "user data and count");
    for (int i = count - 1; i >= 0; i--)
        task(data, i);
    loops++;
}

static void profile(void *user, int step, const char *name, double seconds) {
    expect(user == NULL && step == steps++ && seconds >= 0, "steps in order");
    expect(strcmp(name, busy_step_name(step)) == 0, "the step's name");
}

int main(void) {
    fill_input();
    busy *plain, *net;
    busy_options options = {0};
    options.threads = 4;
    options.parallel_for = backwards;
    options.parallel_user = &loops;
    options.profile = profile;
    check(busy_create(NULL, &plain));
    check(busy_create(&options, &net));
    float expected[BUSY_OUTPUT_Y_ELEMENTS], output[BUSY_OUTPUT_Y_ELEMENTS];
    check(busy_run(plain, input, expected));
    check(busy_run(net, input, output));
    expect(memcmp(output, expected, sizeof output) == 0, "the same bits");
    expect(loops > 0, "the loop was used");
    expect(steps == busy_step_count(), "every step was profiled");
    busy_destroy(plain);
    busy_destroy(net);
    puts("same");
    return 0;
}
