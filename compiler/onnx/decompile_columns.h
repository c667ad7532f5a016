// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The values that the instances of a block have in one place, and exact relations between them.
#pragma once

#include "compiler/onnx/decompile_arguments.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cnnc::decompiler {

// A value per instance; nothing where the instance lacks the part that the value belongs to.
using Column = std::vector<std::optional<Value>>;

const int64_t *integer(const std::optional<Value> &value);
// Whether two columns have values in common, and no different ones.
bool agree(const Column &a, const Column &b);
// The k for which a is k times b, at least 2; 0 if there is none.
int64_t factor(const Column &a, const Column &b);
// The k for which b is k times a.
int64_t quotient(const Column &a, Column b);
// Half of a kernel, rounded down: what keeps the extents.
bool is_half(const Column &padding, const Column &kernel);
// The value, and how often it is there.
std::pair<Value, size_t> most_frequent(const Column &column);
const std::optional<Value> &first_of(const Column &column);

// The integers of nested lists, and false where a list ends; false if anything else is in them.
bool flatten(const Value &value, std::vector<Value> &into);
// A list with texts instead of some of its entries, numbered as flatten() does from `next` on.
std::string list_text(const Value &value, const std::map<int, std::string> &texts, int &next);

// Something that may be asked of an instance.
struct Atom {
    std::string text;
    std::vector<bool> holds; // per instance
    bool reads_channels = false;
};
// Adds "left == right" and "left != right".
void add_atoms(const std::string &left, const Column &a, const std::string &right, const Column &b,
               bool reads_channels, std::vector<Atom> &atoms);
// An atom, or two of them joined, that holds for exactly these instances.
std::optional<Atom> find_condition(const std::vector<Atom> &atoms, const std::vector<bool> &wanted);

} // namespace cnnc::decompiler
