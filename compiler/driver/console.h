// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a command talks to, how it stops, and how it lays out what it says.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// The streams of one run of cnnc. Machine-readable output goes to `out`, everything else to `err`.
struct Console {
    std::istream &in;
    std::ostream &out;
    std::ostream &err;
    bool colour = false;   // in diagnostics
    bool progress = false; // a line that is written over, on a terminal
    // Of that terminal, now: its user may change it. Null: as wide as any line.
    std::function<int()> columns;
};

enum ExitCode : int {
    exit_ok = 0,
    exit_bad_input = 1, // diagnostics have said where
    exit_bad_command_line = 2,
    exit_environment = 3, // disk full, no permission, ...
    exit_bug = 70,
};

// Thrown to end a command; `message` may be "" when everything has been said.
struct Failure {
    int code;
    std::string message;
};

// Writes over the line that stands on the terminal; what is too long for one line is left out, as
// it could not be written over.
void write_over(Console &console, const std::string &line);

// A line on a terminal that shows how far something is; nothing elsewhere. Gone when it is
// destroyed.
class Progress {
  public:
    Progress(Console &console, std::string what);
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    void update(int done, int total);

  private:
    Console &console_;
    std::string what_;
    bool shown_ = false;
};

// Columns as wide as their widest cell, two spaces between them, numbers to the right.
class Table {
  public:
    // A title that starts with '>' makes a column aligned to the right.
    explicit Table(std::vector<std::string> titles);
    void add(std::vector<std::string> cells);
    void add_rule();
    std::string text() const;

  private:
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_; // an empty one is a rule
};

std::string count_text(int64_t count);    // 1,234,567
std::string bytes_text(int64_t bytes);    // 512 B, 1.5 KiB, 247 KiB, 12.3 MiB
std::string seconds_text(double seconds); // 830 us, 4.21 ms, 1.3 s
std::string ms_text(double ms);           // for columns: 12.3456, 0.0123, 0.000120
// `text` with every line but the first behind `spaces` spaces.
std::string indented(std::string_view text, int spaces);

} // namespace cnnc
