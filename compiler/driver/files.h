// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Output files that appear whole or not at all. What the system refuses is a Failure with
// exit_environment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

struct OutputFile {
    std::string name; // without a folder
    std::string_view bytes;
};

// Writes every file beside its final name and, when all are written, renames them into place.
// Makes `dir` and the folders above it.
void write_files(const std::string &dir, const std::vector<OutputFile> &files);

// The same for one file; its folder must exist.
void write_file_whole(const std::string &path, std::string_view bytes);

// The bytes of a file the user named.
std::string read_whole_file(const std::string &path);

} // namespace cnnc
