// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values at compile time: making, describing and converting them.
#include "compiler/sema/datum.h"

#include <algorithm>
#include <cassert>

namespace cnnc {

Datum string_datum(std::string text) {
    return {std::make_shared<const std::string>(std::move(text))};
}

std::optional<Datum> list_datum(std::vector<Datum> items) {
    assert(items.size() <= max_list_length);
    int depth = 1;
    for (const Datum &item : items)
        if (const ListRef *list = item.get<ListRef>())
            depth = std::max(depth, (*list)->depth + 1);
    if (depth > max_list_depth)
        return std::nullopt;
    return Datum{ListRef(std::make_shared<const DatumList>(DatumList{std::move(items), depth}))};
}

const std::vector<Datum> *list_items(const Datum &datum) {
    const ListRef *list = datum.get<ListRef>();
    return list ? &(*list)->items : nullptr;
}

std::string datum_kind(const Datum &datum, const Graph &graph) {
    return match(
        datum.v, [](Poison) { return std::string("nothing"); },
        [&](Tensor t) { return "a tensor " + type_text(graph[t.node].type); },
        [](const ListRef &list) { return fmt::format("a list of length {}", list->items.size()); },
        [](int64_t i) { return fmt::format("the integer {}", i); },
        [](double d) { return fmt::format("the number {}", number_text(d)); },
        [](bool b) { return fmt::format("`{}`", b); },
        [](const StringRef &) { return std::string("a string"); });
}

namespace {

// Appends until `out` is long enough, so that lists of lists of lists stay cheap.
void append_text(std::string &out, const Datum &datum, const Graph &graph) {
    constexpr size_t max_text = 200;
    const std::vector<Datum> *items = list_items(datum);
    if (!items) {
        const StringRef *text = datum.get<StringRef>();
        std::optional<Value> value = text ? std::nullopt : to_value(datum);
        out += text ? **text : value ? value_text(*value) : datum_kind(datum, graph);
        return;
    }
    out += '[';
    for (size_t i = 0; i < items->size(); ++i) {
        if (out.size() > max_text) {
            out += "...";
            break;
        }
        out += i ? ", " : "";
        append_text(out, (*items)[i], graph);
    }
    out += ']';
}

} // namespace

std::string datum_text(const Datum &datum, const Graph &graph) {
    std::string text;
    append_text(text, datum, graph);
    return text;
}

bool is_scalar(const Datum &datum) {
    return datum.get<int64_t>() || datum.get<double>() || datum.get<bool>();
}

std::optional<Value> to_value(const Datum &datum) {
    using Result = std::optional<Value>;
    return match(
        datum.v, [](Poison) -> Result { return std::nullopt; },
        [](Tensor) -> Result { return std::nullopt; },
        [](const StringRef &s) -> Result { return Value{*s}; },
        [](const ListRef &list) -> Result {
            ValueList values;
            for (const Datum &item : list->items) {
                Result value = to_value(item);
                if (!value)
                    return std::nullopt;
                values.push_back(std::move(*value));
            }
            return Value{std::move(values)};
        },
        [](auto scalar) -> Result { return Value{scalar}; });
}

size_t datum_size(const Datum &datum, size_t limit) {
    size_t size = 1;
    if (const std::vector<Datum> *items = list_items(datum))
        for (const Datum &item : *items)
            if (size < limit)
                size += datum_size(item, limit - size);
    return size;
}

} // namespace cnnc
