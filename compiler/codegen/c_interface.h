// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network's C interface: what its functions, parameters and macros are called, and the header
// that declares and documents them.
#pragma once

#include "compiler/graph/graph.h"
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// An input or output of the network.
struct Port {
    std::string name;      // in the network
    std::string parameter; // of the C function
    std::string macro;     // LENET5_INPUT_IMAGE
    TensorType type;
    Layout layout = Layout::nchw;
};

struct CInterface {
    std::string name;   // of the network
    std::string prefix; // of types and functions: the name, unless C reserves it
    std::string macro;  // prefix of macros: LENET5
    std::vector<Port> inputs, outputs;
};

CInterface c_interface(const Graph &graph, const std::string &name);

// `word`, with an underscore behind it if it is a word of C or C++, a usual macro, or a name
// of the C library that programs often see.
std::string c_identifier(std::string_view word);
// "float", "uint8_t", ...; f16 and bf16 are passed as the bits of a uint16_t.
std::string_view c_type(DType dtype);
// The extents in the order they lie in memory, outermost first.
Shape memory_shape(const Port &port);
// "N, H, W, C": what those extents are, or "" for ranks without usual names.
std::string memory_axes(const Port &port);

struct HeaderFacts {
    struct Variant {
        std::string name, target;
    };
    std::vector<Variant> targets;
    int64_t weights_bytes = 0;
    bool weights_file = false;
    bool gpu = false; // a target is for GPUs
};
std::string c_header(const CInterface &interface, const HeaderFacts &facts);

} // namespace cnnc
