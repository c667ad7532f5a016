// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What an expression of the language is worth while a program is elaborated: a value known at
// compile time, a tensor (a node of the graph), or nothing usable after a reported mistake.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/graph/registry.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cnnc {

struct Poison {}; // its mistake has been reported; whatever uses it is poison too
struct Tensor {
    NodeId node;
};

struct Datum;
struct DatumList;
// Lists and strings are shared, so that copying a datum is cheap whatever it holds.
using ListRef = std::shared_ptr<const DatumList>;
using StringRef = std::shared_ptr<const std::string>;

struct Datum {
    std::variant<Poison, int64_t, double, bool, StringRef, Tensor, ListRef> v;

    template <typename T>
    const T *get() const {
        return std::get_if<T>(&v);
    }
    bool is_poison() const { return std::holds_alternative<Poison>(v); }
    bool is_tensor() const { return std::holds_alternative<Tensor>(v); }
};

struct DatumList {
    std::vector<Datum> items;
    int depth = 1; // of lists in lists
};

constexpr size_t max_list_length = 1 << 16;
constexpr int max_list_depth = 16;

Datum string_datum(std::string text);
// The caller has checked the length; a list deeper than max_list_depth is not made.
std::optional<Datum> list_datum(std::vector<Datum> items);
const std::vector<Datum> *list_items(const Datum &datum);

// "an integer", "a tensor f32[1, 3, 224, 224]": what was found, for diagnostics.
std::string datum_kind(const Datum &datum, const Graph &graph);
// A short value as the language writes it; a long one cut off.
std::string datum_text(const Datum &datum, const Graph &graph);

// Whether it can stand for a tensor of rank 0: a number, `true` or `false`.
bool is_scalar(const Datum &datum);
// As an operator's argument; nothing if it holds a tensor.
std::optional<Value> to_value(const Datum &datum);
// How many data a datum holds, counting into lists, but no further than `limit`.
size_t datum_size(const Datum &datum, size_t limit);

} // namespace cnnc
