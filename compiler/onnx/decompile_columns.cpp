// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Exact relations between the values that the instances of a block have.
#include "compiler/onnx/decompile_columns.h"

#include <fmt/format.h>

#include <algorithm>

namespace cnnc::decompiler {

namespace {

constexpr int64_t max_factor = 64;

std::vector<bool> combined(const Atom &a, const Atom &b, bool both) {
    std::vector<bool> result;
    for (size_t i = 0; i < a.holds.size(); ++i) {
        result.push_back(both ? a.holds[i] && b.holds[i] : a.holds[i] || b.holds[i]);
    }
    return result;
}

} // namespace

const int64_t *integer(const std::optional<Value> &value) {
    return value ? std::get_if<int64_t>(&value->v) : nullptr;
}

bool agree(const Column &a, const Column &b) {
    bool common = false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] && b[i]) {
            common = true;
            if (!same_value(*a[i], *b[i])) {
                return false;
            }
        }
    }
    return common;
}

// The k for which a is k times b, at least 2; 0 if there is none.
int64_t factor(const Column &a, const Column &b) {
    int64_t k = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        if (!a[i]) {
            continue;
        }
        const int64_t *x = integer(a[i]), *y = integer(b[i]);
        if (!x || !y || *y <= 0 || *x % *y != 0 || (k != 0 && *x / *y != k)) {
            return 0;
        }
        k = *x / *y;
    }
    return k >= 2 && k <= max_factor ? k : 0;
}

// Half of a kernel, rounded down: what keeps the extents.
bool is_half(const Column &padding, const Column &kernel) {
    for (size_t i = 0; i < padding.size(); ++i) {
        const int64_t *p = integer(padding[i]), *k = integer(kernel[i]);
        if (padding[i] && (!p || !k || *p != *k / 2)) {
            return false;
        }
    }
    return true;
}

// The k for which b is k times a.
int64_t quotient(const Column &a, Column b) {
    for (size_t i = 0; i < a.size(); ++i) {
        if (!a[i]) {
            b[i].reset();
        }
    }
    return factor(b, a);
}

std::pair<Value, size_t> most_frequent(const Column &column) {
    std::map<std::string, std::pair<Value, size_t>> counts;
    std::pair<Value, size_t> best;
    for (const std::optional<Value> &value : column) {
        if (!value) {
            continue;
        }
        auto &entry = counts.emplace(value_text(*value), std::pair(*value, 0)).first->second;
        if (++entry.second > best.second) {
            best = entry;
        }
    }
    return best;
}

const std::optional<Value> &first_of(const Column &column) {
    return *std::find_if(column.begin(), column.end(), [](const auto &v) { return v; });
}

// The integers of nested lists, and false where a list ends; false if anything else is in them.
bool flatten(const Value &value, std::vector<Value> &into) {
    if (const ValueList *list = std::get_if<ValueList>(&value.v)) {
        const bool all = std::all_of(list->begin(), list->end(),
                                     [&](const Value &entry) { return flatten(entry, into); });
        into.push_back(boolean_value(false));
        return all;
    }
    into.push_back(value);
    return std::holds_alternative<int64_t>(value.v);
}

// A list with texts instead of some of its entries, which are numbered as flatten() does.
std::string list_text(const Value &value, const std::map<int, std::string> &texts, int &next) {
    const ValueList *list = std::get_if<ValueList>(&value.v);
    if (!list) {
        const auto text = texts.find(next++);
        return text == texts.end() ? value_text(value) : text->second;
    }
    std::string result = "[";
    for (size_t i = 0; i < list->size(); ++i) {
        result += (i > 0 ? ", " : "") + list_text((*list)[i], texts, next);
    }
    ++next;
    return result + "]";
}

void add_atoms(const std::string &left, const Column &a, const std::string &right, const Column &b,
               bool reads_channels, std::vector<Atom> &atoms) {
    Atom equal{left + " == " + right, {}, reads_channels};
    Atom different{left + " != " + right, {}, reads_channels};
    for (size_t i = 0; i < a.size(); ++i) {
        equal.holds.push_back(same_value(*a[i], *b[i]));
        different.holds.push_back(!equal.holds.back());
    }
    atoms.push_back(std::move(equal));
    atoms.push_back(std::move(different));
}

std::optional<Atom> find_condition(const std::vector<Atom> &atoms,
                                   const std::vector<bool> &wanted) {
    for (const Atom &atom : atoms) {
        if (atom.holds == wanted) {
            return atom;
        }
    }
    for (const Atom &a : atoms) {
        for (const Atom &b : atoms) {
            for (const bool both : {false, true}) {
                if (combined(a, b, both) == wanted) {
                    return Atom{fmt::format("{} {} {}", a.text, both ? "and" : "or", b.text),
                                wanted, a.reads_channels || b.reads_channels};
                }
            }
        }
    }
    return std::nullopt;
}

} // namespace cnnc::decompiler
