// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rows of calls of one block, as loops: of calls that are equal, though the first may differ (the
// one that strides), and of such loops that differ in numbers only.
#include "compiler/onnx/decompile_loops.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cnnc::decompiler {

namespace {

constexpr int min_calls = 3; // of a loop

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// A path taken apart at a number: "layer", 1, ".0".
struct Numbered {
    std::string before, after;
    int64_t number = 0;
};

// The one number in which `b` is `a`'s successor, everything else being equal.
std::optional<Numbered> successor(const std::string &a, const std::string &b) {
    const size_t differ =
        size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
    size_t begin = differ;
    while (begin > 0 && is_digit(a[begin - 1])) {
        --begin;
    }
    const auto number_at = [&](const std::string &text) -> std::optional<Numbered> {
        size_t end = begin;
        while (end < text.size() && is_digit(text[end])) {
            ++end;
        }
        const std::string digits = text.substr(begin, end - begin);
        if (digits.empty() || digits.size() > 9 || (digits.size() > 1 && digits[0] == '0')) {
            return std::nullopt;
        }
        return Numbered{text.substr(0, begin), text.substr(end), std::stoll(digits)};
    };
    const std::optional<Numbered> x = number_at(a), y = number_at(b);
    if (!x || !y || x->after != y->after || y->number != x->number + 1) {
        return std::nullopt;
    }
    return x;
}

// Calls whose paths count up.
struct Run {
    int begin = 0, end = 0;
    Numbered path; // of the first
};

class LoopFinder {
  public:
    LoopFinder(const Block &block, const std::vector<int> &uses)
        : items_(block.body().items), segments_(block.segments), uses_(uses) {}

    std::vector<Loop> run() {
        std::vector<Loop> loops;
        const std::vector<Run> runs = find_runs();
        for (size_t first = 0; first < runs.size();) {
            size_t last = first + 1;
            while (last < runs.size() && continues(runs[last - 1], runs[last])) {
                ++last;
            }
            const bool single = last - first == 1;
            const int calls = runs[last - 1].end - runs[first].begin;
            if (calls >= min_calls && is_even(runs[first])) {
                loops.push_back(loop({runs.begin() + long(first), runs.begin() + long(last)}));
            } else if (single) {
                add_even_parts(runs[first], loops);
            }
            first = last;
        }
        return loops;
    }

  private:
    const Item &item(int i) const { return items_[size_t(i)]; }

    // Whether item i takes the value of the one before, and nobody else does.
    bool follows(int i) const {
        const Item &a = item(i - 1), &b = item(i);
        const bool crosses = std::any_of(segments_.begin(), segments_.end(), [i](const Segment &s) {
            return s.begin == i || s.end == i;
        });
        return !crosses && a.is_block() && b.is_block() && a.call.callee == b.call.callee &&
               b.operands.size() == 1 && a.operands.size() == 1 &&
               b.operands[0].kind == Operand::Kind::item && b.operands[0].index == i - 1 &&
               uses_[size_t(i - 1)] == 1;
    }

    std::vector<Run> find_runs() const {
        std::vector<Run> runs;
        for (int i = 1; i < int(items_.size()); ++i) {
            if (!follows(i)) {
                continue;
            }
            const std::optional<Numbered> number = successor(item(i - 1).path, item(i).path);
            if (!number) {
                continue;
            }
            const bool goes_on = !runs.empty() && runs.back().end == i &&
                                 runs.back().path.before == number->before &&
                                 runs.back().path.after == number->after;
            if (goes_on) {
                ++runs.back().end;
            } else if (runs.empty() || runs.back().end <= i - 1) {
                runs.push_back({i - 1, i + 1, *number});
            }
        }
        return runs;
    }

    // Whether all calls but the first are equal; the first may differ in what has a default.
    bool is_even(const Run &run) const { return even_until(run.begin, run.end) == run.end; }

    int even_until(int begin, int end) const {
        const auto texts = [&](int i, bool required) {
            std::vector<std::string> result;
            const OperatorCall &call = item(i).call;
            for (size_t a = 0; a < call.arguments.size(); ++a) {
                if (!required || a < call.positional) {
                    result.push_back(call.arguments[a].text);
                }
            }
            return result;
        };
        int next = begin + 1;
        while (next < end && texts(next, true) == texts(begin, true) &&
               texts(next, false) == texts(begin + 1, false)) {
            ++next;
        }
        return next;
    }

