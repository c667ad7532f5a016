// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs one workload in plain loops, in double precision, through its views. Shares nothing with
// passes, lowering or the interpreter but apply() of ops.h: an oracle for what workloads mean.
#pragma once

#include "compiler/graph/workload.h"

#include <vector>

namespace cnnc {

// One kernel. `inputs` and `output` point at the first element of their views; `weight` and `bias`
// (null where there is none) are in PyTorch's order.
void run_workload(const Workload &workload, const std::vector<const void *> &inputs,
                  const float *weight, const float *bias, void *output);
void run_workload(const Workload &workload, const std::vector<const float *> &inputs,
                  const float *weight, const float *bias, float *output);

// Where the element at an index lies from the view's first one, in elements.
int64_t element_place(const TensorView &view, const std::vector<int64_t> &index);

// Element i of an array. A bool is a byte, 0 or 1.
double load_element(DType dtype, const void *data, int64_t i);
void store_element(DType dtype, void *data, int64_t i, double value);

// The low bits of an integer as the type has them; a float is what it is.
double wrapped(DType dtype, uint64_t bits);
double wrapped(DType dtype, double value);

// Calls f(index) for every index of a shape, in row-major order.
template <class F>
void for_each_index(const Shape &shape, const F &f) {
    std::vector<int64_t> index(shape.size(), 0);
    for (int64_t i = 0, count = element_count(shape); i < count; i++) {
        f(index);
        for (size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];)
            index[d] = 0;
    }
}

} // namespace cnnc
