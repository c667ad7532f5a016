// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Diagnostics: what a user is told about a mistake, and where.
//
// Each room declares its diagnostics once, by name, in a `<room>_diagnostics.def` file:
//
//     CNNC_ERROR(unknown_operator, "unknown operator `{}`", std::string_view)
//     CNNC_NOTE(declared_here, "`{}` is declared here", std::string_view)
//
// which its header `<room>_diagnostics.h` turns into types with CNNC_DECLARE_DIAGNOSTIC below. They
// are reported with arguments that are checked against the format when cnnc is compiled:
//
//     diags.report<diag::unknown_operator>(span, name)
//          .note<diag::declared_here>(other, name)
//          .help("did you mean `{}`?", best);
//
// Wording: lower case, no full stop, names in backticks, what was expected and what was found.
#pragma once

#include "dsl/source.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cnnc {

enum class Severity { error, warning, note };

// Any text as one line of printable text, and not too long a one.
std::string printable(std::string_view text);

// A second place that has to do with a diagnostic. Its span may be unknown; then only the text
// prints (for places outside .cnn text: an entry of a weights file, say).
struct Note {
    std::string message;
    Span span;
};

struct Diagnostic {
    Severity severity = Severity::error;
    std::string id; // the name in the .def file
    std::string message;
    Span span;
    std::vector<Note> notes;
    std::vector<Note> context; // the calls it happened in, innermost first; printed after notes
    std::vector<std::string> help;
};

// clang-format off
#define CNNC_DECLARE_DIAGNOSTIC(NAME, SEVERITY, TEXT)                                              \
    struct NAME {                                                                                  \
        static constexpr Severity severity = Severity::SEVERITY;                                   \
        static constexpr std::string_view id = #NAME;                                              \
        template <typename... Args>                                                                \
        static std::string format(const Args &...args) {                                           \
            return fmt::format(FMT_STRING(TEXT), args...);                                         \
        }                                                                                          \
    };
// clang-format on

// Extends the diagnostic that was just reported; valid until the next report.
class DiagnosticBuilder {
  public:
    explicit DiagnosticBuilder(Diagnostic *diagnostic) : diagnostic_(diagnostic) {}

    template <typename D, typename... Args>
    DiagnosticBuilder &note(Span span, const Args &...args) {
        static_assert(D::severity == Severity::note, "only notes can be attached");
        diagnostic_->notes.push_back({D::format(args...), span});
        return *this;
    }

    DiagnosticBuilder &help(std::string text) {
        diagnostic_->help.push_back(std::move(text));
        return *this;
    }

  private:
    Diagnostic *diagnostic_;
};

// Collects diagnostics. At most `limit` errors and as many warnings are kept (the rest are
// counted), so that hostile input costs bounded memory. One that repeats an earlier one (same kind,
// place and text) is dropped.
class Diagnostics {
  public:
    explicit Diagnostics(size_t limit = 100) : limit_(limit) {}

    template <typename D, typename... Args>
    DiagnosticBuilder report(Span span, const Args &...args) {
        return add({D::severity, std::string(D::id), D::format(args...), span, {}, {}, {}});
    }

    DiagnosticBuilder add(Diagnostic diagnostic);

    bool has_errors() const { return errors_ > 0; }
    size_t error_count() const { return errors_; }
    // True once the limit is reached: producers should stop looking for more.
    bool full() const { return errors_ >= limit_; }
    const std::vector<Diagnostic> &all() const { return diagnostics_; }

    // While code is elaborated that may run many times (a block's body), a mistake is worth telling
    // once per place, whatever the numbers in its text.
    void set_once_per_place(bool once) { once_per_place_ = once; }

    // Notes that every diagnostic reported meanwhile carries: the calls on the way to it.
    void push_context(Note note) { context_.push_back(std::move(note)); }
    void pop_context() { context_.pop_back(); }

    // In source order (by file, then position; diagnostics without a place last):
    //
    //     net.cnn:4:23: error: unknown operator `cnv2d`
    //         features = image -> cnv2d(6, kernel=5)
    //                             ^~~~~
    //     help: did you mean `conv2d`?
    //
    // Each part is one line whatever the source holds: tabs are expanded, unprintable bytes
    // replaced and long lines cut down to the part around the caret.
    std::string render(const SourceManager &sources, bool colour = false) const;

  private:
    bool is_repeated(const Diagnostic &diagnostic) const;

    size_t limit_;
    size_t errors_ = 0, warnings_ = 0;
    bool once_per_place_ = false;
    std::vector<Diagnostic> diagnostics_;
    std::vector<Note> context_;
    Diagnostic overflow_; // what a builder extends when the diagnostic itself was dropped
};

// The candidate nearest to `word` by edit distance, or "" when none is near enough to suggest.
std::string nearest_name(std::string_view word, const std::vector<std::string> &candidates);

} // namespace cnnc
