// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C names for networks, and headers that strict compilers of C and C++ accept.
#include "compiler/codegen/c_interface.h"
#include "runtime/cnnc_options.h"
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

struct PortSpec {
    std::string name;
    DType dtype = DType::f32;
    Shape shape = {1, 3, 4, 5};
    Layout layout = Layout::nchw;
};

Graph graph_of(const std::vector<PortSpec> &inputs, const std::vector<PortSpec> &outputs) {
    Graph graph;
    auto add = [&](const PortSpec &port, Op op) {
        Node node;
        node.op = std::move(op);
        node.name = port.name;
        node.type = {port.dtype, port.shape};
        graph.nodes.push_back(node);
        return NodeId(graph.nodes.size() - 1);
    };
    for (const PortSpec &port : inputs)
        graph.inputs.push_back(add(port, Input{port.layout}));
    for (const PortSpec &port : outputs) {
        Output output;
        output.name = port.name;
        output.node = add(port, Unary{});
        output.layout = port.layout;
        graph.outputs.push_back(output);
    }
    return graph;
}

std::string header_of(const Graph &graph, const std::string &name, bool weights_file = false) {
    HeaderFacts facts;
    facts.targets = {{"host", "x86-64-linux"}};
    facts.weights_bytes = 1000;
    facts.weights_file = weights_file;
    return c_header(c_interface(graph, name), facts);
}

TEST(CIdentifier, AvoidsWhatCReserves) {
    EXPECT_EQ(c_identifier("image"), "image");
    for (const char *word : {"int", "class", "NULL", "linux", "xor_eq", "alignas", "while", "main"})
        EXPECT_EQ(c_identifier(word), std::string(word) + "_");
}

TEST(CInterface, NamesAreUnique) {
    CInterface interface = c_interface(
        graph_of({{"net"}, {"x"}, {"X"}, {"resnet"}, {"float"}}, {{"x"}, {"float_"}}), "resnet");
    std::vector<std::string> parameters, macros;
    for (const auto *ports : {&interface.inputs, &interface.outputs})
        for (const Port &port : *ports) {
            parameters.push_back(port.parameter);
            macros.push_back(port.macro);
        }
    EXPECT_EQ(parameters,
              (std::vector<std::string>{"net_", "x", "X", "resnet_", "float_", "x_", "float__"}));
    EXPECT_EQ(macros[1], "RESNET_INPUT_X");
    EXPECT_EQ(macros[2], "RESNET_INPUT_X_");
    EXPECT_EQ(macros[5], "RESNET_OUTPUT_X");
}

TEST(CInterface, ShapesAsTheyLieInMemory) {
    Port port;
    port.type = {DType::f32, {1, 3, 4, 5}};
    EXPECT_EQ(memory_shape(port), (Shape{1, 3, 4, 5}));
    EXPECT_EQ(memory_axes(port), "N, C, H, W");
    port.layout = Layout::nhwc;
    EXPECT_EQ(memory_shape(port), (Shape{1, 4, 5, 3}));
    EXPECT_EQ(memory_axes(port), "N, H, W, C");
    port.type.shape = {1, 3, 4, 5, 6};
    EXPECT_EQ(memory_shape(port), (Shape{1, 4, 5, 6, 3}));
    port.type.shape = {2, 7};
    EXPECT_EQ(memory_shape(port), (Shape{2, 7}));
}

TEST(CHeader, DocumentsTheInterface) {
    std::string text = header_of(
        graph_of({{"image", DType::u8, {1, 3, 4, 5}, Layout::nhwc}}, {{"y", DType::f16, {1, 7}}}),
        "tiny");
    for (const char *part :
         {" * input  image: uint8_t [1, 4, 5, 3] = N, H, W, C\n",
          " * output y: uint16_t [1, 7] = N, C, the bits of IEEE half floats\n",
          "#define TINY_INPUT_IMAGE_ELEMENTS 60\n", "#define TINY_OUTPUT_Y_BYTES 14\n",
          "int tiny_run(tiny *net, const uint8_t *image, uint16_t *y);\n",
          "size_t tiny_memory_size(void);\n", "Not used: the weights are in the library."})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_EQ(text.find('@'), std::string::npos) << text;
    EXPECT_EQ(text.find("NAME"), std::string::npos) << text;
    EXPECT_NE(header_of(graph_of({}, {{"y"}}), "tiny", true).find("The path of tiny.weights"),
              std::string::npos);
}

