// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compile-time values: their text and their kinds.
#include "compiler/graph/registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc {

namespace {

bool is_integer(const Value &value) {
    return std::holds_alternative<int64_t>(value.v);
}

bool is_number(const Value &value) {
    return is_integer(value) || std::holds_alternative<double>(value.v);
}

bool is_word(const Value &value) {
    return std::holds_alternative<std::string>(value.v);
}

template <class Predicate>
bool is_list_of(const Value &value, const Predicate &predicate) {
    const ValueList *list = std::get_if<ValueList>(&value.v);
    return list && std::all_of(list->begin(), list->end(), predicate);
}

bool is_integer_list(const Value &value) {
    return is_list_of(value, is_integer);
}

bool is_borders(const Value &value) {
    return is_integer(value) || is_list_of(value, [](const Value &entry) {
               return is_integer(entry) || is_integer_list(entry);
           });
}

// Whether the lists are nested evenly is for those to say who make the tensor.
bool is_tensor(const Value &value, int depth = 0) {
    constexpr int max_depth = 32;
    return is_number(value) || std::holds_alternative<bool>(value.v) ||
           (depth < max_depth &&
            is_list_of(value, [depth](const Value &entry) { return is_tensor(entry, depth + 1); }));
}

std::string list_text(const ValueList &list) {
    std::string text = "[";
    for (const Value &entry : list) {
        text += (text.size() > 1 ? ", " : "") + value_text(entry);
    }
    return text + "]";
}

} // namespace

std::string number_text(double value) {
    std::string text = fmt::format("{}", value);
    const bool plain = text.find_first_not_of("-0123456789") == std::string::npos;
    return plain ? text + ".0" : text;
}

std::string value_text(const Value &value) {
    return match(
        value.v, [](int64_t i) { return fmt::format("{}", i); },
        [](double d) { return number_text(d); },
        [](bool b) { return std::string(b ? "true" : "false"); },
        [](const std::string &s) { return s; }, [](const ValueList &l) { return list_text(l); });
}

std::string value_kind(const Value &value) {
    return match(
        value.v, [](int64_t) { return "an integer"; }, [](double) { return "a number"; },
        [](bool) { return "a boolean"; }, [](const std::string &) { return "a string"; },
        [](const ValueList &) { return "a list"; });
}

bool has_kind(const Value &value, ArgKind kind) {
    switch (kind) {
    case ArgKind::integer:
        return is_integer(value);
    case ArgKind::number:
        return is_number(value);
    case ArgKind::boolean:
        return std::holds_alternative<bool>(value.v);
    case ArgKind::dims:
    case ArgKind::integers:
        return is_integer(value) || is_integer_list(value);
    case ArgKind::padding:
        return is_borders(value) || is_word(value);
    case ArgKind::borders:
        return is_borders(value);
    case ArgKind::pairs:
        return is_integer(value) || is_list_of(value, is_integer_list);
    case ArgKind::shape:
        return is_integer_list(value);
    case ArgKind::numbers:
        return is_number(value) || is_list_of(value, is_number);
    case ArgKind::choice:
    case ArgKind::dtype:
        return is_word(value);
    case ArgKind::tensor:
        return is_tensor(value);
    }
    return false;
}

std::string_view kind_text(ArgKind kind) {
    switch (kind) {
    case ArgKind::integer:
        return "an integer";
    case ArgKind::number:
        return "a number";
    case ArgKind::boolean:
        return "true or false";
    case ArgKind::dims:
    case ArgKind::integers:
        return "an integer or a list of integers";
    case ArgKind::padding:
        return "an integer, a list of integers or pairs, `same` or `valid`";
    case ArgKind::borders:
        return "an integer, or a list of integers or pairs";
    case ArgKind::pairs:
        return "an integer or a list of pairs";
    case ArgKind::shape:
        return "a list of integers";
    case ArgKind::numbers:
        return "a number or a list of numbers";
    case ArgKind::choice:
        return "a word";
    case ArgKind::dtype:
        return "an element type";
    case ArgKind::tensor:
        return "numbers in nested lists";
    }
    return "";
}

} // namespace cnnc
