// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiled networks run in a forked child; what goes wrong there ends the command with words.
#pragma once

#include "compiler/codegen/jit.h"
#include "compiler/driver/console.h"
#include "compiler/graph/graph.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// A network's inputs and outputs in the user's layouts. Outputs lie in shared memory: what a child
// writes there is seen here.
struct CallMemory {
    std::vector<std::vector<std::byte>> inputs;
    std::vector<SharedMemory> outputs;

    std::vector<const void *> input_pointers() const;
    std::vector<void *> output_pointers() const;
};
// `inputs` in logical order, as load_inputs gives them.
CallMemory make_call_memory(const Graph &graph, const std::vector<TensorData> &inputs);
// Output `index` in logical order.
TensorData output_tensor(const Graph &graph, const CallMemory &memory, size_t index);

// Does work in a child that may crash, throw or hang in compiled code: each is a Failure.
void in_child(double timeout_seconds, const std::function<void()> &work);

// Loads the library in a child, creates a context and runs it once.
void run_once(const Library &library, int threads, const CallMemory &memory);

} // namespace cnnc
