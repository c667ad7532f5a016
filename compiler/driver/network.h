// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The network and its weights as commands take them from their arguments.
#pragma once

#include "compiler/driver/console.h"
#include "compiler/graph/graph.h"
#include "dsl/diagnostics.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cnnc {

struct NetworkArguments {
    std::string file;
    std::string network;          // which one, if the file holds several
    std::vector<std::string> set; // "classes=10"
};
struct WeightArguments {
    std::string file;
    std::optional<uint64_t> seed;

    bool given() const { return !file.empty() || seed.has_value(); }
};

void add_network_arguments(CLI::App &command, NetworkArguments &arguments);
void add_weight_arguments(CLI::App &command, WeightArguments &arguments);

// An option that takes one value each time it is given.
void add_repeatable(CLI::App &command, const std::string &name, std::vector<std::string> &values,
                    const std::string &about, const std::string &type);

enum class Need { weights, shapes };

// The graph, its weights bound if any were given. Diagnostics go to the console; after errors this
// throws. With Need::weights a network that has weights must be given some. `sources`, if given,
// takes the text: the graph's spans point into it.
Graph load_graph(const NetworkArguments &network, const WeightArguments &weights, Need need,
                 Console &console, SourceManager *sources = nullptr);

// Shows what has been reported; after errors this throws. `sources` holds what spans point into.
void conclude(const Diagnostics &diags, Console &console, const SourceManager &sources = {});

// --threads, from 1 to 1024.
void add_thread_argument(CLI::App &command, int &threads);

// Throws, with a suggestion, unless the network has an input or output (`kind`) of this name.
void check_port_name(const char *kind, const std::string &name,
                     const std::vector<std::string> &names);

// "NAME=VALUE" split; for text of another form throws what `option` takes.
std::pair<std::string, std::string> split_assignment(const std::string &text, const char *option,
                                                     const char *form);

} // namespace cnnc
