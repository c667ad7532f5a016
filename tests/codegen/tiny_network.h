// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network of three kernels, y = 2 * (W x + b + c), for tests of libraries. What the kernels are
// made of is the test's own choice.
#pragma once

#include "compiler/codegen/library.h"
#include "tests/codegen/workshop.h"

#include <string>
#include <vector>

namespace cnnc {

// x has three elements, y two. The kernels: a linear layer, which gets x, W, b and its result; the
// sum with c; and the double.
struct TinyNetwork {
    std::string name;
    KernelGraph kernels;
    Plan plan;
    bool weights_file = false;
};
TinyNetwork tiny_network(const std::string &name, float bias = 10);

Kernel tiny_kernel(const std::string &name, Op anchor, int64_t features,
                   std::vector<TensorRef> inputs, TensorRef output);

// Without a variant. `net` has to outlive it.
LibraryRequest library_request(const TinyNetwork &net);
// `compiled`, one for each kernel, has to outlive it.
LibraryVariant tiny_variant(const std::string &name, const Target &target,
                            const std::vector<CompiledKernel> &compiled);

// All of its files, named after the network.
void write_library(const Workshop &shop, const std::string &name, const Library &library);

} // namespace cnnc
