// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the files of the registry share: how a row is made, and the rows by theme.
#pragma once

#include "compiler/graph/arguments.h"
#include "compiler/graph/graph_diagnostics.h"
#include "compiler/graph/registry.h"

#include <limits>

namespace cnnc {

using Operands = std::vector<TensorType>;
// Makes an operator, or several; what it returns counts only if the arguments stayed ok.
using Make = std::function<Op(Arguments &, const Operands &)>;
using MakeList = std::function<std::vector<Op>(Arguments &, const Operands &)>;

constexpr double infinity = std::numeric_limits<double>::infinity();

OpSpec row(std::string_view name, int min_operands, int max_operands, std::vector<ArgSpec> args,
           std::string_view doc, Make make);
OpSpec unary_row(std::string_view name, std::vector<ArgSpec> args, std::string_view doc, Make make);
OpSpec list_row(std::string_view name, std::vector<ArgSpec> args, std::string_view doc,
                MakeList make);

// Values, as defaults and in what op_arguments() gives.
Value integer(int64_t i);
Value number(double d);
Value boolean(bool b);
Value text(std::string_view s);
Value list(const std::vector<int64_t> &entries);
Value list(const std::vector<double> &entries);
Value pairs(const std::vector<int64_t> &lo, const std::vector<int64_t> &hi);
// The nested lists of a constant: integers, true and false, or numbers, as its type demands.
Value nested(const Constant &constant);

// The two arguments of unary operators, and the words of choices, in the order of the enumerations.
struct UnaryRow {
    UnaryKind kind;
    std::string_view name;
    std::string_view doc;
    std::vector<ArgSpec> args = {}; // what Unary::a and b are; not of gelu and clamp
};
const std::vector<UnaryRow> &unary_rows(); // in the order of UnaryKind
const std::vector<std::string_view> &resize_modes();
const std::vector<std::string_view> &resize_coordinates();
const std::vector<std::string_view> &resize_roundings();
const std::vector<std::string_view> &pad_modes();
const std::vector<std::string_view> &sample_kinds();

using Rows = std::vector<OpSpec>;
void add_layers(Rows &rows);      // registry_layers.cpp
void add_norms(Rows &rows);       // registry_norms.cpp
void add_pools(Rows &rows);       // registry_pools.cpp
void add_elementwise(Rows &rows); // registry_elementwise.cpp
void add_reductions(Rows &rows);  // registry_reductions.cpp
void add_shapes(Rows &rows);      // registry_shapes.cpp
void add_slices(Rows &rows);      // registry_slices.cpp
void add_resampling(Rows &rows);  // registry_resampling.cpp

} // namespace cnnc
