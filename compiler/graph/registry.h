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

enum class ArgKind : uint8_t {
    integer,
    number,     // integer or float
    boolean,
    dims,       // an integer, or a list with one per spatial dimension
    padding,    // an integer, a list, a list of pairs, same or valid
    shape,      // a list of integers
};

struct ArgSpec {
    std::string_view name; // PyTorch's
    ArgKind kind;
    std::optional<Value> fallback; // none: required
    std::string_view doc;
};

// The arguments of one call by position in OpSpec::args; every entry is set (given or default).
// A default that depends on others (stride = kernel) is an empty optional.
using ArgValues = std::vector<std::optional<Value>>;

struct OpSpec {
    std::string_view name; // "conv2d"
    int min_operands = 1;
    int max_operands = 1;  // -1: any number
    std::vector<ArgSpec> args;
    std::string_view doc; // one sentence for docs/language.md
    // Builds the operator from checked-by-kind values; reports what only it can know (negative
    // stride, list of the wrong length) and returns nothing then.
    std::function<std::optional<Op>(const ArgValues &, const std::vector<TensorType> &operands,
                                    const CallSpans &, Diagnostics &)>
        make;
};

const std::vector<OpSpec> &op_specs();
const OpSpec *find_op(std::string_view name);

// The language's name of an operator ("conv2d"; depends on the spatial rank), and its arguments
// spelled out, in the order of the spec: what flat text prints.
std::string op_name(const Op &op, const std::vector<TensorType> &operands);
std::vector<std::pair<std::string, Value>> op_arguments(const Op &op);

} // namespace cnnc
