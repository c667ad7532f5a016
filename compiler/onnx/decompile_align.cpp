// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Bodies that differ in parts that some have and others lack, as one body.
#include "compiler/onnx/decompile_blocks.h"

#include <algorithm>
#include <numeric>

namespace cnnc::decompiler {

namespace {

// A skeleton without some of another's steps.
struct Reduced {
    Skeleton skeleton;
    std::vector<int> origin; // step -> step of the whole
};

// `operand` of the whole, in a skeleton where step `k` became step to[k].
Operand renumbered(Operand operand, const std::vector<int> &to) {
    if (operand.kind == Operand::Kind::item) {
        operand.index = to[size_t(operand.index)];
    }
    return operand;
}

Reduced without(const Skeleton &whole, const Segment &segment) {
    Reduced result;
    std::vector<int> to(whole.steps.size(), -1);
    for (int i = 0; i < int(whole.steps.size()); ++i) {
        if (i < segment.begin || i >= segment.end) {
            to[size_t(i)] = int(result.origin.size());
            result.origin.push_back(i);
        }
    }
    if (segment.otherwise.kind == Operand::Kind::item) {
        to[size_t(segment.end - 1)] = to[size_t(segment.otherwise.index)];
    }
    auto map = [&](const Operand &operand) {
        const bool last = operand.kind == Operand::Kind::item && operand.index == segment.end - 1;
        return last && segment.otherwise.kind != Operand::Kind::item ? segment.otherwise
                                                                     : renumbered(operand, to);
    };
    for (int i : result.origin) {
        Skeleton::Step step = whole.steps[size_t(i)];
        std::transform(step.operands.begin(), step.operands.end(), step.operands.begin(), map);
        result.skeleton.steps.push_back(std::move(step));
    }
    result.skeleton.result = map(whole.result);
    return result;
}

// Whether `part` is `whole` without steps [begin, end), and what stands in their place.
class Cut {
  public:
    Cut(const Skeleton &whole, const Skeleton &part, int begin)
        : whole_(whole), part_(part), begin_(begin),
          end_(begin + int(whole.steps.size() - part.steps.size())) {}

    std::optional<Segment> find() {
        for (int i = end_; i < int(whole_.steps.size()); ++i) {
            const Skeleton::Step &a = whole_.steps[size_t(i)];
            const Skeleton::Step &b = part_.steps[size_t(i - (end_ - begin_))];
            if (a.what != b.what || a.operands.size() != b.operands.size()) {
                return std::nullopt;
            }
            for (size_t k = 0; k < a.operands.size(); ++k) {
                if (!matches(a.operands[k], b.operands[k])) {
                    return std::nullopt;
                }
            }
        }
        if (!matches(whole_.result, part_.result) || !otherwise_) {
            return std::nullopt;
        }
        return Segment{begin_, end_, *otherwise_, ""};
    }

  private:
    bool matches(const Operand &a, const Operand &b) {
        if (a.kind != Operand::Kind::item || a.index < begin_) {
            return a == b;
        }
        if (a.index >= end_) {
            return b.kind == a.kind && b.index == a.index - (end_ - begin_);
        }
        const bool earlier =
            b.kind == Operand::Kind::input || (b.kind == Operand::Kind::item && b.index < begin_);
        if (a.index != end_ - 1 || !earlier || (otherwise_ && *otherwise_ != b)) {
            return false;
        }
        otherwise_ = b;
        return true;
    }

    const Skeleton &whole_;
    const Skeleton &part_;
    const int begin_, end_;
    std::optional<Operand> otherwise_;
};

bool same_step(const Skeleton::Step &a, const Skeleton::Step &b) {
    return a.what == b.what && a.operands == b.operands;
}

std::optional<Segment> difference(const Skeleton &whole, const Skeleton &part) {
    if (part.steps.size() >= whole.steps.size()) {
        return std::nullopt;
    }
    const auto [a, b] = std::mismatch(part.steps.begin(), part.steps.end(), whole.steps.begin(),
                                      whole.steps.end(), same_step);
    // A segment may begin like what follows it: then a cut further in front may do.
    const int common = int(a - part.steps.begin());
    for (int begin = common; begin >= 0 && begin > common - 8; --begin) {
        if (std::optional<Segment> segment = Cut(whole, part, begin).find()) {
            return segment;
        }
    }
    return std::nullopt;
}

bool same_segment(const Segment &a, const Segment &b) {
    return a.begin == b.begin && a.end == b.end && a.otherwise == b.otherwise;
}

class Aligner {
  public:
    explicit Aligner(const std::vector<const Skeleton *> &variants) : variants_(variants) {}

