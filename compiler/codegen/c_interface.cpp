// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Names that C accepts. Names of networks, inputs and outputs are identifiers of the language, so
// only words that C reserves need care.
#include "compiler/codegen/c_interface.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace cnnc {
namespace {

// Sorted. Keywords of C23 and C++20; macros of common headers and of GNU compilers; names that a
// network's type or parameters would clash with.
// clang-format off
constexpr std::string_view reserved[] = {
    "EOF", "I", "NULL", "abs", "alignas", "alignof", "and", "and_eq", "asm", "assert",
    "atomic_cancel", "atomic_commit", "atomic_noexcept", "auto", "bitand", "bitor", "bool",
    "break", "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "clock",
    "co_await", "co_return", "co_yield", "compl", "complex", "concept", "const",
    "const_cast", "consteval", "constexpr", "constinit", "continue", "cos", "decltype",
    "default", "delete", "div", "do", "double", "dynamic_cast", "else", "enum", "errno",
    "exit", "exp", "explicit", "export", "extern", "false", "fclose", "float", "floor",
    "fopen", "for", "fork", "free", "friend", "getline", "goto", "i386", "if", "imaginary",
    "index", "inline", "int", "int16_t", "int32_t", "int64_t", "int8_t", "intptr_t", "link",
    "linux", "log", "long", "main", "malloc", "max", "min", "mutable", "namespace", "new",
    "noexcept", "noreturn", "not", "not_eq", "nullptr", "open", "operator", "or", "or_eq",
    "pipe", "pow", "printf", "private", "protected", "pthread", "ptrdiff_t", "public",
    "read", "reflexpr", "register", "reinterpret_cast", "remove", "rename", "requires",
    "restrict", "return", "round", "select", "short", "shutdown", "signal", "signed", "sin",
    "size_t", "sizeof", "sleep", "sqrt", "stat", "static", "static_assert", "static_cast",
    "std", "stderr", "stdin", "stdout", "strlen", "struct", "switch", "synchronized",
    "system", "tan", "tanh", "template", "this", "thread_local", "throw", "time", "true",
    "try", "typedef", "typeid", "typename", "typeof", "typeof_unqual", "uint16_t",
    "uint32_t", "uint64_t", "uint8_t", "uintptr_t", "union", "unix", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "write", "xor", "xor_eq"};
// clang-format on

std::string upper(std::string text) {
    for (char &c : text)
        c = char(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

std::string unique(std::string name, std::set<std::string> *taken) {
    while (!taken->insert(name).second)
        name += '_';
    return name;
}

} // namespace

std::string c_identifier(std::string_view word) {
    bool is_reserved = std::binary_search(std::begin(reserved), std::end(reserved), word);
    return std::string(word) + (is_reserved ? "_" : "");
}

std::string_view c_type(DType dtype) {
    switch (dtype) {
    case DType::f32:
        return "float";
    case DType::f64:
        return "double";
    case DType::f16:
    case DType::bf16:
        return "uint16_t";
    case DType::u8:
    case DType::boolean:
        return "uint8_t";
    case DType::i8:
        return "int8_t";
    case DType::i16:
        return "int16_t";
    case DType::i32:
        return "int32_t";
    case DType::i64:
        return "int64_t";
    }
    return "";
}

CInterface c_interface(const Graph &graph, const std::string &name) {
    CInterface interface;
    interface.name = name;
    interface.prefix = c_identifier(name);
    interface.macro = upper(interface.prefix);
    std::set<std::string> parameters = {"net", interface.prefix}, macros;
    auto add = [&](std::vector<Port> &ports, const char *kind, const std::string &port_name,
                   const TensorType &type, Layout layout) {
        Port port = {port_name, unique(c_identifier(port_name), &parameters), "", type, layout};
        port.macro = unique(interface.macro + kind + upper(port_name), &macros);
        ports.push_back(std::move(port));
    };
    for (NodeId id : graph.inputs)
        add(interface.inputs, "_INPUT_", graph[id].name, graph[id].type,
            std::get<Input>(graph[id].op).layout);
    for (const Output &output : graph.outputs)
        add(interface.outputs, "_OUTPUT_", output.name, graph[output.node].type, output.layout);
    return interface;
}

Shape memory_shape(const Port &port) {
    Shape shape = port.type.shape;
    // Channels, the second extent, move behind the spatial ones.
    if (port.layout == Layout::nhwc && shape.size() > 2)
        std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
    return shape;
}

std::string memory_axes(const Port &port) {
    bool last = port.layout == Layout::nhwc;
    switch (port.type.shape.size()) {
    case 2:
        return "N, C";
    case 3:
        return last ? "N, W, C" : "N, C, W";
    case 4:
        return last ? "N, H, W, C" : "N, C, H, W";
    case 5:
        return last ? "N, D, H, W, C" : "N, C, D, H, W";
    default:
        return "";
    }
}

} // namespace cnnc