TEST(CHeader, NamesThatLookLikePlaceholdersStay) {
    std::string text = header_of(graph_of({{"NAME"}, {"MACRO"}}, {{"y"}}), "MY_NAME");
    EXPECT_NE(text.find("int MY_NAME_run(MY_NAME *net, const float *NAME, const float *MACRO"),
              std::string::npos)
        << text;
}

TEST(CHeader, StrictCompilersAcceptIt) {
    std::vector<PortSpec> every_type;
    for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::u8, DType::i8,
                        DType::i16, DType::i32, DType::i64, DType::boolean})
        every_type.push_back({"in_" + std::string(dtype_name(dtype)), dtype});
    Workshop shop;
    shop.write("plain.h", header_of(graph_of({{"image"}}, {{"digit"}}), "plain"));
    shop.write("odd.h", header_of(graph_of({{"int"}, {"int_"}, {"NULL"}, {"this"}, {"errno"}},
                                           {{"short"}, {"linux"}}),
                                  "class"));
    shop.write("types.h", header_of(graph_of(every_type, {{"out"}}), "types"));
    std::string use = "#include <errno.h>\n#include <stdio.h>\n#include \"plain.h\"\n"
                      "#include \"plain.h\"\n#include \"odd.h\"\n#include \"types.h\"\n"
                      "int use(class_ *net, plain *p, const plain_options *o);\n"
                      "int use(class_ *net, plain *p, const plain_options *o) {\n"
                      "    class__destroy(net);\n"
                      "    return plain_create(o, &p) + PLAIN_INPUT_IMAGE_ELEMENTS;\n"
                      "}\n";
    shop.write("use.c", use);
    shop.write("use.cpp", use);
    const std::string strict = " -Wall -Wextra -pedantic -Werror -Wstrict-prototypes -c use.c";
    for (const char *standard : {"c99", "c11", "c17", "gnu11"})
        shop.run(std::string(CNNC_CC) + " -std=" + standard + strict);
    for (const char *standard : {"c++11", "c++17", "c++20", "gnu++17"})
        shop.run(std::string(CNNC_CXX) + " -std=" + standard +
                 " -Wall -Wextra -pedantic -Werror -c use.cpp");
}

// The header's struct is cnnc_options under another name: cnnc itself calls through that.
TEST(CHeader, OptionsAreLaidOutLikeTheRunTimes) {
    Workshop shop;
    shop.write("net.h", header_of(graph_of({{"x"}}, {{"y"}}), "net"));
    std::string source =
        "#include \"net.h\"\n#include \"" CNNC_SOURCE_DIR "/runtime/cnnc_options.h\"\n"
        "_Static_assert(sizeof(net_options) == sizeof(cnnc_options), \"\");\n"
        "_Static_assert((int)NET_ERROR_KERNEL == (int)CNNC_ERROR_KERNEL, \"\");\n";
    for (const char *field :
         {"threads", "parallel_for", "parallel_user", "allocate", "release", "allocator_user",
          "memory", "memory_bytes", "weights_path", "profile", "profile_user"})
        source += "_Static_assert(offsetof(net_options, " + std::string(field) +
                  ") == offsetof(cnnc_options, " + field + "), \"\");\n";
    shop.write("check.c", source);
    shop.run(std::string(CNNC_CC) + " -std=c11 -c check.c");
}

} // namespace
} // namespace cnnc
