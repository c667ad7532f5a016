// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the names of a program refer to, as far as that is known without running it.
#pragma once

#include "dsl/loader.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cnnc {

struct BlockRef {
    const ast::Definition *definition = nullptr;
    size_t file = 0; // where its own calls are looked up
};

struct FileScope {
    std::unordered_map<std::string, BlockRef> blocks; // its own and those of its imports
    std::unordered_map<std::string, const ast::Definition *> networks;
    // Something that should have been here was not read: unknown names need no report.
    bool incomplete = false;
};

struct UnusedParameter {
    Span span;
    std::string name, owner;
};

struct Scopes {
    std::vector<FileScope> files; // parallel to Program::files
    // Per definition, every name that something in it binds.
    std::unordered_map<const ast::Definition *, std::unordered_set<std::string>> bound_names;
    // Worth a warning, unless mistakes elsewhere may be the reason.
    std::vector<UnusedParameter> unused_parameters;
};

// The functions of the language that compute with compile-time values.
const std::vector<std::string_view> &builtin_functions();
bool is_builtin_function(std::string_view name);
// Names that have a value everywhere unless they are bound: inf, and the words that arguments of
// operators are given as, which are strings (same, f32, bilinear, ...).
const std::vector<std::string_view> &predefined_names();
bool is_predefined(std::string_view name);
// The element type that may have been meant, also by other languages' names; or "".
std::string nearest_dtype(std::string_view word);

// Collects the names and reports what is wrong with them in any definition, run or not: duplicate
// declarations, unknown callees, names that nothing binds.
Scopes resolve_names(const Program &program, Diagnostics &diags);

} // namespace cnnc
