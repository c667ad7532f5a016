// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Collecting and rendering diagnostics, and the nearest name for "did you mean".
#include "dsl/diagnostics.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace cnnc {
namespace {

constexpr size_t max_columns = 120;     // of source shown around a caret
constexpr size_t tab_columns = 4;       // what a tab is shown as
constexpr size_t max_message = 1000;    // bytes of one message
constexpr size_t max_context_notes = 4; // innermost calls shown
constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Length of the well-formed UTF-8 sequence at the front of `s`, or 0. Overlong forms and surrogates
// are let through: a terminal shows a replacement for them by itself.
size_t utf8_length(std::string_view s) {
    auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
    size_t length = byte(0) < 0x80   ? 1
                    : byte(0) < 0xC2 ? 0
                    : byte(0) < 0xE0 ? 2
                    : byte(0) < 0xF0 ? 3
                    : byte(0) < 0xF5 ? 4
                                     : 0;
    if (length == 0 || length > s.size())
        return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    return length;
}

// What one column of the terminal shows, and the byte of the line it came from.
struct Cell {
    std::string text;
    size_t byte;
};

std::vector<Cell> cells(std::string_view line, size_t begin_byte, size_t end_byte) {
    std::vector<Cell> result;
    for (size_t i = begin_byte; i < end_byte;) {
        std::string_view rest = line.substr(i);
        size_t length = utf8_length(rest);
        auto c = static_cast<unsigned char>(rest[0]);
        if (c == '\t') {
            for (size_t k = 0; k < tab_columns; ++k)
                result.push_back({" ", i});
        } else if (length == 0 || c < 0x20 || c == 0x7F || (c == 0xC2 && rest[1] < '\xA0')) {
            result.push_back({std::string(replacement), i});
        } else {
            result.push_back({std::string(rest.substr(0, length)), i});
        }
        i += std::max<size_t>(length, 1);
    }
    return result;
}

struct Colours {
    bool on;
    std::string_view bold() const { return on ? "\033[1m" : ""; }
    std::string_view caret() const { return on ? "\033[1;32m" : ""; }
    std::string_view reset() const { return on ? "\033[0m" : ""; }
    std::string_view severity(Severity s) const {
        if (!on)
            return "";
        return s == Severity::error     ? "\033[1;31m"
               : s == Severity::warning ? "\033[1;35m"
                                        : "\033[1;36m";
    }
};

std::string_view severity_name(Severity s) {
    return s == Severity::error ? "error" : s == Severity::warning ? "warning" : "note";
}

// The source line of `span` and the carets below it. A span over several lines is marked to the end
// of its first one.
void render_source(std::string &out, Span span, const SourceManager &sources, Colours colours) {
    std::string_view line = sources.line(span.file, span.begin);
    if (line.empty() && span.begin == span.end)
        return;
    size_t column = size_t(sources.position(span.file, span.begin).column) - 1;
    size_t begin = std::min(column, line.size());
    size_t end = std::min(line.size(), begin + (std::max(span.end, span.begin) - span.begin));

    size_t first =
        line.size() > max_columns && begin > max_columns / 2 ? begin - max_columns / 2 : 0;
    size_t last = std::min(line.size(), first + max_columns);
    auto is_continuation = [&](size_t i) {
        return i < line.size() && (static_cast<unsigned char>(line[i]) & 0xC0) == 0x80;
    };
    for (int i = 0; i < 3 && first > 0 && is_continuation(first); ++i)
        --first;
    for (int i = 0; i < 3 && last < line.size() && is_continuation(last); ++i)
        ++last;

    std::string text = first > 0 ? "..." : "";
    std::string marks(text.size(), ' ');
    bool started = false;
    auto mark = [&] { return std::exchange(started, true) ? '~' : '^'; };
    for (const Cell &cell : cells(line, first, last)) {
        text += cell.text;
        marks += cell.byte >= begin && cell.byte < end ? mark() : ' ';
    }
    if (last < line.size())
        text += "...";
    if (!started) // an empty span: one caret where it stands, possibly behind the line
        marks = std::string(cells(line, first, begin).size() + (first > 0 ? 3 : 0), ' ') + '^';
    text.erase(text.find_last_not_of(' ') + 1);
    marks.erase(marks.find_last_not_of(' ') + 1);
    out += fmt::format("{}\n{}{}{}\n", text, colours.caret(), marks, colours.reset());
}

void render_part(std::string &out, Severity severity, std::string_view message, Span span,
                 const SourceManager &sources, Colours colours) {
    std::string place;
    if (span.known()) {
        LineColumn at = sources.position(span.file, span.begin);
        place = fmt::format("{}:{}:{}: ", printable(sources.path(span.file)), at.line, at.column);
    }
    out += fmt::format("{}{}{}{}{}: {}{}{}{}\n", colours.bold(), place, colours.reset(),
                       colours.severity(severity), severity_name(severity), colours.reset(),
                       colours.bold(), printable(message), colours.reset());
    if (span.known())
        render_source(out, span, sources, colours);
}

// Files in the order they were added, unknown places last.
auto sort_key(const Diagnostic &d) {
    return std::make_tuple(!d.span.known(), d.span.file, d.span.begin);
}

} // namespace

