// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a network answered: shown, or written to files.
#pragma once

#include "compiler/driver/console.h"
#include "compiler/graph/graph.h"

#include <string>
#include <vector>

namespace cnnc {

// Where outputs go. Those without a file are shown on the console.
struct OutputArguments {
    std::vector<std::string> files; // NAME=FILE, .npy or .png
    std::string dir;                // the others as DIR/NAME.npy
    std::string labels;             // a file with the name of each class on a line
};

// Throws for what is wrong with the arguments, before anything is computed: names, and pictures of
// outputs that are none.
void check_outputs(const Graph &graph, const OutputArguments &arguments);

// `outputs` in the network's order.
void give_outputs(const Graph &graph, const std::vector<TensorData> &outputs,
                  const OutputArguments &arguments, Console &console);

} // namespace cnnc
