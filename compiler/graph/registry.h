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

// Words (choices, element types, same and valid) are strings here; the language writes them bare.
enum class ArgKind : uint8_t {
    integer,
    number, // integer or float
    boolean,
    dims,     // an integer, or a list with one per spatial dimension
    padding,  // an integer, a list, a list of pairs, same or valid
    borders,  // the same without the words
    pairs,    // an integer, or a list of pairs [before, after]
    shape,    // a list of integers
    integers, // an integer or a list of integers, however many
    numbers,  // a number or a list of numbers, however many
    choice,   // one of the words in ArgSpec::choices
    dtype,    // an element type that networks compute with: f32, u8, i8, i32, i64, bool
    tensor,   // a number, true or false, or lists of them, nested as deep as the rank
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
    std::vector<std::string_view> choices = {}; // ArgKind::choice: the words

    bool required() const { return !fallback && computed_default.empty(); }
};

// The arguments of one call by position in OpSpec::args; every entry is set (given or default),
// except that an argument with a computed default is empty when it was left out.
using ArgValues = std::vector<std::optional<Value>>;

// Makes what a call computes. Reports values of the wrong kind or of the wrong length (and returns
// nothing then), so callers need not; numbers out of range are found by infer_type next.
template <class Made>
using MakeFunction = std::function<std::optional<Made>(
    const ArgValues &, const std::vector<TensorType> &operands, const CallSpans &, Diagnostics &)>;

struct OpSpec {
    std::string_view name; // "conv2d"
    int min_operands = 1;
    int max_operands = 1; // -1: any number (then arguments are given by name only)
    std::vector<ArgSpec> args;
    std::string_view doc; // one sentence for docs/language.md
    // Exactly one of the two is set.
    MakeFunction<Op> make; // the operator
    // A call that gives a list of tensors (topk, split, chunk): one operator for each, all of them
    // over the call's operands.
    MakeFunction<std::vector<Op>> make_list = nullptr;
    // Plain numbers may stand among the operands (add, where): each is a Constant of rank 0, of the
    // type that scalar_dtype() says.
    bool numbers = false;
};

const std::vector<OpSpec> &op_specs();
const OpSpec *find_op(std::string_view name);

// The element type of plain numbers among a call's operands, of which the tensors have these types
// (nothing for a number): that of the tensors, leaving out where's condition; f32 without any.
DType scalar_dtype(const OpSpec &op, const std::vector<std::optional<TensorType>> &operands);
// Whether an element type can hold a number exactly, up to the rounding of f32: an integer in range
// for integers, 0 or 1 for bool, anything but NaN for f32.
bool can_hold(DType dtype, double value);

// "add", "sub", "mul".
std::string_view binary_name(BinaryKind kind);
// "relu", ...; both kinds of gelu are "gelu".
std::string_view unary_name(UnaryKind kind);

// The language's name of an operator ("conv2d"; depends on the spatial rank), and its arguments
// spelled out, in the order of the spec: what flat text prints, and what makes exactly the same
// operator again. Of several names for one operator (slice, flip, split: all a Slice) it is the
// general one (strided_slice). Arguments that say nothing are left out (a clamp's missing bound).
// Input, which is no call, has the argument `layout`.
std::string op_name(const Op &op, const std::vector<TensorType> &operands);
std::vector<std::pair<std::string, Value>> op_arguments(const Op &op);
// The same as a call writes them: "64", "kernel=[3, 3]", ... A required count, shape or element
// type in the first place needs no name.
std::vector<std::string> argument_texts(const Op &op);

} // namespace cnnc
