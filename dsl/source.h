// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Source text and positions in it. Every token, syntax node and graph node carries a Span, so that
// an error found five stages later still points into the .cnn file.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// Index into a SourceManager; 0 means "no file" (a node made by a pass or an importer).
using FileId = uint32_t;

// Bytes [begin, end) of a file.
struct Span {
    FileId file = 0;
    uint32_t begin = 0;
    uint32_t end = 0;

    bool known() const { return file != 0; }
};

struct LineColumn {
    int line = 0;   // from 1
    int column = 0; // from 1, in bytes
};

// Owns the text of every file of one compilation. Text never moves once added.
class SourceManager {
  public:
    // `path` is what diagnostics print.
    FileId add(std::string path, std::string text);

    const std::string &path(FileId file) const;
    std::string_view text(FileId file) const;
    std::string_view text(Span span) const;
    LineColumn position(FileId file, uint32_t offset) const;
    // The line (without its newline) that holds `offset`.
    std::string_view line(FileId file, uint32_t offset) const;

  private:
    struct File {
        std::string path;
        std::string text;
        std::vector<uint32_t> line_starts;
    };
    std::deque<File> files_;
};

} // namespace cnnc
