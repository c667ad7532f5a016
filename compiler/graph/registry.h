// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operators as the language sees them: names, operands, arguments with defaults. One table
// drives elaboration, flat printing, documentation and suggestions.
#pragma once

#include "compiler/graph/graph.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cnnc {

// A compile-time value of the language.
struct Value;
using ValueList = std::vector<Value>;
struct Value {
    std::variant<int64_t, double, bool, std::string, ValueList> v;
};
std::string value_text(const Value &value); // as the language writes it: [1, 2], 1e-05, same
std::string value_kind(const Value &value); // "an integer", "a list", ...
// The shortest decimal that reads back as the same number, always with a point or an exponent.
std::string number_text(double value);

enum class ArgKind : uint8_t {
    integer,
    number, // integer or float
    boolean,
    dims,    // an integer, or a list with one per spatial dimension
    padding, // an integer, a list, a list of pairs, same or valid
    shape,   // a list of integers
};

// Whether a value has the form of a kind (its entries too), and the kind in words ("an integer or
// a list of integers"). Negative or oversized numbers are infer_type's to report.
bool has_kind(const Value &value, ArgKind kind);
std::string_view kind_text(ArgKind kind);

struct ArgSpec {
    std::string_view name; // PyTorch's
    ArgKind kind;
    std::optional<Value> fallback; // the default, if it is a fixed value
    std::string_view doc;
    // In words, a default that depends on others ("kernel", for a pooling's stride); such an
    // argument may be left out too.
    std::string_view computed_default = {};

    bool required() const { return !fallback && computed_default.empty(); }
};

// The arguments of one call by position in OpSpec::args; every entry is set (given or default),
// except that an argument with a computed default is empty when it was left out.
using ArgValues = std::vector<std::optional<Value>>;

struct OpSpec {
    std::string_view name; // "conv2d"
    int min_operands = 1;
    int max_operands = 1; // -1: any number
    std::vector<ArgSpec> args;
    std::string_view doc; // one sentence for docs/language.md
    // Builds the operator. Reports values of the wrong kind or of the wrong length (and returns
    // nothing then), so callers need not; numbers out of range are found by infer_type next.
    std::function<std::optional<Op>(const ArgValues &, const std::vector<TensorType> &operands,
                                    const CallSpans &, Diagnostics &)>
        make;
};

const std::vector<OpSpec> &op_specs();
const OpSpec *find_op(std::string_view name);

// "add", "sub", "mul".
std::string_view binary_name(BinaryKind kind);

// The language's name of an operator ("conv2d"; depends on the spatial rank), and its arguments
// spelled out, in the order of the spec: what flat text prints. A clamp's missing bound is left
// out. Input and Constant, which are not calls, have the arguments `layout` and `value`.
std::string op_name(const Op &op, const std::vector<TensorType> &operands);
std::vector<std::pair<std::string, Value>> op_arguments(const Op &op);
// The same as a call writes them: "64", "kernel=[3, 3]", ... A required count or shape in the
// first place needs no name.
std::vector<std::string> argument_texts(const Op &op);

} // namespace cnnc
