// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads a .cnn file and, once each, the files it imports.
#pragma once

#include "dsl/ast.h"
#include "dsl/diagnostics.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cnnc {

// The syntax trees of a file and of everything it imports, itself first.
struct Program {
    struct File {
        ast::File tree;
        std::vector<size_t> imports; // indices into files, in the order of the text
    };
    std::vector<File> files;
    // Some import could not be read: names may be unknown only because of that.
    bool incomplete = false;
};

// The content of a file, or nothing and a reason ("no such file").
using FileReader =
    std::function<std::optional<std::string>(const std::string &path, std::string &reason)>;

// Reads from disk; refuses what is too large for a .cnn file.
std::optional<std::string> read_source_file(const std::string &path, std::string &reason);

// Imports are looked up beside the file that says so. Files that import each other are fine, a file
// that imports itself is not. Nothing is returned if the first file cannot be read; every other
// mistake is reported and leaves a hole in the program.
std::optional<Program> load_program(const std::string &path, SourceManager &sources,
                                    Diagnostics &diags, const FileReader &read = read_source_file);

// The same with the first file's text given.
Program load_program_text(const std::string &path, std::string text, SourceManager &sources,
                          Diagnostics &diags, const FileReader &read = read_source_file);

} // namespace cnnc
