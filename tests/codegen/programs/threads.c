// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two contexts run in two threads at the same time, each with threads of its own; every output has
// the same bits as a first run on one thread. Built under ThreadSanitizer too.
#include "common.h"

#include <pthread.h>

static float expected[BUSY_OUTPUT_Y_ELEMENTS];

static void *run_often(void *data) {
    busy_options options = {0};
    options.threads = *(int *)data;
    busy *net;
    check(busy_create(&options, &net));
    for (int i = 0; i < 20; i++) {
        float output[BUSY_OUTPUT_Y_ELEMENTS] = {0};
        check(busy_run(net, input, output));
        expect(memcmp(output, expected, sizeof output) == 0, "the same bits every time");
    }
    busy_destroy(net);
    return NULL;
}

int main(void) {
    fill_input();
    busy *net;
    check(busy_create(NULL, &net));
    check(busy_run(net, input, expected));
    busy_destroy(net);
    float sum = 0;
    for (size_t i = 0; i < BUSY_OUTPUT_Y_ELEMENTS; i++)
        sum += expected[i];
    expect(sum > 0.999f && sum < 1.001f, "the softmax adds up to one");
    int counts[2] = {2, 3};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, run_often, &counts[i]) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    puts("same");
    return 0;
}
