// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tables, numbers and the progress line.
#include "compiler/driver/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace cnnc {
namespace {

// Width of UTF-8 text in columns, near enough for names and numbers: code points.
size_t width(std::string_view text) {
    return size_t(std::count_if(text.begin(), text.end(),
                                [](char c) { return (uint8_t(c) & 0xc0) != 0x80; }));
}

// Its first code points.
std::string shortened(const std::string &text, size_t columns) {
    size_t end = 0;
    for (size_t count = 0; end < text.size(); ++end)
        if ((uint8_t(text[end]) & 0xc0) != 0x80 && count++ == columns)
            break;
    return text.substr(0, end);
}

// Wider rows wrap on a terminal, and are read; rules would only be in their way.
constexpr size_t longest_rule = 80;

constexpr const char *erase_line = "\r\033[K";

} // namespace

void write_over(Console &console, const std::string &line) {
    // Leaves room for the ^C that a terminal shows.
    const int columns = console.columns ? std::max(1, console.columns() - 3) : 0;
    console.err << erase_line << (columns > 0 ? shortened(line, size_t(columns)) : line)
                << std::flush;
}

Progress::Progress(Console &console, std::string what)
    : console_(console), what_(std::move(what)) {}

Progress::~Progress() {
    if (shown_)
        write_over(console_, "");
}

void Progress::update(int done, int total) {
    if (!console_.progress)
        return;
    write_over(console_, fmt::format("{} {}/{}", what_, done, total));
    shown_ = true;
}

Table::Table(std::vector<std::string> titles) {
    for (std::string &title : titles) {
        right_.push_back(!title.empty() && title[0] == '>');
        if (right_.back())
            title.erase(0, 1);
    }
    rows_.push_back(std::move(titles));
    add_rule();
}

void Table::add(std::vector<std::string> cells) {
    cells.resize(right_.size());
    rows_.push_back(std::move(cells));
}

void Table::add_rule() {
    rows_.emplace_back();
}

std::string Table::text() const {
    std::vector<size_t> widths(right_.size());
    size_t total = 0;
    for (const auto &row : rows_)
        for (size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width(row[i]));
    for (const size_t w : widths)
        total += w + 2;
    std::string text;
    for (const auto &row : rows_) {
        std::string line =
            row.empty() ? std::string(std::min(total - 2, longest_rule), '-') : std::string();
        for (size_t i = 0; i < row.size(); ++i) {
            const std::string blank(widths[i] - width(row[i]), ' ');
            line += (right_[i] ? blank + row[i] : row[i] + blank) + "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string count_text(int64_t count) {
    std::string digits = std::to_string(count);
    for (int at = int(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
        digits.insert(size_t(at), ",");
    return digits;
}

std::string bytes_text(int64_t bytes) {
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    double value = double(bytes);
    const char *unit = "";
    for (const char *next : {"KiB", "MiB", "GiB", "TiB"}) {
        unit = next;
        value /= 1024;
        if (value < 1000)
            break;
    }
    return value < 9.95    ? fmt::format("{:.2f} {}", value, unit)
           : value < 99.95 ? fmt::format("{:.1f} {}", value, unit)
                           : fmt::format("{:.0f} {}", value, unit);
}

std::string seconds_text(double seconds) {
    if (seconds < 1e-3)
        return fmt::format("{:.3g} us", seconds * 1e6);
    if (seconds < 1)
        return fmt::format("{:.3g} ms", seconds * 1e3);
    return fmt::format("{:.3g} s", seconds);
}

std::string ms_text(double ms) {
    return fmt::format("{:.{}f}", ms, ms < 0.01 ? 6 : 4);
}

std::string indented(std::string_view text, int spaces) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] != '\n')
            out.append(size_t(spaces), ' ');
    }
    return out;
}

} // namespace cnnc