std::string printable(std::string_view text) {
    std::string result;
    for (const Cell &cell : cells(text, 0, std::min(text.size(), max_message)))
        result += cell.text;
    if (text.size() > max_message)
        result += "...";
    return result;
}

bool Diagnostics::is_repeated(const Diagnostic &d) const {
    return std::any_of(diagnostics_.begin(), diagnostics_.end(), [&](const Diagnostic &old) {
        if (old.id != d.id || old.span.file != d.span.file || old.span.begin != d.span.begin ||
            old.span.end != d.span.end)
            return false;
        return (once_per_place_ && d.span.known()) || old.message == d.message;
    });
}

DiagnosticBuilder Diagnostics::add(Diagnostic d) {
    overflow_ = {};
    if (is_repeated(d))
        return DiagnosticBuilder(&overflow_);
    size_t &count = d.severity == Severity::error ? errors_ : warnings_;
    if (++count > limit_)
        return DiagnosticBuilder(&overflow_);
    size_t shown = std::min(context_.size(), max_context_notes);
    d.context.assign(context_.rbegin(), context_.rbegin() + std::ptrdiff_t(shown));
    diagnostics_.push_back(std::move(d));
    return DiagnosticBuilder(&diagnostics_.back());
}

std::string Diagnostics::render(const SourceManager &sources, bool colour) const {
    std::vector<size_t> order(diagnostics_.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return sort_key(diagnostics_[a]) < sort_key(diagnostics_[b]);
    });
    Colours colours{colour};
    std::string out;
    for (size_t i : order) {
        const Diagnostic &d = diagnostics_[i];
        render_part(out, d.severity, d.message, d.span, sources, colours);
        for (const std::vector<Note> *notes : {&d.notes, &d.context})
            for (const Note &note : *notes)
                render_part(out, Severity::note, note.message, note.span, sources, colours);
        for (const std::string &help : d.help)
            out += fmt::format("{}help:{} {}\n", colours.severity(Severity::note), colours.reset(),
                               printable(help));
    }
    if (errors_ > limit_)
        out += fmt::format("only the first {} errors are shown\n", limit_);
    return out;
}

namespace {

// Edit distance with transpositions of neighbours, given up beyond `limit`: only the diagonals that
// near the main one can matter then.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
    if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit)
        return limit + 1;
    std::vector<size_t> before(b.size() + 1, limit + 1), previous = before, current = before;
    for (size_t j = 0; j <= std::min(b.size(), limit); ++j)
        previous[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t first = i > limit ? i - limit : 1, last = std::min(b.size(), i + limit);
        current[first - 1] = first == 1 ? i : limit + 1;
        size_t row_best = current[first - 1];
        for (size_t j = first; j <= last; ++j) {
            size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], before[j - 2] + 1);
            row_best = std::min(row_best, current[j]);
        }
        if (last < b.size())
            current[last + 1] = limit + 1;
        if (row_best > limit)
            return limit + 1;
        before.swap(previous);
        previous.swap(current);
    }
    return previous[b.size()];
}

} // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string> &candidates) {
    size_t best_distance = word.size() <= 2 ? 1 : word.size() <= 5 ? 2 : 3;
    std::string best;
    for (const std::string &candidate : candidates) {
        // A name that shares no letter with the word is no suggestion, however short both are.
        size_t distance = edit_distance(word, candidate, best_distance);
        if (distance >= std::max(word.size(), candidate.size()))
            continue;
        if (distance < best_distance || (distance == best_distance && best.empty())) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

} // namespace cnnc