    Alignment run() {
        std::vector<size_t> order(variants_.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
            return variants_[a]->steps.size() > variants_[b]->steps.size();
        });
        result_.base = order[0];
        result_.present.resize(variants_.size());
        base_text_ = base().text();
        for (size_t variant : order) {
            std::optional<std::vector<size_t>> missing = missing_segments(*variants_[variant]);
            if (missing) {
                std::vector<bool> present(16, true);
                for (size_t segment : *missing) {
                    present[segment] = false;
                }
                result_.present[variant] = std::move(present);
            }
        }
        for (auto &present : result_.present) {
            if (present) {
                present->resize(result_.segments.size(), true);
            }
        }
        return std::move(result_);
    }

  private:
    const Skeleton &base() const { return *variants_[result_.base]; }

    // The segments that a variant lacks, or nothing if it differs in another way.
    std::optional<std::vector<size_t>> missing_segments(const Skeleton &variant) {
        if (variant.text() == base_text_) {
            return std::vector<size_t>();
        }
        if (std::optional<Segment> segment = difference(base(), variant)) {
            const std::optional<size_t> index = index_of(*segment);
            return index ? std::optional(std::vector<size_t>{*index}) : std::nullopt;
        }
        for (size_t known = 0; known < result_.segments.size(); ++known) {
            const Reduced reduced = without(base(), result_.segments[known]);
            const std::optional<Segment> segment = difference(reduced.skeleton, variant);
            const std::optional<size_t> index =
                segment ? index_of(in_whole(*segment, reduced)) : std::nullopt;
            if (index) {
                return std::vector<size_t>{known, *index};
            }
        }
        return std::nullopt;
    }

    static Segment in_whole(Segment segment, const Reduced &reduced) {
        const int size = segment.end - segment.begin;
        segment.begin = reduced.origin[size_t(segment.begin)];
        segment.end = segment.begin + size;
        if (segment.otherwise.kind == Operand::Kind::item) {
            segment.otherwise.index = reduced.origin[size_t(segment.otherwise.index)];
        }
        return segment;
    }

    // Segments are few and lie apart.
    std::optional<size_t> index_of(const Segment &segment) {
        const bool most = (segment.end - segment.begin) * 3 > int(base().steps.size()) * 2;
        if (most || segment.end > int(base().steps.size())) {
            return std::nullopt;
        }
        for (size_t i = 0; i < result_.segments.size(); ++i) {
            const Segment &known = result_.segments[i];
            if (same_segment(known, segment)) {
                return i;
            }
            if (segment.begin < known.end && known.begin < segment.end) {
                return std::nullopt;
            }
        }
        if (result_.segments.size() >= 3) {
            return std::nullopt;
        }
        result_.segments.push_back(segment);
        return result_.segments.size() - 1;
    }

    const std::vector<const Skeleton *> &variants_;
    Alignment result_;
    std::string base_text_;
};

void append(std::string &text, const Operand &operand) {
    switch (operand.kind) {
    case Operand::Kind::item:
        text += " %" + std::to_string(operand.index);
        break;
    case Operand::Kind::input:
        text += " $" + std::to_string(operand.index);
        break;
    case Operand::Kind::text:
        text += " " + operand.text;
        break;
    }
}

// Numbers and lists of them differ from instance to instance; words and reals tell blocks apart.
bool may_vary(const Argument &argument, bool of_block) {
    return of_block || std::holds_alternative<int64_t>(argument.value.v) ||
           std::holds_alternative<ValueList>(argument.value.v);
}

} // namespace

std::string Skeleton::text() const {
    std::string text;
    for (const Step &step : steps) {
        text += step.what;
        for (const Operand &operand : step.operands) {
            append(text, operand);
        }
        text += "\n";
    }
    append(text, result);
    return text;
}

Skeleton skeleton_of(const Body &body) {
    Skeleton skeleton;
    for (const Item &item : body.items) {
        std::string what = item.call.callee;
        for (const Argument &argument : item.call.arguments) {
            what += "," + argument.name;
            if (!may_vary(argument, item.is_block())) {
                what += "=" + value_text(argument.value);
            }
        }
        what += (item.shared ? " shared " : " as ") + item.path;
        skeleton.steps.push_back({std::move(what), item.operands});
    }
    if (!body.results.empty()) {
        skeleton.result = body.results[0];
    }
    return skeleton;
}

Alignment align(const std::vector<const Skeleton *> &variants) {
    return Aligner(variants).run();
}

} // namespace cnnc::decompiler