    // The next stage of a nested loop: the same calls, one number further up in front.
    bool continues(const Run &a, const Run &b) const {
        const bool alike = a.end == b.begin && follows(b.begin) && is_even(a) && is_even(b) &&
                           a.path.number == b.path.number && a.path.after == b.path.after;
        return alike && successor(a.path.before, b.path.before).has_value();
    }

    // Long parts of a run that is uneven as a whole.
    void add_even_parts(const Run &run, std::vector<Loop> &loops) const {
        constexpr int long_run = 24; // shorter ones read well as a chain
        for (int begin = run.begin; begin < run.end && run.end - run.begin > long_run;) {
            const int end = even_until(begin, run.end);
            if (end - begin >= min_calls) {
                Run part{begin, end, run.path};
                part.path.number += begin - run.begin;
                loops.push_back(loop({part}));
            }
            begin = end;
        }
    }

    static std::string plus(const std::string &variable, int64_t offset) {
        return offset == 0 ? variable : fmt::format("{} + {}", variable, offset);
    }

    Loop loop(const std::vector<Run> &runs) const {
        Loop loop;
        loop.begin = runs.front().begin;
        loop.end = runs.back().end;
        const Numbered &path = runs.front().path;
        std::vector<std::string> counts;
        for (const Run &run : runs) {
            counts.push_back(std::to_string(run.end - run.begin + path.number));
        }
        std::string prefix = path.before;
        if (runs.size() > 1) {
            const Numbered outer = *successor(path.before, runs[1].path.before);
            prefix =
                fmt::format("{}{{{}}}{}", outer.before, plus("stage", outer.number), outer.after);
            loop.heads.push_back(fmt::format("for stage in 0..{}", runs.size()));
        }
        loop.heads.push_back(fmt::format("for i in {}..{}", path.number, by_stage(counts)));
        loop.path = fmt::format("{}{{i}}{}", prefix, path.after);
        loop.call = call_text(runs);
        return loop;
    }

    static bool all_equal(const std::vector<std::string> &texts) {
        return std::all_of(texts.begin(), texts.end(),
                           [&](const std::string &text) { return text == texts[0]; });
    }

    // One text for every stage.
    static std::string by_stage(const std::vector<std::string> &texts) {
        return all_equal(texts) ? texts[0] : fmt::format("[{}][stage]", fmt::join(texts, ", "));
    }

    std::string call_text(const std::vector<Run> &runs) const {
        const OperatorCall &call = item(runs[0].begin).call;
        std::vector<std::string> arguments;
        for (size_t a = 0; a < call.arguments.size(); ++a) {
            std::vector<std::string> first, rest;
            bool implied = true;
            for (const Run &run : runs) {
                const Argument &x = item(run.begin).call.arguments[a];
                const Argument &y = item(run.begin + 1).call.arguments[a];
                first.push_back(x.text);
                rest.push_back(y.text);
                implied &= x.implied && y.implied;
            }
            if (!implied) {
                const std::string text = argument_text(first, rest, runs[0].path.number);
                const bool named = a >= call.positional;
                arguments.push_back(named ? call.arguments[a].name + "=" + text : text);
            }
        }
        return arguments.empty() ? call.callee
                                 : fmt::format("{}({})", call.callee, fmt::join(arguments, ", "));
    }

    static std::string argument_text(const std::vector<std::string> &first,
                                     const std::vector<std::string> &rest, int64_t start) {
        if (first == rest) {
            return by_stage(first);
        }
        const bool later = first.size() > 2 && first[0] == rest[0] && all_equal(rest) &&
                           all_equal({first.begin() + 1, first.end()});
        if (later) {
            return fmt::format("{} if stage > 0 and i == {} else {}", first[1], start, rest[0]);
        }
        return fmt::format("{} if i == {} else {}", by_stage(first), start, by_stage(rest));
    }

    const std::vector<Item> &items_;
    const std::vector<Segment> &segments_;
    const std::vector<int> &uses_;
};

} // namespace

std::vector<Loop> find_loops(const Block &block, const std::vector<int> &uses) {
    return LoopFinder(block, uses).run();
}

std::vector<std::string> written_arguments(const OperatorCall &call) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < call.arguments.size(); ++i) {
        const Argument &argument = call.arguments[i];
        if (!argument.implied) {
            texts.push_back(i < call.positional ? argument.text
                                                : argument.name + "=" + argument.text);
        }
    }
    return texts;
}

} // namespace cnnc::decompiler
