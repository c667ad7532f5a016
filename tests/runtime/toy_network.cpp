// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/runtime/toy_network.h"

namespace {

cnnc::Toy toy;
const char *const names[] = {"conv1", "pool1", "conv2", "fc"};

} // namespace

extern "C" {

// As runtime/network.h declares it, but not constant.
struct cnnc_network {
    const char *version;
    const char *const *step_names;
    const char *linked_weights;
    const cnnc::ToyVariant *variants;
    uint64_t weights_bytes, weights_identity;
    size_t arena_bytes, scratch_bytes;
    int variant_count, steps, inputs, outputs;
    int gpu_launches, gpu_arguments;
};
cnnc_network cnnc_this_network = {"toy", names, nullptr, nullptr, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

int cnnc_step(int variant, int step, cnnc_worker *worker, char *arena, const char *weights,
              const void *const *inputs, void *const *outputs) {
    return toy.step ? toy.step({variant, step, worker, arena, weights, inputs, outputs}) : 0;
}
}

namespace cnnc {

void set_toy(Toy next) {
    toy = std::move(next);
    cnnc_this_network = {"toy",
                         names,
                         toy.linked_weights,
                         toy.variants.data(),
                         toy.weights_bytes,
                         toy.weights_identity,
                         toy.arena_bytes,
                         toy.scratch_bytes,
                         int(toy.variants.size()),
                         toy.steps,
                         1,
                         1,
                         toy.gpu_launches,
                         toy.gpu_arguments};
}

int parallel_loop(cnnc_worker *worker, int extent,
                  const std::function<int(cnnc_worker *, int)> &body) {
    auto *closure =
        reinterpret_cast<uint8_t *>(const_cast<std::function<int(cnnc_worker *, int)> *>(&body));
    auto task = [](cnnc_worker *w, int index, uint8_t *data) {
        return (*reinterpret_cast<std::function<int(cnnc_worker *, int)> *>(data))(w, index);
    };
    return worker->parallel_for(worker, task, 0, extent, closure);
}

} // namespace cnnc
