// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Running compiled networks as commands do: where the command line says, with tensors of graphs;
// what goes wrong ends the command with words.
#pragma once

#include "compiler/driver/console.h"
#include "compiler/execute/execute.h"
#include "compiler/graph/graph.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cnnc {

struct PlaceArguments {
    std::string runner;   // --runner
    std::string compiler; // --cc
    double timeout = 600; // --timeout
};
void add_place_arguments(CLI::App &command, PlaceArguments &arguments);

// Throws unless code for the target can be run there.
Place chosen_place(const Target &target, const PlaceArguments &arguments);

// `inputs` in logical order, as load_inputs gives them.
NetworkCall network_call(const Graph &graph, const std::vector<TensorData> &inputs, int threads);
// Output `index` in logical order.
TensorData output_tensor(const Graph &graph, const std::vector<Bytes> &outputs, size_t index);

void check(const Place &place, const RunProblem &problem);
std::vector<Bytes> run_once(const Place &place, const Library &library, const NetworkCall &call);

} // namespace cnnc
